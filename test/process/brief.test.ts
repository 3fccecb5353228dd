/** Processes that live for a moment, or are stopped for a while: what arrives, what is on disk, and what it costs them. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { TestCollector } from '../../src/testing/index.ts';
import { ChildRun, runToEnd } from '../support/child-run.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';

/** What a busy machine may add to a bound. */
const SLACK_MILLIS = 2_500;
const SHUTDOWN_MILLIS = 300;

const spoolDirectory = () => join(temporaryDirectory(), 'spool');
const hanging = () => collectorWith({ reply: { kind: 'hang' } });

async function refusing(): Promise<TestCollector> {
  const collector = await collectorWith();
  await collector.become('dead');
  return collector;
}

const run = (scenario: string, { logsUrl }: TestCollector, directory?: string) =>
  runToEnd('brief', scenario, directory === undefined ? logsUrl : `${logsUrl} ${directory}`);

describe('a process with the package’s own exporter', { timeout: 30_000 }, () => {
  test('a process is not kept alive beyond the time of a shutdown by a collector that does not answer', async () => {
    const end = await run('logs and ends', await hanging());
    expect(end.lingeredMillis).toBeLessThan(SHUTDOWN_MILLIS + SLACK_MILLIS);
    expect(end.reports).toContain('exported 0, spooled 0, lost 10');
  });

  test('a process is not kept alive by a request that began earlier either, and leaves all on disk without a word', async () => {
    const directory = spoolDirectory();
    const end = await run('ends while a request is under way', await hanging(), directory);
    expect(end).toMatchObject({ code: 0, printed: '' });
    expect(end.lingeredMillis).toBeLessThan(SHUTDOWN_MILLIS + SLACK_MILLIS);
    const collector = await collectorWith();
    await run('sends what it finds', collector, directory);
    expectReceived(collector.ids, { to: 11 });
  });

  test('a process leaves to the disk what it cannot send, without waiting for a back-off and without a word', async () => {
    const directory = spoolDirectory();
    const end = await run('could wait out back-offs', await refusing(), directory);
    expect(end).toMatchObject({ code: 0, printed: '' });
    expect(end.lingeredMillis).toBeLessThan(SLACK_MILLIS);
    const collector = await collectorWith({ latencyMillis: 300 });
    // Without its answer the replay would be on disk still, and be sent again by the next process.
    const next = await run('ends while a replay is under way', collector, directory);
    expect(next.reports).toContain('exported 10, spooled 0, lost 0');
    expectReceived(collector.ids, { to: 10 });
  });

  test('a process with nothing else to do sends what an earlier one has left on disk, batch by batch', async () => {
    const directory = spoolDirectory();
    await run('logs small batches and ends', await refusing(), directory);
    const collector = await collectorWith({ latencyMillis: 30 });
    const end = await run('logs small batches and ends', collector, directory);
    expect(end.reports).toContain('exported 200, spooled 0, lost 0');
    expect(collector.account().records).toBe(200);
  });

  test('a process that goes on after it was about to end sends again', async () => {
    const collector = await hanging();
    await collector.script({ kind: 'hang' });
    const ending = run('goes on after its end', collector);
    await collector.until(({ requests }) => requests === 1);
    await collector.become('well');
    expect((await ending).reports).toContain('exported 15, spooled 0, lost 0');
    expectReceived(collector.ids, { to: 15 });
  });

  test('a process that was stopped during a request reads the answer that came meanwhile, after all time-outs, or asks again', async () => {
    const answering = await collectorWith({ latencyMillis: 200 });
    const cutting = await collectorWith({ latencyMillis: 200 });
    await cutting.script({ kind: 'reset', at: 'before-response' });
    const stoppedFor = async (collector: TestCollector, millis: number) => {
      const child = new ChildRun('brief', 'is stopped during a request', collector.logsUrl);
      await collector.until(({ requests }) => requests === 1, 10_000);
      child.kill('SIGSTOP');
      await sleep(millis);
      child.kill('SIGCONT');
      return (await child.end).reports;
    };
    const ends = await Promise.all([stoppedFor(answering, 1_500), stoppedFor(cutting, 3_600)]);
    for (const reports of ends) {
      expect(reports).toEqual(expect.arrayContaining(['flushed', 'attempts 1, failures 0']));
    }
    for (const collector of [answering, cutting]) expectReceived(collector.ids, { to: 10 });
  });
});
