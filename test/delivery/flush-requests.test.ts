/** Flushes that wait: each for what was admitted before it, as long as that is of use, and within its time. */

import { expect, test } from 'vitest';
import { FlushRequests, type FlushResult, type Patience } from '../../src/delivery/flush-requests.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Flushes on a manual clock, at the time 0. */
function waiting() {
  const clock = new ManualClock(0);
  const requests = new FlushRequests(clock);
  const ended: [string, FlushResult][] = [];
  const add = (
    name: string,
    upTo: number,
    timeoutMillis: number,
    { patience = 'retries', isEnd = false }: { patience?: Patience; isEnd?: boolean } = {},
  ) => {
    void requests.add(upTo, timeoutMillis, patience, isEnd).then((result) => ended.push([name, result]));
  };
  const update = async (...args: Parameters<FlushRequests['update']>) => {
    requests.update(...args);
    await clock.settle();
    return ended.splice(0);
  };
  return { clock, ended, add, update, requests };
}

test('each is done when nothing admitted before it is left', async () => {
  const { clock, add, update } = waiting();
  add('first', 3, 1_000);
  add('second', 5, 1_000);
  expect(await update(3, 0, false)).toEqual([]);
  expect(await update(4, 0, false)).toEqual([['first', 'done']]);
  expect(await update(5, 0, false)).toEqual([]);
  expect(await update(6, 0, false)).toEqual([['second', 'done']]);
  expect(clock.pendingTimers).toBe(0);
});

test('all are released together, whatever is left', async () => {
  const { clock, ended, add, requests } = waiting();
  add('first', 3, 1_000);
  add('second', 5, 2_000);
  requests.release();
  await clock.settle();
  expect(ended).toEqual([
    ['first', 'done'],
    ['second', 'done'],
  ]);
  expect(clock.pendingTimers).toBe(0);
});

test('a flush ends when its time is over, and its timer keeps the process alive until then', async () => {
  const { clock, ended, add } = waiting();
  add('only', 3, 1_000);
  expect(clock.keepAliveTimers).toBe(1);
  await clock.advance(999);
  expect(ended).toEqual([]);
  await clock.advance(1);
  expect(ended).toEqual([['only', 'timeout']]);
  expect(clock.pendingTimers).toBe(0);
});

test('the time of a flush is over although its timer has not come yet', async () => {
  const { clock, add, update } = waiting();
  add('only', 3, 1_000);
  clock.pass(1_000);
  expect(await update(1, 0, false)).toEqual([['only', 'timeout']]);
});

test('what was delivered in the last moment is done, and not too late', async () => {
  const { clock, add, update } = waiting();
  add('only', 3, 1_000);
  clock.pass(1_000);
  expect(await update(4, 0, false)).toEqual([['only', 'done']]);
});

test('a flush does not wait for a destination that may not be called in time, nor for the probe of an open breaker', async () => {
  const { add, update } = waiting();
  add('short', 3, 1_000);
  add('long', 3, 5_000);
  expect(await update(1, 1_000, false)).toEqual([]);
  expect(await update(1, 1_001, false)).toEqual([['short', 'unavailable']]);
  expect(await update(1, 0, true)).toEqual([['long', 'unavailable']]);
});
