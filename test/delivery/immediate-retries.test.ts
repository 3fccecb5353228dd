/** Whether a failure is tried again immediately: what was seen to pay of late decides, as long as it is not too often. */

import { expect, test } from 'vitest';
import { ImmediateRetries, type Refusal } from '../../src/delivery/immediate-retries.ts';

/** Of so many immediate retries so many succeeded, the last ones, all at the time 0. */
function remembering(answers: number, succeeded: number, threshold?: number): ImmediateRetries {
  const retries = new ImmediateRetries(threshold);
  for (let index = 0; index < answers; index++) retries.remember(index >= answers - succeeded, 0);
  return retries;
}

/** How many failures in a row there are until one is not tried again immediately. */
function misses(retries: ImmediateRetries, refusal?: Refusal, now = 0): number {
  let count = 1;
  while (retries.allow(count, refusal, now)) count++;
  return count;
}

test.each([
  ['nothing is known', 0, 0, 3],
  ['three did not succeed', 3, 0, 3],
  ['four did not succeed', 4, 0, 2],
  ['one of three succeeded', 3, 1, 8],
  ['one of five succeeded', 5, 1, 8],
  ['one of six succeeded', 6, 1, 2],
  ['three of fifteen succeeded', 15, 3, 8],
])(
  'an outage is assumed where %s, after the given number of failures in a row',
  (_, answers, succeeded, count) => {
    expect(misses(remembering(answers, succeeded))).toBe(count);
  },
);

test.each([
  ['nothing is known', 0, 0, 'room', 3],
  ['one of three succeeded', 3, 1, 'room', 3],
  ['one of four succeeded', 4, 1, 'room', 8],
  ['none of four succeeded', 4, 0, 'room', 1],
  ['nothing is known', 0, 0, 'meant', 1],
  ['one of four succeeded', 4, 1, 'meant', 8],
  ['none of four succeeded', 4, 0, 'meant', 1],
] as const)(
  'an outage is assumed where %3$s was refused and %0$s, after the given number of failures in a row',
  (_, answers, succeeded, refusal, count) => {
    expect(misses(remembering(answers, succeeded), refusal)).toBe(count);
  },
);

test('the threshold of the breaker is not passed for what is not known to pay', () => {
  expect(misses(remembering(0, 0, 2))).toBe(2);
  expect(misses(remembering(0, 0, 1))).toBe(1);
  expect(misses(remembering(4, 0, 1))).toBe(1);
  expect(misses(remembering(4, 4, 1))).toBe(8);
});

test('the last sixteen answers count, and no earlier ones', () => {
  const retries = remembering(20, 20);
  for (let index = 0; index < 12; index++) retries.remember(false, 0);
  expect(retries.pay(undefined, 0)).toBe(true);
  retries.remember(false, 0);
  expect(retries.pay(undefined, 0)).toBe(false);
});

test('answers are forgotten after a minute, one by one', () => {
  const retries = new ImmediateRetries();
  retries.remember(true, 0);
  for (let index = 0; index < 4; index++) retries.remember(false, 30_000);
  expect(retries.pay(undefined, 60_000)).toBe(true);
  expect(retries.pay(undefined, 60_001)).toBe(false);
  expect(misses(retries, undefined, 90_000)).toBe(2);
  expect(misses(retries, undefined, 90_001)).toBe(3);
});
