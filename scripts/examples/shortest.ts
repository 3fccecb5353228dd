/** Both records arrive although the process ends immediately and shuts nothing down. */
import assert from 'node:assert/strict';
import type { Check } from './support/play.ts';

export const check: Check = async (start, collector) => {
  const example = await start();
  assert.deepEqual(await example.end(), { code: 0, signal: null });
  const records = collector.records.map(({ severityText, body }) => `${severityText} ${body}`);
  assert.deepEqual(records, ['INFO order stored', 'WARN stock is low']);
};
