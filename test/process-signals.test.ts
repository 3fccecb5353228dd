/** How processes end that a signal asks to: `shutdownOnSignals` sends what is left and leaves the signal its effect. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../demo/collector/collector.ts';
import type { Collector } from '../demo/collector/protocol.ts';
import { ChildRun } from './support/child-run.ts';
import { expectReceived } from './support/live-pipeline.ts';

/** What a busy machine may add to a bound. */
const SLACK_MILLIS = 1_500;

async function collectorThatKeepsIds(): Promise<Collector> {
  const collector = await startCollector({ keep: 'ids' });
  onTestFinished(() => collector.close());
  return collector;
}

async function runUntilReady(scenario: string, url = ''): Promise<ChildRun> {
  const child = new ChildRun('signalled.ts', scenario, url);
  await child.reported('ready');
  return child;
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('ends the process as that signal does, with everything delivered', async () => {
    const collector = await collectorThatKeepsIds();
    const child = await runUntilReady('serves', collector.logsUrl);
    child.kill(signal);
    expect(await child.end).toMatchObject({ code: null, signal, printed: '' });
    // The last one was emitted in the step before the shutdown.
    expectReceived(collector.ids(), { to: 251 });
  });

  test('ends the process within the deadline although the collector is gone', async () => {
    const collector = await collectorThatKeepsIds();
    await collector.refuse();
    const child = await runUntilReady('serves without a collector', collector.logsUrl);
    const killedAt = performance.now();
    child.kill(signal);
    expect(await child.end).toMatchObject({ code: null, signal, printed: '' });
    expect(performance.now() - killedAt).toBeLessThan(300 + SLACK_MILLIS);
  });

  test('ends the process within the deadline although the exporter hangs', async () => {
    const child = await runUntilReady('serves with an exporter that hangs');
    const killedAt = performance.now();
    child.kill(signal);
    expect(await child.end).toMatchObject({ code: null, signal, printed: '' });
    const tookMillis = performance.now() - killedAt;
    expect(tookMillis).toBeGreaterThan(250);
    expect(tookMillis).toBeLessThan(300 + SLACK_MILLIS);
  });

  test('a second time ends the process at once', async () => {
    const child = await runUntilReady('takes for ever to shut down');
    child.kill(signal);
    await child.reported('stopping');
    const killedAt = performance.now();
    child.kill(signal);
    expect(await child.end).toMatchObject({ code: null, signal, printed: '' });
    expect(performance.now() - killedAt).toBeLessThan(SLACK_MILLIS);
  });
});

test('a step before the shutdown that throws does not prevent it', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('fails in the step before', collector.logsUrl);
  child.kill('SIGTERM');
  expect(await child.end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expectReceived(collector.ids(), { to: 10 });
});

test('the end is left to another listener for the signal, and its exit code stands', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('has a handler of its own', collector.logsUrl);
  child.kill('SIGTERM');
  expect(await child.end).toMatchObject({ code: 5, signal: null, printed: '' });
  expectReceived(collector.ids(), { to: 10 });
});

test('after it was told to stop listening, a signal has its plain effect', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('no longer listens', collector.logsUrl);
  child.kill('SIGTERM');
  expect(await child.end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expect(collector.stats().records).toBe(0);
});
