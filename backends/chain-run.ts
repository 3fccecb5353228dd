/** All of `ops/` in a row: services, an agent, nginx, two gateways, and a witness; and each of them gone for a while. */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CollectorProcess } from '../real-collector/collector-process.ts';
import { Nginx, type Site } from '../real-collector/nginx.ts';
import { ServiceProcess } from '../real-collector/service-process.ts';
import { Witness } from '../real-collector/witness.ts';
import { root, withTemporaryDirectory } from '../scripts/tools.ts';

const CONFIGURATIONS = join(root, 'ops/collector');
const SITE = join(root, 'ops/nginx/otlp.conf');
const SERVICES = 2;
const RATE = 500;
const RECORDS_OF_A_SERVICE = 10_000_000;
const CALM_MILLIS = 3_000;
const AWAY_MILLIS = 4_000;
const AFTERMATH_MILLIS = 3_000;
/** What one gateway gets at least, as a share of what both get. */
const FAIR_SHARE = 0.2;

/** @returns what did not hold, in words. */
export function playChain(collector: string, nginx: string): Promise<string[]> {
  return withTemporaryDirectory(async (directory) => {
    const stops: (() => Promise<unknown>)[] = [];
    const problems: string[] = [];
    try {
      // Each gateway has a witness of its own.
      const witnesses = [await Witness.start(), await Witness.start()] as const;
      for (const witness of witnesses) stops.push(() => witness.close());
      const gateways: CollectorProcess[] = [];
      const addresses: string[] = [];
      for (const [index, witness] of witnesses.entries()) {
        const gateway = new CollectorProcess(collector, directory);
        const ports = await gateway.use(
          join(CONFIGURATIONS, 'gateway.yaml'),
          ['http', 'grpc', 'health'],
          ({ http, grpc, health }) => ({
            GATEWAY_HTTP: http,
            GATEWAY_GRPC: grpc,
            GATEWAY_HEALTH: health,
            GATEWAY_DIRECTORY: join(directory, `queue-${index}`),
            BACKEND_LOGS_URL: witness.logsUrl,
          }),
        );
        await gateway.start();
        stops.push(() => gateway.kill());
        gateways.push(gateway);
        addresses.push(ports.http);
      }
      const home = join(directory, 'nginx');
      await mkdir(home);
      const balancer = await Nginx.start(nginx, home, siteFor(addresses, await readFile(SITE, 'utf8')));
      stops.push(() => balancer.stop());
      const agent = new CollectorProcess(collector, directory);
      const { http: agentAddress } = await agent.use(
        join(CONFIGURATIONS, 'agent.yaml'),
        ['http', 'grpc', 'health'],
        ({ http, grpc, health }) => ({
          AGENT_HTTP: http,
          AGENT_GRPC: grpc,
          AGENT_HEALTH: health,
          GATEWAY_URL: `http://${balancer.address}`,
        }),
      );
      await agent.start();
      stops.push(() => agent.kill());
      const services: ServiceProcess[] = [];
      for (let index = 0; index < SERVICES; index++) {
        const service = await ServiceProcess.start({
          lane: 'own',
          url: `http://${agentAddress}/v1/logs`,
          recordsPerSecond: RATE,
          firstRecord: index * RECORDS_OF_A_SERVICE,
        });
        stops.push(async () => service.kill());
        services.push(service);
      }
      await sleep(CALM_MILLIS);
      const calm = witnesses.map(({ first }) => first.size);
      const away = async (process: CollectorProcess) => {
        await process.kill();
        await sleep(AWAY_MILLIS);
        await process.start();
        await sleep(CALM_MILLIS);
      };
      await away(gateways[0] as CollectorProcess);
      await away(agent);
      await Promise.all(gateways.map((gateway) => gateway.kill()));
      await sleep(AWAY_MILLIS);
      await Promise.all(gateways.map((gateway) => gateway.start()));
      await sleep(CALM_MILLIS);
      const ended = await Promise.all(services.map((service) => service.finish()));
      await sleep(AFTERMATH_MILLIS);

      const arrived = new Set(witnesses.flatMap(({ first }) => [...first.keys()]));
      const all = witnesses.reduce((sum, { first, again }) => sum + first.size + again.length, 0);
      const emitted = ended.reduce((sum, { emitted: of }) => sum + of, 0);
      const twice = all - arrived.size;
      console.log(
        `services, agent, nginx, two gateways, each of them killed: ${emitted} logged, ${emitted - arrived.size} lost, ${twice} twice`,
      );
      if (arrived.size !== emitted) problems.push(`${emitted - arrived.size} of ${emitted} records are lost`);
      const [one = 0, other = 0] = calm;
      if (Math.min(one, other) < FAIR_SHARE * (one + other)) {
        problems.push(`the gateways got ${one} and ${other} records`);
      }
      return problems;
    } finally {
      await Promise.all(stops.map((stop) => stop()));
    }
  });
}

/** Its names replaced by addresses of this machine. */
function siteFor(gateways: readonly string[], text: string): Site {
  const replaced = (site: string, from: string, to: string) => {
    if (!site.includes(from)) throw new Error(`${SITE} has no '${from}'`);
    return site.replace(from, to);
  };
  const site = gateways.reduce(
    (all, gateway, index) => replaced(all, `gateway-${index + 1}:4318`, gateway),
    text,
  );
  return (address) => replaced(site, 'listen 4318;', `listen ${address};`);
}
