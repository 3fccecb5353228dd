/** The record arrives through the official exporter. */
import assert from 'node:assert/strict';
import type { Check } from './support/play.ts';

export const check: Check = async (start, collector) => {
  const example = await start();
  assert.deepEqual(await example.end(), { code: 0, signal: null });
  assert.deepEqual(
    collector.records.map(({ body }) => body),
    ['order stored'],
  );
};
