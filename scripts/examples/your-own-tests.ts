/** Both tests pass, each in its own runner. */
import assert from 'node:assert/strict';
import type { Check } from './support/play.ts';

export const check: Check = async (start) => {
  for (const other of [undefined, ['node_modules/vitest/vitest.mjs', 'run']]) {
    const runner = await start({}, other);
    assert.deepEqual(await runner.end(), { code: 0, signal: null });
  }
};
