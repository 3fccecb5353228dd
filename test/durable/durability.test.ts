/** The table of docs/what-happens-when.md, what is lost when: ends that no code of a process or a thread hears of. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { SpillwayLogRecordProcessor } from '../../src/index.ts';
import { expectLaw } from '../support/records.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';
import { scriptPath } from '../support/scripts.ts';
import { until } from '../support/until.ts';

const CHILD = scriptPath('lingering');
/** Has a process or a thread log in every scenario, each of which has a directory below this one, and ends it. */
type End = (directory: string, cleanUp: (clean: () => void) => void) => Promise<void>;

async function waitingChild(cleanUp: (clean: () => void) => void, ...args: string[]): Promise<ChildProcess> {
  const child = fork(CHILD, args, { execArgv: [] });
  cleanUp(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

function signalled(signal: NodeJS.Signals): End {
  return async (directory, cleanUp) => {
    const child = await waitingChild(cleanUp, directory);
    child.kill(signal);
    await once(child, 'exit');
  };
}

const ENDS: Record<string, End> = {
  SIGKILL: signalled('SIGKILL'),
  'SIGTERM without a listener': signalled('SIGTERM'),
  'SIGINT without a listener': signalled('SIGINT'),
  'SIGABRT, as of process.abort()': signalled('SIGABRT'),
  'terminate() of the worker thread': async (directory, cleanUp) => {
    const worker = new Worker(CHILD, { argv: [directory] });
    cleanUp(() => void worker.terminate());
    await once(worker, 'message');
    await worker.terminate();
  },
  'the exit of the main thread, for a worker': async (directory, cleanUp) => {
    const child = await waitingChild(cleanUp, directory, 'in a worker');
    child.send('exit');
    await once(child, 'exit');
  },
};

/** The numbers of the records that the next process delivers. */
async function foundIn(directory: string): Promise<number[]> {
  const exporter = new ScriptedExporter();
  const processor = new SpillwayLogRecordProcessor({ exporter, spool: { directory, leaseMillis: 1_000 } });
  await until(
    () => processor.stats().recovered > 0 && readdirSync(directory).length === 0,
    () => JSON.stringify(processor.stats()),
    15_000,
  );
  await processor.shutdown();
  expectLaw(processor.stats());
  return exporter.delivered.map(Number).sort((a, b) => a - b);
}

describe.concurrent.for(Object.entries(ENDS))('%s', ([, end]) => {
  const parent = mkdtempSync(join(tmpdir(), 'otel-spillway-'));
  const cleanings = [() => rmSync(parent, { recursive: true, force: true })];

  beforeAll(() => end(parent, (clean) => cleanings.push(clean)), 30_000);
  afterAll(() => {
    for (const clean of cleanings.toReversed()) clean();
  });

  test.for(['always', 'overflow, after a while without a collector'])(
    'a loss of the process costs the open batch at most (%s)',
    async (scenario, context) => {
      const found = await foundIn(join(parent, scenario));
      context.expect(found).toEqual(found.map((_, index) => index));
      context.expect(found.length).toBeGreaterThanOrEqual(250);
    },
  );

  test('a loss of the process costs only what is in memory (overflow)', async (context) => {
    context.expect(readdirSync(join(parent, 'overflow, memory only'))).toEqual([]);
  });
});
