/** Records arrive with the resource NodeSDK detected, although part of it is only known some time after the start. */
import assert from 'node:assert/strict';
import { bySigterm, type Check } from './support/play.ts';

export const check: Check = async (start, collector) => {
  const example = await start();
  for (const path of ['/cart', '/checkout']) assert.equal((await example.get(path)).status, 200);
  assert.deepEqual(await example.terminate(), bySigterm);

  const records = collector.records;
  const paths = records.map(({ attributes }) => attributes['url.path']);
  assert.deepEqual(paths, ['/cart', '/checkout']);
  for (const { resource } of records) {
    assert.equal(resource['service.name'], 'shop');
    assert.equal(resource['process.runtime.name'], 'nodejs');
    assert.ok(resource['host.name'], 'the host detector ran');
  }
};
