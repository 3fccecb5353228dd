/** Retries: for how long, and what the processor makes of it. */

import { expect, test } from 'vitest';
import { isExhausted } from '../../src/delivery/disposition.ts';
import { Harness, upTo } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

const RETRY = { initialDelayMillis: 1_000, maxDelayMillis: 30_000, maxElapsedMillis: 60_000 };

test('a batch is exhausted when the time since its first failure has reached the maximum', () => {
  expect(isExhausted(1_000, 60_999, RETRY)).toBe(false);
  expect(isExhausted(1_000, 61_000, RETRY)).toBe(true);
  expect(isExhausted(1_000, 1_000, { ...RETRY, maxElapsedMillis: 0 })).toBe(true);
  expect(isExhausted(0, 1e15, { ...RETRY, maxElapsedMillis: Number.POSITIVE_INFINITY })).toBe(false);
});

test('two immediate retries are followed by waits of a quarter of the outage, a second at least, and a success ends it', async () => {
  const h = new Harness({ maxExportBatchSize: 1, breaker: false }, { fail: new Error('down') });
  h.clock.chance = 1 - 2 ** -53;
  const times: number[] = [];
  h.exporter.decide = () => {
    times.push(h.clock.now());
    return undefined;
  };
  h.emit(1);
  await h.advance(12_000);
  const waits = () => times.slice(1).map((at, index) => at - (times[index] as number));
  expect(waits().map(Math.round)).toEqual([0, 0, 1_000, 1_000, 1_000, 1_000, 1_000, 1_250, 1_563, 1_953]);
  h.exporter.script = ['succeed'];
  h.emit(1);
  await h.advance(6_000);
  // What was stuck gave way to what came later.
  expect(h.exporter.delivered).toEqual([1, 0]);
  await h.end();
});

test('what has waited through maxElapsedMillis of an outage is dropped as retry_exhausted, tried or not; what came later is kept', async () => {
  const retry = { initialDelayMillis: 100, maxDelayMillis: 100, maxElapsedMillis: 400 };
  const h = new Harness({ maxExportBatchSize: 2, retry, breaker: false }, { fail: httpError(503) });
  h.emit(4);
  await h.advance(200);
  h.emit(2);
  await h.advance(300);
  expect(h.stats).toMatchObject({ dropped: { retry_exhausted: 4 }, queued: { records: 2 } });
  h.exporter.script = ['succeed'];
  await h.advance(200);
  expect(h.exporter.delivered).toEqual([4, 5]);
  await h.end();
});

test('maxElapsedMillis of 0 tries once', async () => {
  const h = new Harness({ retry: { maxElapsedMillis: 0 } }, { fail: new Error('down') });
  h.emit(3);
  await h.advance(1_000);
  expect(h.exporter.calls).toHaveLength(1);
  expect(h.stats.dropped.retry_exhausted).toBe(3);
  await h.end();
});

test('while a batch waits out a back-off, the open one fills up instead of many small ones', async () => {
  const h = new Harness({ maxExportBatchSize: 100, breaker: false }, { fail: new Error('down') });
  for (let index = 0; index < 50; index++) {
    h.emit(1);
    await h.advance(100);
  }
  h.exporter.script = ['succeed'];
  await h.advance(10_000);
  expect(h.exporter.delivered.toSorted((a, b) => (a as number) - (b as number))).toEqual(upTo(50));
  // As many batches as were tried, and not one for each delay.
  expect(h.exporter.calls.length - h.stats.exports.failures).toBeLessThanOrEqual(6);
  await h.end();
});
