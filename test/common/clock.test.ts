/** The two waits that are made of a clock: a turn that comes once, and a promise with a bound. */

import { describe, expect, test } from 'vitest';
import { coalesced, settledWithin } from '../../src/common/clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

test('work that is asked for several times in a turn runs once in the next, and again if it is asked for while it runs', async () => {
  const clock = new ManualClock();
  let runs = 0;
  const later = coalesced(clock, () => {
    if (++runs === 1) later();
  });
  later();
  later();
  expect(runs).toBe(0);
  await clock.settle();
  expect(runs).toBe(2);
});

describe('promises with a bound', () => {
  test.each([
    ['was kept', () => Promise.resolve()],
    ['was broken', () => Promise.reject(new Error('broken'))],
  ])(
    'a bounded promise resolves as settled when the work %s in time, and leaves no timer',
    async (_how, work) => {
      const clock = new ManualClock();
      expect(await settledWithin(work(), 100, clock)).toBe(true);
      expect(clock.pendingTimers).toBe(0);
    },
  );

  test('a bounded promise resolves as not settled when the time is over, although the work rejects later', async () => {
    const clock = new ManualClock();
    const { promise, reject } = Promise.withResolvers<void>();
    const bounded = settledWithin(promise, 100, clock);
    expect(clock.keepAliveTimers).toBe(1);
    await clock.advance(100);
    reject(new Error('late'));
    expect(await bounded).toBe(false);
  });

  test('a bounded promise resolves as not settled when the signal aborts, or had aborted before, and leaves no timer', async () => {
    const clock = new ManualClock();
    const never = new Promise(() => {});
    const ending = new AbortController();
    const bounded = settledWithin(never, 100, clock, { signal: ending.signal, keepAlive: false });
    expect(clock.keepAliveTimers).toBe(0);
    ending.abort();
    expect(await bounded).toBe(false);
    expect(await settledWithin(never, 100, clock, { signal: ending.signal })).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });
});
