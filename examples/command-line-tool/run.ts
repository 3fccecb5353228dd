/** A tool that is run where no collector is says nothing of it; what it logged arrives when one is there. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runExample } from '../support/run-example.ts';

const tool = 'examples/command-line-tool/tool.ts';
const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-example-'));
process.env.SPOOL_DIRECTORY = directory;

try {
  for (const words of [['one'], ['one', 'two']]) {
    await runExample([tool, ...words], async (example, collector) => {
      await collector.become('dead');
      assert.deepEqual(await example.end(), { code: 0, signal: null });
      // Its own line, and nothing else.
      const [printed] = await example.printed(/^[\s\S]*$/);
      assert.equal(printed, `${words.length}\n`);
    });
  }
  // Any process with this directory sends what is there, even one that logs nothing itself.
  await runExample(['examples/spool/service.ts'], async (_, collector) => {
    await collector.until(({ records }) => records === 2);
    assert.deepEqual(
      collector.records.map(({ body, attributes }) => `${body} ${attributes.words}`),
      ['words counted 1', 'words counted 2'],
    );
  });
} finally {
  await rm(directory, { recursive: true });
}
