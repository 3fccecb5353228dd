/** A fleet of real processes in front of one real gateway, which is killed or restarted under load; behind it a witness. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ID_ATTRIBUTE, typical } from '../bench/support/records.ts';
import { CollectorProcess } from '../real-collector/collector-process.ts';
import { ServiceProcess } from '../real-collector/service-process.ts';
import { Witness } from '../real-collector/witness.ts';
import { root } from '../scripts/tools.ts';
import { epochMillis } from '../soak/witness.ts';
import { busiest, type FleetFigures, type FleetPlan, loggedIn } from './plan.ts';

/** As operators would run it. */
const GATEWAY = join(root, 'ops/collector/gateway.yaml');
const CALM_MILLIS = 5_000;
/** Records of one service have numbers of their own. */
const RECORDS_OF_A_SERVICE = 10_000_000;
const MAX_RETURN_MILLIS = 60_000;
const POLL_MILLIS = 50;
const MAX_AFTERMATH_MILLIS = 90_000;

export interface RealPlan extends FleetPlan {
  /** SIGTERM as in a deployment, SIGKILL as when memory runs out. */
  readonly signal: 'SIGTERM' | 'SIGKILL';
}

export interface RealFigures extends FleetFigures {
  /** Records that are neither here nor accounted for by a process as dropped. */
  readonly unexplained: number;
  /** For how long the gateway was away, its start included. */
  readonly awayMillis: number;
  /** What came through until all was drained, as a multiple of what is logged: the gateway, the backend, this machine. */
  readonly capacity: number;
}

interface Running {
  readonly service: ServiceProcess;
  readonly startMillis: number;
  readonly firstRecord: number;
}

export async function playFleet(binary: string, plan: RealPlan): Promise<RealFigures> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-fleet-'));
  const witness = await Witness.start();
  const gateway = new CollectorProcess(binary, directory);
  const running: Running[] = [];
  try {
    const { http } = await gateway.use(GATEWAY, ['http', 'grpc', 'health'], ({ http, grpc, health }) => ({
      GATEWAY_HTTP: http,
      GATEWAY_GRPC: grpc,
      GATEWAY_HEALTH: health,
      GATEWAY_DIRECTORY: join(directory, 'queue'),
      BACKEND_LOGS_URL: witness.logsUrl,
    }));
    await gateway.start();
    for (let index = 0; index < plan.processes; index++) {
      running.push(await start(plan, index, `http://${http}/v1/logs`, directory));
    }
    await sleep(CALM_MILLIS);
    const downSince = performance.now();
    const downMillis = epochMillis();
    await gateway.kill(plan.signal);
    await sleep(plan.outageMillis - (performance.now() - downSince));
    witness.expect();
    const backMillis = await gateway.start();
    const deadline = performance.now() + MAX_RETURN_MILLIS;
    while (witness.firstSince === undefined && performance.now() < deadline) await sleep(POLL_MILLIS);
    await sleep(Math.max(CALM_MILLIS, plan.outageMillis / 2));
    const ended = await Promise.all(running.map(({ service }) => service.finish()));
    const offered = ended.reduce((sum, { emitted }) => sum + emitted, 0);
    const dropped = ended.reduce(
      (sum, { stats }) =>
        sum + Object.values(stats?.dropped ?? {}).reduce((all, records) => all + records, 0),
      0,
    );
    // The gateway passes on what it had on disk.
    const latest = performance.now() + MAX_AFTERMATH_MILLIS;
    while (witness.first.size < offered - dropped && performance.now() < latest) await sleep(POLL_MILLIS);
    const lost = offered - witness.first.size;
    const since = [...witness.first.values()]
      .filter((atMillis) => atMillis >= backMillis)
      .sort((a, b) => a - b);
    const drainedMillis = drained(running, witness, plan, backMillis);
    const until = backMillis + drainedMillis;
    const rate = plan.processes * plan.recordsPerSecond;
    const attempts = ended.reduce((sum, { stats }) => sum + (stats?.exports.attempts ?? 0), 0);
    const failures = ended.reduce((sum, { stats }) => sum + (stats?.exports.failures ?? 0), 0);
    return {
      offered,
      lost,
      lostShare: lost / loggedIn(plan, backMillis - downMillis),
      dropped,
      unexplained: lost - dropped,
      twice: witness.again.length,
      resumedMillis: since[0] === undefined ? undefined : since[0] - backMillis,
      drainedMillis,
      awayMillis: backMillis - downMillis,
      capacity: since.filter((atMillis) => atMillis <= until).length / loggedIn(plan, drainedMillis),
      peakLoad:
        busiest(
          since,
          since.map(() => 1),
          1_000,
        ) / rate,
      peakRequestsPerSecond: Number.NaN,
      refusedShare: failures / attempts,
    };
  } finally {
    for (const { service } of running) service.kill();
    await gateway.kill();
    await witness.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function start(
  { recordsPerSecond, maxQueueBytes, hasSpool }: FleetPlan,
  index: number,
  url: string,
  directory: string,
): Promise<Running> {
  const firstRecord = index * RECORDS_OF_A_SERVICE;
  const service = await ServiceProcess.start({
    lane: 'own',
    url,
    recordsPerSecond,
    firstRecord,
    ...(maxQueueBytes !== undefined && { maxQueueBytes }),
    ...(hasSpool && { spoolDirectory: join(directory, `spool-${index}`) }),
  });
  return { service, startMillis: epochMillis(), firstRecord };
}

/** From the return until the last record arrived that was logged before. */
function drained(
  running: readonly Running[],
  { first }: Witness,
  { recordsPerSecond }: FleetPlan,
  backMillis: number,
): number {
  let last = backMillis;
  for (const { startMillis, firstRecord } of running) {
    const before = Math.floor(((backMillis - startMillis) / 1_000) * recordsPerSecond);
    for (let index = 0; index < before; index++) {
      const id = typical(firstRecord + index).attributes?.[ID_ATTRIBUTE] as string;
      last = Math.max(last, first.get(id) ?? 0);
    }
  }
  return last - backMillis;
}
