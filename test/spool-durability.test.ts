/** The README's table of what is lost when: ends that no code of a process or a thread hears of. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, type TestContext, test } from 'vitest';
import { SpillwayLogRecordProcessor } from '../src/index.ts';
import { expectLaw } from './support/records.ts';
import { ScriptedExporter } from './support/scripted-exporter.ts';
import { until } from './support/until.ts';

const CHILD = new URL('./children/lingering.ts', import.meta.url);
/** Tests run side by side: what a test has to clean up is told to its own context. */
type Context = Pick<TestContext, 'onTestFinished'>;
type End = (context: Context, ...args: [scenario: string, directory: string]) => Promise<void>;

async function waitingChild({ onTestFinished }: Context, ...args: string[]): Promise<ChildProcess> {
  const child = fork(CHILD.pathname, args, { execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

function signalled(signal: NodeJS.Signals): End {
  return async (context, ...args) => {
    const child = await waitingChild(context, ...args);
    child.kill(signal);
    await once(child, 'exit');
  };
}

const ENDS: Record<string, End> = {
  SIGKILL: signalled('SIGKILL'),
  'SIGTERM without a listener': signalled('SIGTERM'),
  'SIGINT without a listener': signalled('SIGINT'),
  'SIGABRT, as of process.abort()': signalled('SIGABRT'),
  'terminate() of the worker thread': async ({ onTestFinished }, ...argv) => {
    const worker = new Worker(CHILD, { argv });
    onTestFinished(() => void worker.terminate());
    await once(worker, 'message');
    await worker.terminate();
  },
  'the exit of the main thread, for a worker': async (context, ...args) => {
    const child = await waitingChild(context, ...args, 'in a worker');
    child.send('exit');
    await once(child, 'exit');
  },
};

function newDirectory({ onTestFinished }: Context): string {
  const directory = mkdtempSync(join(tmpdir(), 'otel-spillway-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'spool');
}

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

describe.concurrent.for(Object.entries(ENDS))('%s', { timeout: 30_000 }, ([, end]) => {
  test.for(['always', 'overflow, after a while without a collector'])(
    'costs the open batch at most (%s)',
    async (scenario, context) => {
      const directory = newDirectory(context);
      await end(context, scenario, directory);
      const found = await foundIn(directory);
      context.expect(found).toEqual(found.map((_, index) => index));
      context.expect(found.length).toBeGreaterThanOrEqual(250);
    },
  );

  test('costs what is in memory only (overflow)', async (context) => {
    const directory = newDirectory(context);
    await end(context, 'overflow, memory only', directory);
    context.expect(readdirSync(directory)).toEqual([]);
  });
});
