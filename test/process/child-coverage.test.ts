/** A run that measures coverage asks for it only those children that nobody kills. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { Life } from '../../soak/life.ts';
import { planDrain } from '../../soak/round-plan.ts';
import { WitnessProcess } from '../../soak/witness-process.ts';
import { TestCollector } from '../../src/testing/index.ts';
import { withholdCoverage } from '../support/child-coverage.ts';
import { ChildRun, runToEnd } from '../support/child-run.ts';
import { CliRun, cli } from '../support/cli-run.ts';
import { BUNDLED_SCRIPTS } from '../support/scripts.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';

/** Where vitest would have the children leave their reports. */
let directory: string;

beforeEach(() => {
  const { NODE_V8_COVERAGE, SPILLWAY_CHILD_COVERAGE } = process.env;
  onTestFinished(() => {
    Object.assign(process.env, { NODE_V8_COVERAGE, SPILLWAY_CHILD_COVERAGE });
    if (NODE_V8_COVERAGE === undefined) delete process.env.NODE_V8_COVERAGE;
    if (SPILLWAY_CHILD_COVERAGE === undefined) delete process.env.SPILLWAY_CHILD_COVERAGE;
  });
  // A run that measures coverage has bundled nothing.
  vi.stubEnv(BUNDLED_SCRIPTS, undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  directory = temporaryDirectory();
  process.env.NODE_V8_COVERAGE = directory;
  withholdCoverage();
});

/** Every file that was measured, in every report. */
function measured(): string[] {
  return readdirSync(directory).flatMap((name) => {
    const report = JSON.parse(readFileSync(join(directory, name), 'utf8')) as { result: { url: string }[] };
    return report.result.map(({ url }) => url);
  });
}

function endOfLife(): Promise<unknown> {
  const spool = {
    mode: 'overflow',
    fsync: 'never',
    leaseMillis: 1_000,
    maxBytes: 2 ** 20,
    replayShare: 1,
    spillAfterOpenMillis: 200,
  } as const;
  return new Life({
    ...planDrain('drain', spool),
    url: 'http://127.0.0.1:1/v1/logs',
    spool: { ...spool, directory: join(temporaryDirectory(), 'spool') },
    ending: { kind: 'natural', afterMillis: 1 },
  }).end;
}

// Each is left to its end here, at which it would write its report.
test.each<[string, () => Promise<unknown>]>([
  ['a process that may be killed', () => new ChildRun('ending', 'has nothing to send').end],
  ['a command that may be killed', () => new CliRun(['--version']).end],
  ['a collector', async () => (await TestCollector.spawn()).stop()],
  ['a witness of the soak', async () => (await WitnessProcess.start(['a'])).close()],
  ['a process of the soak', endOfLife],
  [
    'a worker thread',
    () =>
      new Promise((resolve) => {
        new Worker('0', { eval: true }).on('exit', resolve);
      }),
  ],
])('%s measures nothing, so that it cannot leave half a report', async (_, run) => {
  await run();
  expect(readdirSync(directory)).toEqual([]);
});

test.each<[string, () => Promise<unknown>, string]>([
  ['a process', () => runToEnd('ending', 'has nothing to send'), '/src/processor.ts'],
  ['a command', () => cli('--version'), '/src/cli/main.ts'],
])('%s that is waited for is measured', async (_, run, file) => {
  await run();
  expect(measured().filter((url) => url.endsWith(file))).toHaveLength(1);
});
