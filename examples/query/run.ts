/** What the application has logged arrives, with maps and errors as they are. */
import assert from 'node:assert/strict';
import { runExample } from '../support/run-example.ts';

await runExample(
  ['--import', 'otel-spillway/register', 'examples/query/app.cjs'],
  async (example, collector) => {
    await collector.until(({ records }) => records === 4);
    const [placed, , failed] = collector.records;
    assert.equal(placed?.body, 'order placed');
    assert.deepEqual(placed.attributes, { order: { id: 42, items: 3 }, customer: 'c-17' });
    assert.equal(failed?.attributes['exception.message'], 'card declined');
    assert.equal((await example.end()).code, 0);
  },
);
