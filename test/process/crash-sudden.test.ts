/** A process with a spool that ends suddenly leaves what was safe by then: seen from outside. */

import { describe, expect, test } from 'vitest';
import { outliveOutage, planLife, SPOOL } from '../support/outlived-outage.ts';

const SOME_SAFE = { ticks: 0, safe: 50 };
/** Each scenario is two processes at least, on a machine that may have other things to do. */
const SLOW = { timeout: 40_000 };

describe.concurrent('sudden ends', SLOW, () => {
  test('everything that a resolved flush covered arrives once after the process was killed', async () => {
    const { owed, violations, left } = await outliveOutage(
      planLife('a', {
        flushEveryMillis: 50,
        ending: { kind: 'killed', afterMillis: 100, notBefore: SOME_SAFE },
      }),
    );
    expect(violations).toEqual([]);
    expect(left).toEqual([]);
    expect(owed).toBeGreaterThan(0);
  });

  test('everything that a resolved flush covered arrives once after the process ran out of memory', async () => {
    const { owed, violations, left } = await outliveOutage(
      planLife('a', {
        flushEveryMillis: 50,
        ending: { kind: 'out of memory', afterMillis: 100, notBefore: SOME_SAFE },
      }),
    );
    expect(violations).toEqual([]);
    expect(left).toEqual([]);
    expect(owed).toBeGreaterThan(0);
  });

  test.each([
    ['was killed', 'killed'],
    ['ran out of memory', 'out of memory'],
  ] as const)(
    'everything emitted arrives once after the process %s without any flush, if all goes to disk first',
    async (_, kind) => {
      const { owed, violations, left } = await outliveOutage(
        planLife('a', {
          spool: { ...SPOOL, mode: 'always' },
          ending: { kind, afterMillis: 600, notBefore: { ticks: 60, safe: 0 } },
        }),
      );
      expect(violations).toEqual([]);
      expect(left).toEqual([]);
      expect(owed).toBeGreaterThan(0);
    },
  );

  test('everything that a resolved flush covered arrives once after two processes in a row were killed', async () => {
    const ending = { kind: 'killed', afterMillis: 100, notBefore: SOME_SAFE } as const;
    const killed = { flushEveryMillis: 50, ending };
    const { lives, violations, left } = await outliveOutage(
      planLife('a', killed),
      planLife('b', killed),
      planLife('c', { ending: { kind: 'exit', afterMillis: 300 } }),
    );
    expect(violations).toEqual([]);
    expect(left).toEqual([]);
    for (const life of lives.slice(0, 3)) expect(life.owed).toBeGreaterThan(0);
  });
});
