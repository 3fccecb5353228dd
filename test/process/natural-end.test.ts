/** How processes end that use the processor: what is still sent, how long it takes, and with which exit code. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { TestCollector } from '../../src/testing/index.ts';
import { runToEnd } from '../support/child-run.ts';
import { expectReceived } from '../support/live-pipeline.ts';

/** What a busy machine may add to a bound. */
const SLACK_MILLIS = 1_500;
/** The exporter of the children gives one request up after this time. */
const EXPORTER_MILLIS = 300;

async function collectorThatKeepsIds(): Promise<TestCollector> {
  const collector = await TestCollector.start({ keep: 'ids', identity: 'body' });
  onTestFinished(() => collector.stop());
  return collector;
}

/** An address at which nobody listens. */
async function nowhere(): Promise<string> {
  const collector = await collectorThatKeepsIds();
  await collector.become('dead');
  return collector.logsUrl;
}

const SILENT_END = { code: 0, signal: null, printed: '' };
/** What it loses it says. */
const LOSS = expect.stringMatching(
  /^\(node:\d+\) \[OTEL_SPILLWAY_LOSS\] Warning: otel-spillway: \d+ log records? w/,
);
const END_WITH_LOSS = { ...SILENT_END, printed: LOSS };

describe('processes that end by themselves', () => {
  test('a process that ends by itself delivers its queue first, and prints nothing', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'emits and ends', collector.logsUrl);
    expect(end).toMatchObject(SILENT_END);
    expectReceived(collector.ids, { to: 250 });
  });

  test('a process that ends by itself delivers the queues of many processors, without a warning of a leak', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'emits from twelve processors', collector.logsUrl);
    expect(end).toMatchObject(SILENT_END);
    expectReceived(collector.ids, { to: 120 });
  });

  test('a process that ends by itself also delivers what it emits when it is about to end', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'emits once more in beforeExit', collector.logsUrl);
    expect(end).toMatchObject(SILENT_END);
    expectReceived(collector.ids, { to: 11 });
  });

  test('a process ends even if it emits every time it is about to end', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'emits in every beforeExit', collector.logsUrl);
    expect(end).toMatchObject(END_WITH_LOSS);
    expect(collector.account().records).toBeGreaterThanOrEqual(11);
  });

  test('a process that ends with an open breaker tries once, and delivers everything if the collector is back', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'has a breaker that is open', collector.logsUrl);
    expect(end).toMatchObject(SILENT_END);
    expect(end.reports).toContain('ERR_SPILLWAY_UNAVAILABLE');
    expectReceived(collector.ids, { to: 250 });
  });

  test('a process that ends with an open breaker tries once, and ends if the collector is still gone', async () => {
    const end = await runToEnd('ending', 'has a breaker that is open', await nowhere());
    expect(end).toMatchObject(END_WITH_LOSS);
    expect(end.reports).toContain('exports 2');
    expect(end.lingeredMillis).toBeLessThan(EXPORTER_MILLIS + SLACK_MILLIS);
  });

  test('a process that ends by itself flushes an exporter that buffers', async () => {
    const end = await runToEnd('ending', 'has an exporter that keeps what it is given');
    expect(end).toMatchObject(SILENT_END);
    expect(end.reports).toContain('kept 0');
  });

  test('a process that ends by itself keeps the exit code it has set', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'sets its exit code', collector.logsUrl);
    expect(end).toMatchObject({ ...SILENT_END, code: 3 });
    expectReceived(collector.ids, { to: 10 });
  });

  test('a process ends as soon as its provider is shut down', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'shuts its provider down', collector.logsUrl);
    expect(end).toMatchObject(SILENT_END);
    expect(end.lingeredMillis).toBeLessThan(SLACK_MILLIS);
    expectReceived(collector.ids, { to: 250 });
  });
});

describe('processes that are not kept alive', () => {
  test('a processor that has nothing to send does not keep its process alive', async () => {
    const end = await runToEnd('ending', 'has nothing to send');
    expect(end).toMatchObject(SILENT_END);
    expect(end.lingeredMillis).toBeLessThan(SLACK_MILLIS);
  });

  test('a processor that has sent everything does not keep its process alive', async () => {
    const collector = await collectorThatKeepsIds();
    const end = await runToEnd('ending', 'has sent everything', collector.logsUrl);
    expect(end).toMatchObject(SILENT_END);
    expect(end.lingeredMillis).toBeLessThan(SLACK_MILLIS);
    expectReceived(collector.ids, { to: 10 });
  });

  test('an exporter that hangs does not keep its process alive beyond the time of a shutdown', async () => {
    const end = await runToEnd('ending', 'has an exporter that hangs');
    expect(end).toMatchObject(END_WITH_LOSS);
    expect(end.reports).toContain('exports 1');
    expect(end.lingeredMillis).toBeGreaterThan(250);
    expect(end.lingeredMillis).toBeLessThan(300 + SLACK_MILLIS);
  });

  test('an exporter that fails after the time of a shutdown is not called again by a process with nothing else to do', async () => {
    const end = await runToEnd('ending', 'has an exporter that fails later than a shutdown may take');
    expect(end).toMatchObject(END_WITH_LOSS);
    expect(end.reports).toContain('exports 1');
    expect(end.lingeredMillis).toBeLessThan(500 + SLACK_MILLIS);
  });

  test.each(['has a collector that is gone', 'waits out a back-off'])(
    'a processor that %s does not keep its process alive beyond a shutdown and a last request',
    async (scenario) => {
      const end = await runToEnd('ending', scenario, await nowhere());
      expect(end).toMatchObject(END_WITH_LOSS);
      expect(end.lingeredMillis).toBeLessThan(300 + EXPORTER_MILLIS + SLACK_MILLIS);
    },
  );

  test('a process that calls process.exit() is not kept alive by anything', async () => {
    const end = await runToEnd('ending', 'calls process.exit');
    expect(end).toMatchObject({ ...END_WITH_LOSS, code: 4 });
    expect(end.lingeredMillis).toBeLessThan(SLACK_MILLIS);
  });
});
