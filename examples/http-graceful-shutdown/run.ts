/** SIGTERM while requests are in flight: each is answered in full, and the last thing it logged arrives. */
import assert from 'node:assert/strict';
import { runExample } from '../support/run-example.ts';

const paths = ['/january', '/february', '/march', '/april'];

await runExample(['examples/http-graceful-shutdown/service.ts'], async (example, collector) => {
  const [, url] = await example.printed(/listening on (\S+)/);
  // Each resolves with the first line of its answer: the request is then under way.
  const responses = await Promise.all(paths.map((path) => fetch(`${url}${path}`)));
  assert.equal(collector.account().records, 0, 'nothing was sent before the signal');

  const end = example.terminate();
  for (const response of responses) assert.equal(await response.text(), 'one moment\ndone\n');
  // A process that handled the signal still tells its parent that the signal ended it.
  assert.deepEqual(await end, { code: null, signal: 'SIGTERM' });

  for (const body of ['report begun', 'report done']) {
    const logged = collector.records.filter((record) => record.body === body);
    const loggedPaths = logged.map(({ attributes }) => attributes['url.path']);
    assert.deepEqual(loggedPaths.sort(), paths.toSorted(), body);
  }
});
