/** Records arrive with the resource NodeSDK detected, although part of it is only known some time after the start. */
import assert from 'node:assert/strict';
import { runExample } from '../support/run-example.ts';

const args = ['--import', './examples/node-sdk/telemetry.ts', 'examples/node-sdk/service.ts'];

await runExample(args, async (example, collector) => {
  const [, url] = await example.printed(/listening on (\S+)/);
  for (const path of ['/cart', '/checkout']) assert.equal((await fetch(`${url}${path}`)).status, 200);
  assert.deepEqual(await example.terminate(), { code: null, signal: 'SIGTERM' });

  const records = collector.records;
  const paths = records.map(({ attributes }) => attributes['url.path']);
  assert.deepEqual(paths, ['/cart', '/checkout']);
  for (const { resource } of records) {
    assert.equal(resource['service.name'], 'shop');
    assert.equal(resource['process.runtime.name'], 'nodejs');
    assert.ok(resource['host.name'], 'the host detector ran');
  }
});
