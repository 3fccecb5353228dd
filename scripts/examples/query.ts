/** What the application has logged arrives, with maps and errors as they are. */
import assert from 'node:assert/strict';
import type { Check } from './support/play.ts';

export const check: Check = async (start, collector) => {
  const example = await start();
  assert.deepEqual(await example.end(), { code: 0, signal: null });
  const [placed, , failed, ...others] = collector.records;
  assert.equal(placed?.body, 'order placed');
  assert.deepEqual(placed.attributes, { order: { id: 42, items: 3 }, customer: 'c-17' });
  assert.equal(failed?.attributes['exception.message'], 'card declined');
  assert.equal(others.length, 1);
};
