/** What was refused as too large is remembered, and risked again after a while. */

import { expect, test } from 'vitest';
import { SizeLimit } from '../src/delivery/size-limit.ts';
import { Harness, upTo } from './support/harness.ts';
import { httpError } from './support/scripted-exporter.ts';

test('there is no limit while nothing was refused', () => {
  expect(new SizeLimit().maxBytes).toBe(Number.POSITIVE_INFINITY);
});

test('after a refusal the limit lies a little above half of what was refused, and only falls', () => {
  const limit = new SizeLimit();
  limit.refused(1_000);
  expect(limit.maxBytes).toBe(600);
  limit.refused(2_000);
  expect(limit.maxBytes).toBe(600);
});

test('a hundred requests near the limit let a larger one be risked; small ones prove nothing', () => {
  const limit = new SizeLimit();
  limit.refused(1_000);
  for (let time = 0; time < 1_000; time++) limit.taken(100);
  expect(limit.maxBytes).toBe(600);
  for (let time = 0; time < 99; time++) limit.taken(500);
  expect(limit.maxBytes).toBe(600);
  limit.taken(500);
  expect(limit.maxBytes).toBe(900);
});

test('a request is near the limit from two thirds of it on', () => {
  const limit = new SizeLimit();
  limit.refused(1_000);
  for (let time = 0; time < 100; time++) limit.taken(399);
  expect(limit.maxBytes).toBe(600);
  for (let time = 0; time < 100; time++) limit.taken(400);
  expect(limit.maxBytes).toBe(900);
});

test('later batches are sent in the size that the destination takes, after a few refusals', async () => {
  const h = new Harness({ maxExportBatchSize: 64 });
  h.exporter.decide = (records) => (records.length > 20 ? { fail: httpError(413) } : 'succeed');
  h.emit(64 * 4);
  await h.settle();
  expect(h.exporter.delivered.toSorted((a, b) => Number(a) - Number(b))).toEqual(upTo(64 * 4));
  const { failures } = h.stats.exports;
  h.emit(64 * 4);
  await h.settle();
  expect(h.exporter.delivered).toHaveLength(64 * 8);
  expect(h.stats.exports.failures).toBe(failures);
  await h.end();
});

test('a lone record that is refused costs only itself, and says nothing of others', async () => {
  const h = new Harness({ maxExportBatchSize: 64 });
  h.exporter.decide = (records) =>
    records.some(({ body }) => body === 5) ? { fail: httpError(413) } : 'succeed';
  h.emit(64);
  await h.settle();
  expect(h.stats).toMatchObject({ exported: 63, dropped: { record_too_large: 1 } });
  const before = h.stats.exports.attempts;
  h.emit(6_400);
  await h.settle();
  expect(h.stats.exported).toBe(63 + 6_400);
  expect(h.stats.exports.attempts - before).toBeLessThanOrEqual(2 * (6_400 / 64));
  await h.end();
});
