/** Both records arrive although the process ends at once and shuts nothing down. */
import assert from 'node:assert/strict';
import { runExample } from '../support/run-example.ts';

await runExample(['examples/shortest/app.ts'], async (example, collector) => {
  assert.deepEqual(await example.end(), { code: 0, signal: null });
  const records = collector.records.map(({ severityText, body }) => `${severityText} ${body}`);
  assert.deepEqual(records, ['INFO order stored', 'WARN stock is low']);
});
