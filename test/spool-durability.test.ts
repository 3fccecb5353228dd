/** The table of docs/what-happens-when.md, what is lost when: ends that no code of a process or a thread hears of, and bursts on a slow disk. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Clock } from '../src/clock.ts';
import { SpillwayLogRecordProcessor } from '../src/index.ts';
import type { SpoolFiles } from '../src/spool/files/spool-files.ts';
import { diagLines } from './support/diag-lines.ts';
import { ManualClock } from './support/manual-clock.ts';
import { promptFiles } from './support/prompt-files.ts';
import { expectLaw, record } from './support/records.ts';
import { ScriptedExporter } from './support/scripted-exporter.ts';
import { temporaryDirectory } from './support/spooled-harness.ts';
import { until } from './support/until.ts';

const CHILD = new URL('./children/lingering.ts', import.meta.url);
/** Has a process or a thread log in every scenario, each of which has a directory below this one, and ends it. */
type End = (directory: string, cleanUp: (clean: () => void) => void) => Promise<void>;

async function waitingChild(cleanUp: (clean: () => void) => void, ...args: string[]): Promise<ChildProcess> {
  const child = fork(CHILD.pathname, args, { execArgv: [] });
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
    'costs the open batch at most (%s)',
    async (scenario, context) => {
      const found = await foundIn(join(parent, scenario));
      context.expect(found).toEqual(found.map((_, index) => index));
      context.expect(found.length).toBeGreaterThanOrEqual(250);
    },
  );

  test('costs what is in memory only (overflow)', async (context) => {
    context.expect(readdirSync(join(parent, 'overflow, memory only'))).toEqual([]);
  });
});

test('a disk that takes 150 ms for a batch is spared bursts for 10 s, which is said once', () => {
  const lines = diagLines();
  const standing = new ManualClock();
  let passedMillis = 0;
  const clock: Clock = {
    now: () => standing.now() + passedMillis,
    wallNow: () => standing.wallNow() + passedMillis,
    random: standing.random,
    uniqueBytes: standing.uniqueBytes,
    timer: (callback, millis, keepAlive) => standing.timer(callback, millis, keepAlive),
    immediate: (callback) => standing.immediate(callback),
  };
  const files: SpoolFiles = {
    ...promptFiles,
    writeSync: (...args) => {
      passedMillis += 150;
      return promptFiles.writeSync(...args);
    },
  };
  const processor = new SpillwayLogRecordProcessor(
    {
      exporter: new ScriptedExporter('hang'),
      maxQueueSize: 100,
      maxExportBatchSize: 10,
      gapMarker: false,
      spool: { directory: join(temporaryDirectory(), 'spool') },
    },
    { clock, memoryUseRatio: () => 0, files },
  );
  onTestFinished(async () => {
    void processor.shutdown({ strategy: 'immediate' });
    await standing.advance(6_000);
  });
  /** In one turn, so that nothing but the synchronous writing can help. */
  const emit = (records: number) => {
    for (let index = 0; index < records; index++) processor.onEmit(record());
    const { spooled, dropped } = processor.stats();
    expectLaw(processor.stats());
    return { stored: spooled.records, lost: dropped.queue_full };
  };
  expect(emit(150)).toEqual({ stored: 10, lost: 40 });
  passedMillis += 9_900;
  expect(emit(20)).toEqual({ stored: 10, lost: 60 });
  passedMillis += 200;
  expect(emit(20)).toEqual({ stored: 20, lost: 70 });
  expect(lines.filter((line) => line.includes('too slow for bursts'))).toHaveLength(1);
});
