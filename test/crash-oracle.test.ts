/** However a process ends, what it owes arrives: processes with a spool, seen from outside. `soak/` does it for longer. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startCollector } from '../demo/collector/collector.ts';
import { Life, type LifeReport } from '../soak/life.ts';
import { playRound } from '../soak/round.ts';
import { type LifePlan, planDrain, planRound } from '../soak/round-plan.ts';
import { judge } from '../soak/verdict.ts';
import type { SpillwayStats } from '../src/index.ts';

const SPOOL: LifePlan['spool'] = {
  mode: 'overflow',
  fsync: 'never',
  leaseMillis: 1_000,
  maxBytes: 64 * 1024 * 1024,
  replayShare: 0.5,
  spillAfterOpenMillis: 200,
};

function planLife(name: string, changes: Partial<LifePlan> = {}): LifePlan {
  return {
    ...planDrain(name, SPOOL),
    patienceMillis: 200,
    shutdownMillis: 300,
    recordsPerTick: 5,
    maxRecords: Number.MAX_SAFE_INTEGER,
    padding: 100,
    ending: { kind: 'natural', afterMillis: 400 },
    ...changes,
  };
}

/** One after another, without a collector; then it is there, and one more process has nothing to do but to send. */
async function outliveOutage(...plans: LifePlan[]) {
  const collector = await startCollector({ keep: 'ids' });
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-crash-'));
  const live = (plan: LifePlan): Promise<LifeReport> =>
    new Life({ ...plan, url: collector.logsUrl, spool: { ...plan.spool, directory } }).end;
  try {
    await collector.refuse();
    const lives: LifeReport[] = [];
    for (const plan of plans) lives.push(await live(plan));
    await collector.listen();
    lives.push(await live(planDrain('drain', SPOOL)));
    const left = (await readdir(directory)).filter((name) => name !== 'damaged');
    // Nobody has been told of a delivery before the end: there is nothing to send twice.
    return { lives, left, ...judge(lives, collector.ids(), NOTHING) };
  } finally {
    await collector.close();
    await rm(directory, { recursive: true });
  }
}

const SOME_SAFE = { ticks: 0, safe: 50 };

/** What may happen: no record twice, and none dropped. */
const NOTHING = { repeat: false, drop: false };

/** Each scenario is two processes at least, on a machine that may have other things to do. */
const SLOW = { timeout: 40_000 };

describe.concurrent(
  'what was emitted while there was no collector arrives once, after the process',
  SLOW,
  () => {
    test.each([
      ['had nothing more to do', 'natural'],
      ['called process.exit()', 'exit'],
      ['threw an exception that nobody caught', 'throw'],
      ['rejected a promise that nobody handled', 'reject'],
      ['was ended by SIGTERM', 'signalled'],
    ] as const)('%s', async (_, kind) => {
      const { lives, left, owed, arrived, violations } = await outliveOutage(
        planLife('a', { ending: { kind, afterMillis: 400 } }),
      );
      expect(violations).toEqual([]);
      expect(left).toEqual([]);
      expect(lives[0]?.emitted).toBeGreaterThan(0);
      expect(owed).toBe(lives[0]?.emitted);
      expect(arrived).toBe(owed);
    });

    test('was killed, as far as it was covered by a flush that resolved', async () => {
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

    test('ran out of memory, as far as it was covered by a flush that resolved', async () => {
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
    ] as const)('%s, without any flush, when everything goes to disk first', async (_, kind) => {
      const { owed, violations, left } = await outliveOutage(
        planLife('a', {
          spool: { ...SPOOL, mode: 'always' },
          ending: { kind, afterMillis: 600, notBefore: { ticks: 60, safe: 0 } },
        }),
      );
      expect(violations).toEqual([]);
      expect(left).toEqual([]);
      expect(owed).toBeGreaterThan(0);
    });

    test('was killed, and the one after it as well', async () => {
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
  },
);

describe.concurrent('processes that share a directory, and a collector that has bad days', SLOW, () => {
  // Drawn beforehand: the endings and faults of a seed are always the same.
  test.each([183, 276])('owe nothing in the end (seed %d)', async (seed) => {
    const result = await playRound(planRound(seed, 3));
    expect(result.violations).toEqual([]);
    expect(result.owed).toBeGreaterThan(0);
  });
});

describe('the oracle', () => {
  const life = (changes: Partial<LifeReport> = {}): LifeReport => ({
    name: '1/0.0',
    kind: 'natural',
    code: 0,
    signal: null,
    possible: 5,
    emitted: 5,
    owed: 4,
    printed: '',
    unsafe: [],
    stats: undefined,
    endingMillis: 0,
    hung: false,
    ...changes,
  });
  const received = (...numbers: (number | string)[]) => {
    const times = new Map<string, number>();
    for (const number of numbers) times.set(`1/0.0/${number}`, (times.get(`1/0.0/${number}`) ?? 0) + 1);
    return times;
  };

  test('has nothing to say when all that was owed has arrived once', () => {
    expect(judge([life()], received(0, 1, 2, 3), NOTHING)).toEqual({
      emitted: 5,
      owed: 4,
      arrived: 4,
      duplicates: 0,
      missed: 0,
      markers: 0,
      violations: [],
    });
    expect(judge([life()], received(0, 1, 2, 3, 4), NOTHING).violations).toEqual([]);
  });

  test('misses each record that was owed, the first and the last too', () => {
    expect(judge([life()], received(2), NOTHING).violations).toEqual([
      '1/0.0 (natural) owed 4 of 5; 3 are missing: 0-1, 3',
    ]);
  });

  test.each([5, -1, 'x', ''])('knows a record that nobody emitted: number %s', (number) => {
    expect(
      judge([life()], received(0, 1, 2, 3, number), { repeat: true, drop: false }).violations,
    ).toHaveLength(1);
  });

  test('takes a duplicate only where an answer may have been lost', () => {
    expect(judge([life()], received(0, 1, 1, 2, 3), { repeat: true, drop: false })).toMatchObject({
      duplicates: 1,
      violations: [],
    });
    expect(judge([life()], received(0, 1, 1, 2, 3), NOTHING).violations).toHaveLength(1);
  });

  describe('of a spool that is too small', () => {
    const MAY_DROP = { repeat: false, drop: true };
    const dropping = (records: number) => {
      const held = { records: 0, bytes: 0 };
      const stats = { offered: 5, recovered: 0, exported: 5 - records, dropped: { spool_full: records } };
      return life({
        stats: { ...stats, queued: held, inFlight: held, spooled: held } as unknown as SpillwayStats,
      });
    };

    test('takes as many losses as were counted', () => {
      expect(judge([dropping(2)], received(0, 3, 4), MAY_DROP).violations).toEqual([]);
    });

    test('takes not one more', () => {
      expect(judge([dropping(1)], received(0, 3, 4), MAY_DROP).violations).toEqual([
        '2 records are missing, 1 are accounted for',
      ]);
    });
  });

  test.each([
    [{ code: 1 }],
    [{ code: null, signal: 'SIGSEGV' as const }],
    [{ printed: 'a warning' }],
    [{ hung: true }],
    [{ kind: 'killed' as const }],
  ])('notices a process that ended otherwise than it should: %o', (changes) => {
    expect(judge([life(changes)], received(0, 1, 2, 3), NOTHING).violations).toHaveLength(1);
  });
});
