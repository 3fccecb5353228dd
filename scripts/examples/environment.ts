/** Whatever the collector says is heard: a time to come back, which a shutdown waits for, and a partial success. */
import assert from 'node:assert/strict';
import type { Check } from './support/play.ts';

// Longer than the processor's own first back-off.
const retryAfterSeconds = 2;

export const check: Check = async (start, collector) => {
  await collector.script(
    { kind: 'status', status: 429, retryAfterSeconds },
    { kind: 'partial', rejected: 3, message: 'import.row is out of range' },
  );
  const example = await start();
  await collector.until(({ answers }) => answers['429'] === 1, 20_000);
  const refusedAt = performance.now();
  await collector.until(({ records }) => records > 0);
  assert.ok(performance.now() - refusedAt > retryAfterSeconds * 950, 'it came back too early');

  await example.printed(/logged 2000, exported 1997, rejected by the collector 3\n/);
  assert.deepEqual(await example.end(), { code: 0, signal: null });
  const { records, encodings } = collector.account();
  assert.equal(records, 1_997);
  assert.deepEqual(Object.keys(encodings), ['application/x-protobuf, gzip']);
};
