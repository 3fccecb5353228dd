/** What the application has logged arrives, with maps and errors as they are. */
import assert from 'node:assert/strict';
import { runExample } from '../support/run-example.ts';

const args = ['--import', 'otel-spillway/register', 'examples/query/app.cjs'];

await runExample(args, async (example, collector) => {
  assert.equal((await example.end()).code, 0);
  assert.equal(collector.records.length, 4);
  const [placed, , failed] = collector.records;
  assert.equal(placed?.body, 'order placed');
  assert.deepEqual(placed.attributes, { order: { id: 42, items: 3 }, customer: 'c-17' });
  assert.equal(failed?.attributes['exception.message'], 'card declined');
});
