/** How the processor behaves towards a destination that fails: back-off, breaker, probe. */

import { expect, test } from 'vitest';
import type { SpillwayOptions } from '../src/index.ts';
import { Harness, upTo } from './support/harness.ts';
import { httpError } from './support/scripted-exporter.ts';

test('a batch that fails is sent again after the back-off, before anything newer', async () => {
  const h = new Harness({ maxExportBatchSize: 2 }, { fail: new Error('down') }, 'succeed');
  h.emit(4);
  await h.settle();
  expect(h.exporter.calls).toHaveLength(1);
  await h.advance(749);
  expect(h.exporter.calls).toHaveLength(1);
  await h.advance(1);
  expect(h.exporter.delivered).toEqual(upTo(4));
  expect(h.stats.exports).toMatchObject({ attempts: 3, failures: 1, lastError: 'down' });
  await h.end();
});

test('the breaker opens after the threshold, sends nothing while open, and probes with a small batch', async () => {
  const states: string[] = [];
  const h = new Harness(
    {
      retry: { initialDelayMillis: 10, maxDelayMillis: 10 },
      onBreakerStateChange: ({ to }) => states.push(to),
    },
    { fail: httpError(503) },
  );
  h.emit(512);
  await h.advance(100);
  expect(h.exporter.calls).toHaveLength(5);
  expect(h.stats.breaker.state).toBe('open');
  await h.advance(4_000);
  expect(h.exporter.calls).toHaveLength(5);
  h.exporter.script = ['succeed'];
  await h.advance(1_000);
  expect(h.exporter.calls[5]?.records).toHaveLength(32);
  expect(h.exporter.delivered).toEqual(upTo(512));
  expect(states).toEqual(['open', 'half-open', 'closed']);
  await h.end();
});

test('the time between probes doubles up to its maximum', async () => {
  const h = new Harness(
    {
      retry: { initialDelayMillis: 1, maxDelayMillis: 1 },
      breaker: { failureThreshold: 1, resetTimeoutMillis: 100, maxResetTimeoutMillis: 350 },
    },
    { fail: httpError(503) },
  );
  h.emit(1);
  const probes: number[] = [];
  for (let at = 10; at < 3_000; at += 10) {
    const before = h.exporter.calls.length;
    await h.advance(10);
    if (h.exporter.calls.length > before) probes.push(at);
  }
  expect(probes.slice(1).map((at, index) => at - (probes[index] as number))).toEqual([
    100, 200, 350, 350, 350, 350,
  ]);
  await h.end();
});

/** A destination that is away for a time after the first record: when it was asked, and when that was announced. */
async function away(awayMillis: number, untilMillis: number, options: Partial<SpillwayOptions> = {}) {
  const announced: number[] = [];
  const h = new Harness({
    ...options,
    onBreakerStateChange: ({ nextProbeMillis }) => {
      if (nextProbeMillis !== undefined) announced.push(h.clock.now() + nextProbeMillis - start);
    },
  });
  const start = h.clock.now();
  const asked: number[] = [];
  h.exporter.decide = () => {
    const at = h.clock.now() - start;
    asked.push(at);
    return at < awayMillis ? { fail: httpError(503) } : 'succeed';
  };
  while (h.clock.now() - start < untilMillis) {
    h.emit(1);
    await h.advance(500);
  }
  const [deliveredAt] = asked.filter((at) => at >= awayMillis);
  const { exported } = h.stats;
  await h.end();
  return { asked, announced, deliveredAt, exported };
}

test('by default it is probed after 5 s, then 10 s and 20 s, then every 30 s', async () => {
  const { asked, announced } = await away(Number.POSITIVE_INFINITY, 180_000);
  const probes = asked.slice(5);
  expect(probes.map((at, index) => at - (asked[index + 4] as number))).toEqual([
    5_000, 10_000, 20_000, 30_000, 30_000, 30_000, 30_000,
  ]);
  expect(announced.slice(0, probes.length)).toEqual(probes);
});

test.each([
  [20_000, 7_500],
  [60_000, 17_500],
  [120_000, 30_000],
  [300_000, 30_000],
])(
  'by default a destination that was away for %i ms is found to be back within %i ms',
  async (millis, later) => {
    const { deliveredAt, exported } = await away(millis, millis + 40_000);
    expect(deliveredAt).toBeGreaterThan(millis);
    expect(deliveredAt).toBeLessThanOrEqual(millis + later);
    expect(exported).toBeGreaterThan(millis / 500);
  },
);

test('while the breaker is open its time alone decides: what is announced is what happens', async () => {
  const { asked, announced } = await away(Number.POSITIVE_INFINITY, 60_000, {
    breaker: { resetTimeoutMillis: 2_000, maxResetTimeoutMillis: 4_000 },
  });
  expect(asked.length).toBeGreaterThan(10);
  expect(announced.slice(0, -1)).toEqual(asked.slice(5));
});

test('the back-off of a single batch does not override it either', async () => {
  const h = new Harness({
    maxExportBatchSize: 1,
    retry: { initialDelayMillis: 60_000, maxDelayMillis: 60_000 },
    breaker: { failureThreshold: 1, resetTimeoutMillis: 1_000, maxResetTimeoutMillis: 1_000 },
  });
  h.exporter.decide = ([first]) => (first?.body === (0 as never) ? { fail: httpError(503) } : undefined);
  h.emit(2);
  while (h.exporter.delivered.length === 0) await h.advance(100);
  // The others have got through, and the batch has failed again.
  expect(h.stats.breaker).toEqual({ state: 'open', nextProbeMillis: 1_000 });
  h.exporter.decide = undefined;
  await h.advance(1_000);
  expect(h.exporter.delivered).toEqual([1, 0]);
  await h.end();
});
