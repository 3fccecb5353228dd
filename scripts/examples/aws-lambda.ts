/** What a handler logs has arrived when its process is stopped after the answer, and not continued. */
import assert from 'node:assert/strict';
import type { Check } from './support/play.ts';

export const check: Check = async (start, collector) => {
  const runtime = await start();
  for (const order of [1, 2, 3]) {
    const [, pid] = await runtime.printed(new RegExp(`answered ${order} in (\\d+)`));
    process.kill(Number(pid), 'SIGSTOP');
    assert.equal(collector.records.length, order);
    assert.equal(collector.records.at(-1)?.body, `order ${order} stored`);
    process.kill(Number(pid), 'SIGCONT');
  }
  await runtime.end();
  assert.equal(collector.account().records, 3);
};
