/** How processes end that a signal asks to: `shutdownOnSignals` sends what is left and leaves the signal its effect. */

import { expect, onTestFinished, test } from 'vitest';
import { TestCollector } from '../../src/testing/index.ts';
import { ChildRun } from '../support/child-run.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';

/** What a busy machine may add to a bound. */
const SLACK_MILLIS = 1_500;

async function collectorThatKeepsIds(): Promise<TestCollector> {
  const collector = await TestCollector.start({ keep: 'ids', identity: 'body' });
  onTestFinished(() => collector.stop());
  return collector;
}

async function runUntilReady(scenario: string, url = ''): Promise<ChildRun> {
  const child = new ChildRun('signalled', scenario, url);
  await child.reported('ready');
  return child;
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'the signal %s ends the process as it does by default, after everything is delivered',
  async (signal) => {
    const collector = await collectorThatKeepsIds();
    const child = await runUntilReady('serves', collector.logsUrl);
    child.kill(signal);
    expect(await child.end).toMatchObject({ code: null, signal, printed: '' });
    // The last one was emitted in the step before the shutdown.
    expectReceived(collector.ids, { to: 251 });
  },
);

test.each(['has no collector', 'has an exporter that hangs'])(
  'a process that %s ends within the deadline after a signal',
  async (scenario) => {
    const collector = await collectorThatKeepsIds();
    await collector.become('dead');
    const child = await runUntilReady(scenario, collector.logsUrl);
    const killedAt = performance.now();
    child.kill('SIGTERM');
    const end = await child.end;
    expect(end).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(end.printed).toContain('OTEL_SPILLWAY_LOSS');
    const tookMillis = performance.now() - killedAt;
    // Where nobody listens it may be known before that nothing can be sent in time.
    if (scenario === 'has an exporter that hangs') expect(tookMillis).toBeGreaterThan(250);
    expect(tookMillis).toBeLessThan(300 + SLACK_MILLIS);
  },
);

test('a second signal ends the process immediately', async () => {
  const child = await runUntilReady('takes for ever to shut down');
  child.kill('SIGTERM');
  await child.reported('stopping');
  const killedAt = performance.now();
  child.kill('SIGINT');
  expect(await child.end).toMatchObject({ code: null, signal: 'SIGINT', printed: '' });
  expect(performance.now() - killedAt).toBeLessThan(SLACK_MILLIS);
});

test('a step before the shutdown that throws does not prevent the shutdown', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('fails in the step before', collector.logsUrl);
  child.kill('SIGTERM');
  expect(await child.end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expectReceived(collector.ids, { to: 10 });
});

test('the end is left to another listener for the signal, which is called once and sets the exit code', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('has a handler of its own', collector.logsUrl);
  child.kill('SIGTERM');
  const end = await child.end;
  expect(end).toMatchObject({ code: 5, signal: null, printed: '' });
  expect(end.reports.filter((line) => line === 'handled')).toHaveLength(1);
  // Twice where the collector took longer to answer than the exporter of the child waits.
  expectReceived(collector.ids, { to: 10 }, 'at least once');
});

test('the end is left to a listener that is called once, even if it was there first', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('had a handler that is called once', collector.logsUrl);
  child.kill('SIGTERM');
  const end = await child.end;
  expect(end).toMatchObject({ code: 5, signal: null, printed: '' });
  expect(end.reports.filter((line) => line === 'handled')).toHaveLength(1);
  expectReceived(collector.ids, { to: 10 }, 'at least once');
});

test('another listener that raises the signal again when it has ended does not cut the shutdown short', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('has a handler that raises the signal again', collector.logsUrl);
  child.kill('SIGTERM');
  const end = await child.end;
  expect(end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expect(end.reports.filter((line) => line === 'handled')).toHaveLength(1);
  expectReceived(collector.ids, { to: 10 });
});

test('a signal that comes after another listener has raised it again ends the process immediately', async () => {
  const child = await runUntilReady('has a handler that raises the signal again, and takes for ever');
  child.kill('SIGTERM');
  await child.reported('stopping');
  const killedAt = performance.now();
  child.kill('SIGTERM');
  expect(await child.end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expect(performance.now() - killedAt).toBeLessThan(SLACK_MILLIS);
});

test('a signal has its default effect on a process that no longer listens for it', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('no longer listens', collector.logsUrl);
  child.kill('SIGTERM');
  expect(await child.end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expect(collector.account().records).toBe(0);
});

test('two targets are both shut down before the signal has its effect, whichever ends first', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('has a fast and a slow target', collector.logsUrl);
  child.kill('SIGTERM');
  const end = await child.end;
  expect(end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expect(end.reports.slice(-2)).toEqual(['fast one ended', 'slow one ended']);
  expectReceived(collector.ids, { to: 10 });
});

test('a record logged in the step before the shutdown of one target is accepted by the others', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('has a step before for another target', collector.logsUrl);
  child.kill('SIGTERM');
  expect(await child.end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expectReceived(collector.ids, { to: 11 });
});

test('twelve targets share one listener for each signal, and a second signal still ends the process immediately', async () => {
  const child = await runUntilReady('has twelve targets that take for ever');
  child.kill('SIGTERM');
  await child.reported('stopping');
  child.kill('SIGINT');
  const end = await child.end;
  expect(end).toMatchObject({ code: null, signal: 'SIGINT', printed: '' });
  expect(end.reports).toContain('listeners 1 1');
});

test('a target that does not listen for the signal is left alone, and its own signal still has its effect', async () => {
  const child = await runUntilReady('has targets for different signals');
  child.kill('SIGUSR2');
  await child.reported('listens again');
  child.kill('SIGTERM');
  const end = await child.end;
  expect(end).toMatchObject({ code: null, signal: 'SIGTERM', printed: '' });
  expect(end.reports).toEqual(['ready', 'first one ended', 'listens again', 'second one ended']);
});

test('a step before the shutdown that never ends is waited for no longer than beforeTimeoutMillis', async () => {
  const collector = await collectorThatKeepsIds();
  const child = await runUntilReady('has a step before that never ends', collector.logsUrl);
  child.kill('SIGTERM');
  const end = await child.end;
  expect(end).toMatchObject({ code: null, signal: 'SIGTERM' });
  expect(end.printed).toMatch(/the step before shutdown has not ended within 200 ms/);
  expectReceived(collector.ids, { to: 10 });
});

test('the queue of a processor with a spool is on disk when the step before the shutdown begins', async () => {
  const child = await runUntilReady('has a spool and a step before that never ends', temporaryDirectory());
  child.kill('SIGTERM');
  await child.reported('stopping');
  child.kill('SIGKILL');
  const end = await child.end;
  expect(end.reports).toContain('on disk 250');
  // It is in memory as well, to be sent by this process.
  expect(end.reports).toContain('in memory 250');
});
