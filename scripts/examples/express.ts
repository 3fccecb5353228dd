/** What pino logs in a service of Express arrives, with its fields and the name of the service, and no line of code knows of it. */
import assert from 'node:assert/strict';
import { bySigterm, type Check } from './support/play.ts';

export const check: Check = async (start, collector) => {
  const example = await start({ OTEL_SERVICE_NAME: 'shop' });
  assert.equal((await example.get('/order/4711')).status, 200);
  assert.deepEqual(await example.terminate(), bySigterm);
  const records = collector.records.map(({ body, attributes, resource }) => [
    body,
    attributes.order,
    resource['service.name'],
  ]);
  assert.deepEqual(records, [
    ['listening', undefined, 'shop'],
    ['order stored', 4_711, 'shop'],
  ]);
};
