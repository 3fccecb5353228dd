/** The last moment of a process with a spool: what it has goes to disk, and nothing else about its end changes. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SpillwayLogRecordProcessor } from '../../src/index.ts';
import { ChildRun, runToEnd } from '../support/child-run.ts';
import { expectLaw } from '../support/records.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';
import { until } from '../support/until.ts';

/** How the child ended, and the numbers of the records that the next process finds. */
async function endOf(scenario: string) {
  const directory = join(temporaryDirectory(), 'spool');
  const end = await runToEnd('exiting', scenario, directory);
  return { ...end, found: await foundIn(directory) };
}

async function foundIn(directory: string, leaseMillis = 1_000): Promise<number[]> {
  const exporter = new ScriptedExporter();
  const processor = new SpillwayLogRecordProcessor({ exporter, spool: { directory, leaseMillis } });
  const isThrough = () =>
    processor.stats().recovered > 0 &&
    processor.stats().spooled.records === 0 &&
    readdirSync(directory).every((name) => name === 'quarantine');
  await until(isThrough, () => JSON.stringify(processor.stats()), 15_000);
  await processor.shutdown();
  expectLaw(processor.stats());
  return exporter.delivered.map(Number).sort((a, b) => a - b);
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test.each([
  ['calls process.exit', 4],
  ['calls process.exit in the turn in which it logs', 5],
  ['throws', 1],
  ['rejects', 1],
  ['ends by itself', 0],
  ['exits while it shuts down', 6],
])('a process that %s loses no record, and its exit code is still %s', async (scenario, code) => {
  const end = await endOf(scenario);
  expect(end).toMatchObject({ code, signal: null });
  expect(end.found).toEqual(upTo(250));
  // What Node says of the error, and nothing of ours.
  expect(end.printed).not.toMatch(/spillway/i);
});

test('what was logged before a record that ends the process while it is read is found', async () => {
  const end = await endOf('exits in a getter of a record, with an exporter that encodes them');
  expect(end).toMatchObject({ code: 0, signal: null });
  expect(end.found).toEqual(upTo(7));
});

test('what is logged while the process exits is found, too, whoever listens first', async () => {
  expect((await endOf('logs while it exits')).found).toEqual(upTo(254));
});

test('no more is written at the exit than exitMaxBytes', async () => {
  const { found, code } = await endOf('may write less than it has');
  expect(code).toBe(0);
  expect(found).toEqual(upTo(found.length));
  expect(found.length).toBeGreaterThan(0);
  expect(found.length).toBeLessThan(250);
});

test('protected records are the last to be left out of what fits into exitMaxBytes', async () => {
  const { found } = await endOf('has protected records and may write less than it has');
  expect(found.slice(-50)).toEqual(upTo(300).slice(250));
  expect(found.length).toBeLessThan(300);
});

test('exitMaxBytes holds for all that is logged while the process exits', async () => {
  const { found } = await endOf('logs more while it exits than it may write');
  expect(found).toEqual(upTo(found.length));
  expect(found.length).toBeLessThan(10);
});

test('processors of one process share a directory', async () => {
  expect((await endOf('has two processors in one directory')).found).toEqual(upTo(500));
});

test('worker threads store at their end like processes', async () => {
  const { found, reports } = await endOf('has workers that exit');
  expect(reports.filter((line) => line === 'worker ended with 4').length).toBe(3);
  expect(found).toEqual([...upTo(250), ...upTo(250), ...upTo(250)].sort((a, b) => a - b));
});

test('a process that writes ahead and is killed loses its open batch and nothing else', async () => {
  const directory = join(temporaryDirectory(), 'spool');
  const child = new ChildRun('exiting', 'writes ahead and waits to be killed', directory);
  await child.reported('written');
  child.kill('SIGKILL');
  expect((await child.end).signal).toBe('SIGKILL');
  expect(await foundIn(directory)).toEqual(upTo(300));
});
