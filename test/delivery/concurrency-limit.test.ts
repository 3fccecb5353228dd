/** The number of exports at once follows what the destination can take. */

import { expect, test } from 'vitest';
import { ConcurrencyLimit } from '../../src/delivery/concurrency-limit.ts';

function succeed(limit: ConcurrencyLimit, times: number, millis: number, wasFull = true): void {
  for (let time = 0; time < times; time++) limit.succeeded(millis, wasFull);
}

test('the limit grows by one with each export that is as fast as before, up to the maximum', () => {
  const limit = new ConcurrencyLimit(1, 4);
  const seen = [limit.current];
  for (let time = 0; time < 5; time++) {
    limit.succeeded(20, true);
    seen.push(limit.current);
  }
  expect(seen).toEqual([1, 2, 3, 4, 4, 4]);
});

test('the limit does not grow while not all of it is used', () => {
  const limit = new ConcurrencyLimit(1, 4);
  succeed(limit, 10, 20, false);
  expect(limit.current).toBe(1);
});

test('exports that get slower as there are more of them make it shrink', () => {
  const limit = new ConcurrencyLimit(1, 16);
  succeed(limit, 7, 20);
  expect(limit.current).toBe(8);
  succeed(limit, 8, 200);
  expect(limit.current).toBeLessThan(5);
});

test('what an export takes that is alone is the measure for many', () => {
  const limit = new ConcurrencyLimit(1, 16);
  succeed(limit, 1, 20);
  succeed(limit, 5, 200);
  expect(limit.current).toBe(1);
});

test('some milliseconds more are noise', () => {
  const limit = new ConcurrencyLimit(1, 16);
  succeed(limit, 4, 2);
  succeed(limit, 6, 15);
  expect(limit.current).toBe(11);
});

test('a network that has become slower is the new normal after a while', () => {
  const limit = new ConcurrencyLimit(16, 16);
  succeed(limit, 3, 20);
  succeed(limit, 15, 80);
  expect(limit.current).toBeLessThan(10);
  succeed(limit, 15, 80);
  expect(limit.current).toBeGreaterThan(10);
});

test('a destination that has become slower for good is no reason to stay at one', () => {
  const limit = new ConcurrencyLimit(1, 16);
  succeed(limit, 20, 2, false);
  succeed(limit, 10, 50);
  expect(limit.current).toBe(11);
});

test('a failure takes a fifth of it, an outage all but one, and it never falls below one', () => {
  const limit = new ConcurrencyLimit(16, 16);
  limit.failed();
  expect(limit.current).toBe(12);
  limit.restart();
  expect(limit.current).toBe(1);
  for (let time = 0; time < 20; time++) limit.failed();
  expect(limit.current).toBe(1);
});

test('the start is not above the maximum', () => {
  expect(new ConcurrencyLimit(Number.POSITIVE_INFINITY, 3).current).toBe(3);
});
