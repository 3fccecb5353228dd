/** What a process logged that had no collector, and then called process.exit(), arrives when it is started again. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runExample } from '../support/run-example.ts';

const service = 'examples/spool/service.ts';
const orders = 200;
const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-example-'));
process.env.SPOOL_DIRECTORY = directory;

try {
  await runExample([service], async (example, collector) => {
    const [, url] = await example.printed(/listening on (\S+)/);
    await collector.become('dead');
    for (let order = 1; order <= orders; order++) await fetch(`${url}/order/${order}`);
    // Its last request is not answered any more.
    await assert.rejects(fetch(`${url}/corrupt`));
    assert.deepEqual(await example.end(), { code: 1, signal: null });
    assert.equal(collector.account().records, 0);
  });

  await runExample([service], async (example, collector) => {
    await collector.until(({ records }) => records === orders + 1);
    const paths = collector.records.map(({ attributes }) => attributes['url.path']);
    const expected = Array.from({ length: orders }, (_, index) => `/order/${index + 1}`);
    assert.deepEqual(paths, [...expected, '/corrupt']);
    await example.printed(/listening on/);
    assert.deepEqual(await example.terminate(), { code: null, signal: 'SIGTERM' });
    assert.equal(collector.account().records, orders + 1, 'nothing arrives twice');
    assert.deepEqual(await readdir(directory), [], 'nothing is left on disk');
  });
} finally {
  await rm(directory, { recursive: true });
}
