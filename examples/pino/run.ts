/** What pino logs arrives as OpenTelemetry records: severity, message, and fields as attributes. */
import assert from 'node:assert/strict';
import { runExample } from '../support/run-example.ts';

const args = ['--require', './examples/pino/telemetry.cjs', 'examples/pino/service.cjs'];

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
  assert.match(JSON.stringify(records[2]?.attributes), /no such order/);
});
