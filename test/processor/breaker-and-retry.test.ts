/** How the processor behaves towards a destination that fails: back-off, breaker, probe. */

import { expect, test } from 'vitest';
import { Harness, upTo } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

const DOWN = { fail: new Error('down') };

test('a batch that fails is sent again immediately, and after that waits, before anything newer is sent', async () => {
  const h = new Harness({ maxExportBatchSize: 2 }, DOWN, DOWN, DOWN, 'succeed');
  h.emit(4);
  await h.settle();
  expect(h.exporter.calls).toHaveLength(3);
  await h.advance(874);
  expect(h.exporter.calls).toHaveLength(3);
  await h.advance(1);
  expect(h.exporter.delivered.toSorted()).toEqual(upTo(4));
  expect(h.stats.exports).toMatchObject({ attempts: 5, failures: 3, lastError: 'down' });
  await h.end();
});

test('the breaker opens after the threshold, sends nothing while open, and probes with a small batch', async () => {
  const states: string[] = [];
  const h = new Harness(
    {
      retry: { initialDelayMillis: 10, maxDelayMillis: 10 },
      breaker: { resetTimeoutMillis: 30_000 },
      onBreakerStateChange: ({ to }) => states.push(to),
    },
    { fail: httpError(503) },
  );
  h.emit(512);
  await h.advance(100);
  expect(h.exporter.calls).toHaveLength(5);
  expect(h.stats.breaker.state).toBe('open');
  await h.advance((h.stats.breaker.nextProbeMillis as number) - 1);
  expect(h.exporter.calls).toHaveLength(5);
  h.exporter.script = ['succeed'];
  await h.advance(1);
  expect(h.exporter.calls[5]?.records.length).toBeLessThanOrEqual(32);
  expect(h.exporter.delivered).toEqual(upTo(512));
  expect(states).toEqual(['open', 'half-open', 'closed']);
  await h.end();
});

test('the time between probes is a quarter of the outage, within the bounds of the breaker', async () => {
  const h = new Harness(
    {
      retry: { initialDelayMillis: 1, maxDelayMillis: 1 },
      breaker: { failureThreshold: 1, resetTimeoutMillis: 100, maxResetTimeoutMillis: 350 },
    },
    { fail: httpError(503) },
  );
  h.clock.chance = 1 - 2 ** -53;
  const probes: number[] = [];
  h.exporter.decide = () => {
    probes.push(h.clock.now());
    return undefined;
  };
  h.emit(1);
  await h.advance(6_000);
  const first = probes[0] as number;
  for (const [index, at] of probes.slice(1).entries()) {
    const before = probes[index] as number;
    expect(at - before).toBeCloseTo(Math.min(350, Math.max(100, (before - first) / 4)), 3);
  }
  await h.end();
});

test('what `nextProbeMillis` announces is when the destination is asked, whatever the back-off would be', async () => {
  const h = new Harness(
    {
      retry: { initialDelayMillis: 20_000, maxDelayMillis: 30_000 },
      breaker: { failureThreshold: 2, resetTimeoutMillis: 2_000 },
    },
    { fail: httpError(503) },
  );
  h.emit(1);
  await h.advance(1_000);
  expect(h.stats.breaker.state).toBe('open');
  const calls = h.exporter.calls.length;
  const announced = h.stats.breaker.nextProbeMillis as number;
  await h.advance(announced - 1);
  expect(h.exporter.calls).toHaveLength(calls);
  await h.advance(1);
  expect(h.exporter.calls).toHaveLength(calls + 1);
  await h.end();
});

test('a restart behind a long latency is one incident: the first record arrives within 3 s of the return', async () => {
  const h = new Harness({ maxExportBatchSize: 10, maxConcurrentExports: 6 }, 'hang');
  h.emit(60);
  await h.advance(500);
  expect(h.exporter.calls).toHaveLength(6);
  for (const call of h.exporter.calls) call.fail(new Error('read ECONNRESET'));
  h.exporter.script = [{ fail: new Error('connect ECONNREFUSED') }];
  await h.advance(2_000);
  h.exporter.script = ['succeed'];
  await h.advance(3_000);
  expect(h.exporter.delivered.length).toBeGreaterThan(0);
  await h.advance(5_000);
  expect(h.stats).toMatchObject({ exported: 60, queued: { records: 0 } });
  await h.end();
});

test('after a failure there is one request at a time until one has succeeded alone', async () => {
  const h = new Harness(
    { maxExportBatchSize: 10, maxConcurrentExports: 6, breaker: false },
    { fail: httpError(503) },
  );
  h.emit(200);
  await h.settle();
  h.exporter.script = ['hang'];
  await h.advance(1_000);
  expect(h.exporter.concurrent).toBe(1);
  h.exporter.lastCall.succeed();
  await h.settle();
  expect(h.exporter.concurrent).toBe(1);
  h.exporter.lastCall.succeed();
  h.exporter.script = ['succeed'];
  await h.advance(1_000);
  expect(h.stats.exported).toBe(200);
  await h.end();
});
