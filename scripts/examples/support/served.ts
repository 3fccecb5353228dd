/** What the services of pino and of winston have in common: a good request and a bad one, each logged. */
import assert from 'node:assert/strict';
import type { ReceivedRecord, TestCollector } from '../../../src/testing/index.ts';
import { bySigterm, type Running } from './play.ts';

/** @returns the record of the error. */
export async function serve(example: Running, collector: TestCollector): Promise<ReceivedRecord> {
  assert.equal((await example.get('/cart')).status, 200);
  assert.equal((await example.get('/broken')).status, 500);
  assert.deepEqual(await example.terminate(), bySigterm);

  const records = collector.records;
  const lines = records.map(({ severityText, body, attributes }) => [severityText, body, attributes.path]);
  assert.deepEqual(lines, [
    ['info', 'listening', undefined],
    ['info', 'request served', '/cart'],
    ['error', 'request failed', '/broken'],
  ]);
  return records[2] as ReceivedRecord;
}
