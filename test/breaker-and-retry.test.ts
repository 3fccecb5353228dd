/** How the processor behaves towards a destination that fails: back-off, breaker, probe. */

import { expect, test } from 'vitest';
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
  await h.advance(29_000);
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
