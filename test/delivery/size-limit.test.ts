/** What was refused as too large is remembered, and risked again after a while. */

import { expect, test } from 'vitest';
import { SizeLimit } from '../../src/delivery/size-limit.ts';
import { Harness, upTo } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

test('there is no limit while nothing was refused', () => {
  expect(new SizeLimit().maxBytes(0)).toBe(Number.POSITIVE_INFINITY);
});

test('after a refusal the limit lies at half of what was refused and a little more, as halves differ, and only falls', () => {
  const limit = new SizeLimit();
  limit.refused(1_000, 0);
  expect(limit.maxBytes(0)).toBe(550);
  limit.refused(2_000, 0);
  expect(limit.maxBytes(0)).toBe(550);
});

test('a limit that was taught is tried again after an hour', () => {
  const limit = new SizeLimit();
  limit.refused(1_000, 5_000);
  for (let time = 0; time < 1_000; time++) limit.taken(500);
  expect(limit.maxBytes(3_605_000)).toBe(550);
  expect(limit.maxBytes(3_605_001)).toBe(Number.POSITIVE_INFINITY);
});

test('a refusal teaches nothing where requests of about that size, a tenth less, have just been accepted', () => {
  const limit = new SizeLimit();
  limit.taken(40);
  limit.refused(44, 0);
  limit.lackedRoom(44);
  expect(limit.maxBytes(0)).toBe(Number.POSITIVE_INFINITY);
  limit.refused(45, 0);
  expect(limit.maxBytes(0)).toBe(25);
});

test('a refused part of a refused batch teaches nothing alone, and its size when another of that size is refused', () => {
  const limit = new SizeLimit();
  for (const bytes of [2_000, 1_000, 500]) limit.refusedPart(bytes, 0);
  expect(limit.maxBytes(0)).toBe(Number.POSITIVE_INFINITY);
  limit.refusedPart(1_050, 0);
  expect(limit.maxBytes(0)).toBe(578);
});

test('refused parts teach nothing when one of their size was accepted in between', () => {
  const limit = new SizeLimit();
  limit.refusedPart(1_000, 0);
  limit.taken(1_000);
  limit.taken(10);
  limit.refusedPart(1_000, 0);
  expect(limit.maxBytes(0)).toBe(Number.POSITIVE_INFINITY);
});

test('a destination that lacks room gets smaller requests, not below 128 KiB, which double with each success', () => {
  const limit = new SizeLimit();
  limit.lackedRoom(1_000_000);
  expect(limit.maxBytes(0)).toBe(500_000);
  limit.lackedRoom(150_000);
  expect(limit.maxBytes(0)).toBe(128 * 1024);
  limit.taken(128 * 1024);
  expect(limit.maxBytes(0)).toBe(256 * 1024);
  limit.lackedRoom(128 * 1024);
  expect(limit.maxBytes(0)).toBe(256 * 1024);
  for (let time = 0; time < 10; time++) limit.taken(256 * 1024);
  expect(limit.maxBytes(0)).toBe(256 * 1024 * 1024);
});

test('after an outage requests start small and double, and what was learnt of their size is forgotten', () => {
  const limit = new SizeLimit();
  limit.refused(1_000, 0);
  limit.recovered();
  expect(limit.maxBytes(0)).toBe(64 * 1024);
  limit.taken(64 * 1024);
  expect(limit.maxBytes(0)).toBe(128 * 1024);
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

test('the first batch that is much too large is halved along one of its parts, and not along each', async () => {
  const h = new Harness({ maxExportBatchSize: 1_024 });
  h.exporter.decide = (records) => (records.length > 20 ? { fail: httpError(413) } : 'succeed');
  h.emit(1_024);
  await h.settle();
  expect(h.exporter.delivered).toHaveLength(1_024);
  // 1,024, 512, … 32, and the second one of 32.
  expect(h.stats.exports.failures).toBeLessThanOrEqual(8);
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
