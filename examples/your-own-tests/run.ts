/** Both tests pass, each in its own runner, against the built package. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const here = import.meta.dirname;
const vitest = join(here, '../../node_modules/vitest/vitest.mjs');
const runners = [
  ['--test', join(here, 'outage.node.ts')],
  [vitest, 'run', '--root', here],
];
for (const args of runners) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
}
