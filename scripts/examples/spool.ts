/** What a process logged that had no collector, and then called process.exit(), arrives when it is started again. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withTemporaryDirectory } from '../tools.ts';
import { bySigterm, type Check } from './support/play.ts';

const orders = 200;

export const check: Check = (start, collector) =>
  withTemporaryDirectory(async (directory) => {
    const env = { SPOOL_DIRECTORY: join(directory, 'spool') };
    const first = await start(env);
    await collector.become('dead');
    for (let order = 1; order <= orders; order++) await first.get(`/order/${order}`);
    // Its last request is not answered any more.
    await assert.rejects(first.get('/corrupt'));
    assert.deepEqual(await first.end(), { code: 1, signal: null });
    assert.equal(collector.account().records, 0);

    await collector.become('well');
    const second = await start(env);
    await collector.until(({ records }) => records === orders + 1, 20_000);
    const paths = collector.records.map(({ attributes }) => attributes['url.path']);
    const expected = Array.from({ length: orders }, (_, index) => `/order/${index + 1}`);
    assert.deepEqual(paths, [...expected, '/corrupt']);
    assert.equal((await second.get('/order/0')).status, 200, 'it is up, so a signal finds it listening');
    assert.deepEqual(await second.terminate(), bySigterm);
    assert.equal(collector.account().records, orders + 2, 'nothing arrives twice');
    assert.deepEqual(await readdir(env.SPOOL_DIRECTORY), [], 'nothing is left on disk');
  });
