/** A tool that is run where no collector is says nothing of it; what it logged arrives when one is there. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withTemporaryDirectory } from '../tools.ts';
import type { Check } from './support/play.ts';

export const check: Check = (start, collector) =>
  withTemporaryDirectory(async (directory) => {
    const env = { SPOOL_DIRECTORY: join(directory, 'spool') };
    await collector.become('dead');
    let owed = '';
    for (const words of [['one'], ['one', 'two']]) {
      owed += `${words.length}\n`;
      const tool = await start(env, ['tool.js', ...words]);
      assert.deepEqual(await tool.end(), { code: 0, signal: null });
      // Their own lines, and nothing else.
      const [printed] = await tool.printed(/^[\s\S]*$/);
      assert.equal(printed, owed);
    }
    await collector.become('well');
    const bodies = () => new Set(collector.records.map(({ attributes }) => attributes.words));
    // A run may be too short to send what others have left.
    for (let run = 0; run < 50 && bodies().size < 3; run++) {
      const tool = await start(env, ['tool.js', 'one', 'two', 'three']);
      assert.deepEqual(await tool.end(), { code: 0, signal: null });
      await sleep(10);
    }
    assert.deepEqual([...bodies()].sort(), [1, 2, 3]);
  });
