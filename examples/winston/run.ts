/** What winston logs arrives as OpenTelemetry records: severity, message, and metadata as attributes. */
import assert from 'node:assert/strict';
import { runExample } from '../support/run-example.ts';

const args = ['--import', './examples/winston/telemetry.ts', 'examples/winston/service.ts'];

await runExample(args, async (example, collector) => {
  const [, port] = await example.printed(/"port":(\d+)/);
  assert.equal((await fetch(`http://localhost:${port}/cart`)).status, 200);
  assert.equal((await fetch(`http://localhost:${port}/broken`)).status, 500);
  assert.deepEqual(await example.terminate(), { code: null, signal: 'SIGTERM' });

  const records = collector.records;
  const lines = records.map(({ severityText, body, attributes }) => [
    severityText,
    body,
    attributes.path ?? attributes.port,
  ]);
  assert.deepEqual(lines, [
    ['info', 'listening', Number(port)],
    ['info', 'request served', '/cart'],
    ['error', 'request failed', '/broken'],
  ]);
  assert.equal(records[2]?.attributes['exception.message'], 'no such order');
});
