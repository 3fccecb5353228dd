/** What pino hands to its worker arrives however the process ends. */
import assert from 'node:assert/strict';
import { type End, type Example, runExample } from '../support/run-example.ts';

const requests = 100;

async function serve(
  path: string,
  last: readonly string[],
  end: (example: Example) => Promise<End>,
): Promise<End> {
  let how: End | undefined;
  await runExample(['examples/pino-worker/service.mjs'], async (example, collector) => {
    const [, url] = await example.printed(/listening on (\S+)/);
    for (let request = 1; request <= requests; request++) await fetch(`${url}/${request}`);
    // Its process may have ended before the answer.
    if (path !== '') await fetch(`${url}${path}`).catch(() => {});
    how = await end(example);
    const lines = collector.records.map(
      ({ severityText, body, attributes }) => `${severityText} ${attributes.path ?? body}`,
    );
    const served = Array.from({ length: requests }, (_, index) => `INFO /${index + 1}`);
    assert.deepEqual(lines, ['INFO listening', ...served, ...last]);
  });
  assert.ok(how);
  return how;
}

const [natural, exit, thrown, signal] = await Promise.all([
  serve('/last', ['INFO /last', 'INFO no more requests'], (example) => example.end()),
  serve('/exit', ['INFO /exit'], (example) => example.end()),
  serve('/throw', ['INFO /throw'], (example) => example.end()),
  serve('', ['WARN terminated'], (example) => example.terminate()),
]);
assert.deepEqual([natural.code, exit.code, thrown.code, signal.code], [0, 0, 1, 143]);
