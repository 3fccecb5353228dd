/** However processes end that share a directory, what they owe arrives: seen from outside. `soak/` does it for longer. */

import { describe, expect, test } from 'vitest';
import { playRound } from '../../soak/round.ts';
import { planRound } from '../../soak/round-plan.ts';

/** Each scenario is two processes at least, on a machine that may have other things to do. */
const SLOW = { timeout: 40_000 };

describe.concurrent('drawn rounds', SLOW, () => {
  // Drawn beforehand: the endings and faults of a seed are always the same.
  test.each([1784])(
    'processes that share a directory owe nothing after bad days of the collector (seed %d)',
    async (seed) => {
      const result = await playRound(
        planRound(seed, { climate: 'rough', maxProcesses: 3, maxMillis: 1_500 }),
      );
      expect(result.violations).toEqual([]);
      expect(result.owed).toBeGreaterThan(0);
    },
  );
});

test(
  'eight processes that are killed again and again owe nothing, and no two send the same',
  SLOW,
  async () => {
    const result = await playRound(planRound(2604, { climate: 'crowd', maxMillis: 1_200 }));
    expect(result.violations).toEqual([]);
    expect(result.owed).toBeGreaterThan(0);
  },
);
