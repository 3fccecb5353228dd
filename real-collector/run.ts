/** Plays one scenario: a witness, a real Collector in front of it, a service, and what happens to the Collector meanwhile. */

import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { epochMillis } from '../soak/witness.ts';
import { CollectorProcess } from './collector-process.ts';
import type { Facts } from './judge.ts';
import { Nginx } from './nginx.ts';
import { environmentOf, makeFiles, siteOf } from './proxy.ts';
import type { Scenario } from './scenarios.ts';
import { ServiceProcess } from './service-process.ts';
import { Witness } from './witness.ts';

const POLL_MILLIS = 20;
/** In which a process finds what is on disk. */
const FOUND_MILLIS = 2_000;
const FIRST_TOKEN = 'first';
const SECOND_TOKEN = 'second';

export interface Programs {
  readonly collector: string;
  /** For scenarios that have a proxy. */
  readonly nginx?: string;
}

export async function play(
  { collector: binary, nginx: nginxBinary }: Programs,
  { lane, hasSpool, recordsPerSecond, limits = {}, latencyMillis = 0, proxy, act, end }: Scenario,
): Promise<Facts> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-collector-'));
  const spoolDirectory = join(directory, 'spool');
  const witness = await Witness.start();
  witness.answerAfter(latencyMillis);
  const collector = new CollectorProcess(binary, directory);
  let service: ServiceProcess | undefined;
  let nginx: Nginx | undefined;
  let killedMillis: number | undefined;
  let backMillis: number | undefined;
  try {
    const { httpUrl, grpcUrl } = await collector.configure(witness.logsUrl, limits);
    await collector.start();
    const files = { directory: join(directory, 'nginx'), tokenFile: join(directory, 'token') };
    const siteWith = (token: string) => siteOf(proxy ?? {}, files, new URL(httpUrl).host, token);
    if (proxy !== undefined) {
      await mkdir(files.directory);
      await makeFiles(proxy, files, FIRST_TOKEN);
      nginx = await Nginx.start(nginxBinary as string, files.directory, siteWith(FIRST_TOKEN));
    }
    const base = nginx === undefined ? httpUrl : `${proxy?.tls ? 'https' : 'http'}://${nginx.address}`;
    const plan = {
      lane,
      url: lane.includes('grpc') ? grpcUrl : `${base}/v1/logs`,
      ...(proxy && { environment: environmentOf(proxy, files) }),
      ...(proxy?.hasToken && { tokenFile: files.tokenFile }),
      recordsPerSecond,
      ...(hasSpool && { spoolDirectory }),
    };
    service = await ServiceProcess.start(plan);
    await act({
      async outage(millis) {
        const start = performance.now();
        killedMillis = epochMillis();
        await collector.kill();
        witness.expect();
        await sleep(millis - (performance.now() - start));
        backMillis = await collector.start();
      },
      async slowness(millis, eachMillis) {
        witness.answerAfter(eachMillis);
        await sleep(millis);
        witness.answerAfter(latencyMillis);
      },
      async rotation(millis) {
        await nginx?.change(siteWith(SECOND_TOKEN));
        await sleep(millis);
        await writeFile(files.tokenFile, SECOND_TOKEN);
      },
      async recovery(maxMillis) {
        const deadline = performance.now() + maxMillis;
        while (witness.firstSince === undefined && performance.now() < deadline) await sleep(POLL_MILLIS);
      },
    });
    const ended = end === 'SIGTERM' ? await service.terminate() : await service.finish();
    const { failures, said } = service;
    if (end === 'SIGTERM' && hasSpool) {
      service = await ServiceProcess.start({ ...plan, recordsPerSecond: 0 });
      await sleep(FOUND_MILLIS);
      await service.finish();
    }
    const killed = killedMillis ?? Number.POSITIVE_INFINITY;
    return {
      ended,
      arrived: [...witness.first.values()],
      again: witness.again,
      killedMillis,
      failedMillis: failures.find((atMillis) => atMillis >= killed),
      backMillis,
      firstSinceMillis: backMillis === undefined ? undefined : witness.firstSince,
      latencyMillis,
      peakRequests: witness.peakRequests,
      left: hasSpool ? await readdir(spoolDirectory) : [],
      said,
      collectorSaid: collector.printed,
    };
  } finally {
    service?.kill();
    await nginx?.stop();
    await collector.kill();
    await witness.close();
    await rm(directory, { recursive: true, force: true });
  }
}
