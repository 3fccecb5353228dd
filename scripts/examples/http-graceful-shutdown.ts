/** SIGTERM while requests are in flight: each is answered in full, and the last thing it logged arrives. */
import assert from 'node:assert/strict';
import { bySigterm, type Check } from './support/play.ts';

const paths = ['/january', '/february', '/march', '/april'];

export const check: Check = async (start, collector) => {
  const example = await start();
  // Each resolves with the first line of its answer: the request is then under way.
  const responses = await Promise.all(paths.map((path) => example.get(path)));
  assert.equal(collector.account().records, 0, 'nothing was sent before the signal');

  const end = example.terminate();
  for (const response of responses) assert.equal(await response.text(), 'one moment\ndone\n');
  assert.deepEqual(await end, bySigterm);

  for (const body of ['report begun', 'report done']) {
    const logged = collector.records.filter((record) => record.body === body);
    const loggedPaths = logged.map(({ attributes }) => attributes['url.path']);
    assert.deepEqual(loggedPaths.sort(), paths.toSorted(), body);
  }
};
