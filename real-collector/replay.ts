/** `spool replay` into a Collector that is not there, then refuses, and then recovers: it ends when all has arrived. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ID_ATTRIBUTE } from '../bench/support/records.ts';
import { root, run } from '../scripts/tools.ts';
import { TestCollector } from '../src/testing/test-collector.ts';
import { CollectorProcess } from './collector-process.ts';
import { ServiceProcess } from './service-process.ts';

const LOGGING_MILLIS = 3_000;
const GONE_MILLIS = 3_000;
const REFUSING_MILLIS = 4_000;
const MAX_REPLAY_MILLIS = 90_000;

/** @returns what did not hold, in words. */
export async function replayIntoRecovery(binary: string): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-replay-'));
  const spoolDirectory = join(directory, 'spool');
  const witness = await TestCollector.start({ keep: 'ids', identity: { attribute: ID_ATTRIBUTE } });
  const collector = new CollectorProcess(binary, directory);
  let service: ServiceProcess | undefined;
  try {
    const { httpUrl } = await collector.configure(witness.logsUrl, {});
    service = await ServiceProcess.start({
      lane: 'own',
      url: `${httpUrl}/v1/logs`,
      recordsPerSecond: 1_000,
      spoolDirectory,
    });
    await sleep(LOGGING_MILLIS);
    const { emitted } = await service.terminate();
    const args = [join(root, 'dist/cli.mjs'), 'spool', 'replay', spoolDirectory, '--endpoint', httpUrl];
    const replay = run(process.execPath, args, { timeoutMillis: MAX_REPLAY_MILLIS });
    await sleep(GONE_MILLIS);
    await witness.become(503);
    await collector.start();
    await sleep(REFUSING_MILLIS);
    const early = witness.ids.size;
    await witness.become('well');
    const { status, output } = await replay;
    const left = await readdir(spoolDirectory);
    console.log(
      `spool replay: ${emitted} records left by a service, ${witness.ids.size} arrived, ended with ${status}`,
    );
    return [
      ...(early === 0 ? [] : [`${early} records arrived before the recovery`]),
      ...(status === 0 ? [] : [`spool replay ended with ${status}: ${output}`]),
      ...(witness.ids.size === emitted
        ? []
        : [`${emitted - witness.ids.size} of ${emitted} records did not arrive`]),
      ...(left.length === 0 ? [] : [`spool replay has left ${left.join(', ')}`]),
    ];
  } finally {
    service?.kill();
    await collector.kill();
    await witness.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
