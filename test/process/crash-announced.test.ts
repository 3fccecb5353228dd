/** A process with a spool that ends in a way it hears of leaves nothing behind: seen from outside. */

import { describe, expect, test } from 'vitest';
import { outliveOutage, planLife } from '../support/outlived-outage.ts';

/** Each scenario is two processes at least, on a machine that may have other things to do. */
const SLOW = { timeout: 40_000 };

describe.concurrent('ends that a process hears of', SLOW, () => {
  test.each([
    ['had nothing more to do', 'natural'],
    ['called process.exit()', 'exit'],
    ['threw an exception that nobody caught', 'throw'],
    ['rejected a promise that nobody handled', 'reject'],
    ['was ended by SIGTERM', 'signalled'],
  ] as const)('everything emitted during an outage arrives once after the process %s', async (_, kind) => {
    const { lives, left, owed, arrived, violations } = await outliveOutage(
      planLife('a', { ending: { kind, afterMillis: 400 } }),
    );
    expect(violations).toEqual([]);
    expect(left).toEqual([]);
    expect(lives[0]?.emitted).toBeGreaterThan(0);
    expect(owed).toBe(lives[0]?.emitted);
    expect(arrived).toBe(owed);
  });
});
