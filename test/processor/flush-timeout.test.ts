/** Which of its two errors a flush that fails is given. */

import { expect, test } from 'vitest';
import { Harness } from '../support/harness.ts';

test('a flush whose time ran out while the event loop was busy says so, not that the destination is shut', async () => {
  const h = new Harness({ breaker: false }, { fail: new Error('down') });
  h.emit();
  const rejected = expect(h.processor.forceFlush({ timeoutMillis: 50 })).rejects.toMatchObject({
    code: 'ERR_SPILLWAY_FLUSH_TIMEOUT',
  });
  // The loop looks at the time before the timer of the flush has had its turn.
  const { now } = h.clock;
  let lateMillis = 0;
  Object.assign(h.clock, { now: () => now() + lateMillis });
  h.exporter.decide = () => {
    lateMillis = 60;
    return undefined;
  };
  await h.settle();
  await Promise.all([rejected, h.advance(50)]);
  await h.end();
});
