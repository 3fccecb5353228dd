/** The files of the front page, for ES modules and for CommonJS, deliver what pino logs as they stand there. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { runExample } from '../support/run-example.ts';

const root = join(import.meta.dirname, '../..');
const page = await readFile(join(root, 'README.md'), 'utf8');
// Inside the repository, where the package finds itself by its name.
const directory = await mkdtemp(join(import.meta.dirname, 'files-'));
try {
  for (const [, name = '', code = ''] of page.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)) {
    await writeFile(join(directory, name), code);
  }
  const commands = [...page.matchAll(/ node (--import|--require) \.\/(telemetry\.\w+) (app\.\w+)\n/g)];
  assert.equal(commands.length, 2, 'one for ES modules and one for CommonJS');
  for (const [, flag = '', telemetry = '', app = ''] of commands) {
    const args = [flag, join(directory, telemetry), relative(root, join(directory, app))];
    await runExample(args, async (example, collector) => {
      assert.deepEqual(await example.end(), { code: 0, signal: null });
      const records = collector.records.map(({ body, attributes, resource }) => [
        body,
        attributes.order,
        resource['service.name'],
      ]);
      assert.deepEqual(records, [['order stored', 4_711, 'shop']]);
    });
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
