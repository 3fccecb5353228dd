/** However a process ends, what it owes arrives: processes with a spool, seen from outside. `soak/` does it for longer. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { excuseFrom } from '../soak/excuses.ts';
import { Life, type LifeReport } from '../soak/life.ts';
import { playRound } from '../soak/round.ts';
import { type LifePlan, planDrain, planRound } from '../soak/round-plan.ts';
import { judge } from '../soak/verdict.ts';
import { type Arrival, serveWitness } from '../soak/witness.ts';
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
  const arrivals = new Map<string, Arrival[]>();
  const altered: string[] = [];
  const collector = await serveWitness({ all: 0 }, ({ bodies, altered: some, ...arrival }) => {
    for (const body of bodies) arrivals.set(body, [...(arrivals.get(body) ?? []), arrival]);
    altered.push(...some);
  });
  const url = `http://127.0.0.1:${collector.ports.all}/v1/logs`;
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-crash-'));
  const live = (plan: LifePlan): Promise<LifeReport> =>
    new Life({ ...plan, url, spool: { ...plan.spool, directory } }).end;
  try {
    await collector.refuse();
    const lives: LifeReport[] = [];
    for (const plan of plans) lives.push(await live(plan));
    await collector.listen();
    lives.push(await live(planDrain('drain', SPOOL)));
    const left = await readdir(directory);
    // Nobody has been told of a delivery before the end: there is nothing to send twice.
    return { lives, left, ...judge(lives, { arrivals, altered }, NOTHING) };
  } finally {
    await collector.refuse();
    await rm(directory, { recursive: true });
  }
}

const SOME_SAFE = { ticks: 0, safe: 50 };

/** What may happen: no record twice, and none dropped. */
const NOTHING = { isExcused: () => false, drop: false };

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
  test.each([1784])('owe nothing in the end (seed %d)', async (seed) => {
    const result = await playRound(planRound(seed, { climate: 'rough', maxProcesses: 3, maxMillis: 1_500 }));
    expect(result.violations).toEqual([]);
    expect(result.owed).toBeGreaterThan(0);
  });
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

describe('the oracle', () => {
  const life = (changes: Partial<LifeReport> = {}): LifeReport => ({
    name: '1/0.0',
    kind: 'killed',
    code: null,
    signal: 'SIGKILL',
    possible: 5,
    emitted: 5,
    owed: 4,
    printed: '',
    unsafe: [],
    stats: undefined,
    endingAtMillis: 10_000,
    endedAtMillis: 10_000,
    notedMillis: 9_500,
    endingMillis: 0,
    shutdownMillis: 1_000,
    pauses: [],
    hung: false,
    ...changes,
  });
  /** Each at a time of its own. */
  const received = (...numbers: (number | string)[]) => {
    const arrivals = new Map<string, Arrival[]>();
    for (const [index, number] of numbers.entries()) {
      const body = `1/0.0/${number}`;
      arrivals.set(body, [
        ...(arrivals.get(body) ?? []),
        { sender: '1/0.0', atMillis: 5_000 + index * 1_000 },
      ]);
    }
    return { arrivals, altered: [] };
  };
  const counts = (delivered: number, dropped: number): SpillwayStats => {
    const held = { records: 0, bytes: 0 };
    const stats = { offered: 5, recovered: 0, exported: delivered, dropped: { spool_full: dropped } };
    return { ...stats, queued: held, inFlight: held, spooled: held } as unknown as SpillwayStats;
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
      '1/0.0 (killed) owed 4 of 5; 3 are missing: 0-1, 3',
    ]);
  });

  test.each([5, -1, 'x', ''])('knows a record that nobody emitted: number %s', (number) => {
    expect(judge([life()], received(0, 1, 2, 3, number), NOTHING).violations).toHaveLength(1);
  });

  test('sees that a record is not as it was', () => {
    const altered = ['{"body":"1/0.0/0","severityNumber":0}'];
    expect(judge([life()], { ...received(0, 1, 2, 3), altered }, NOTHING).violations).toHaveLength(1);
  });

  describe('takes a duplicate only where an answer may have been lost', () => {
    const twice = received(0, 1, 2, 3, 0);
    const judgeWith = (...[lives, faults]: Parameters<typeof excuseFrom>) =>
      judge(lives, twice, { isExcused: excuseFrom(lives, faults), drop: false });
    const isLost = { fromMillis: 5_500, toMillis: 6_000 };

    test('because the sender was killed just then', () => {
      const lives = [life({ notedMillis: 4_900 })];
      expect(judgeWith(lives, [])).toMatchObject({ duplicates: 1, violations: [] });
    });

    test('because the collector failed just then', () => {
      expect(judgeWith([life()], [isLost])).toMatchObject({ duplicates: 1, violations: [] });
    });

    test('because the sender was stopped just then', () => {
      expect(judgeWith([life({ pauses: [isLost] })], [])).toMatchObject({ duplicates: 1, violations: [] });
    });

    test.each([
      ['the sender was killed later', life()],
      ['another one was killed', life({ name: '1/1.0', notedMillis: 4_900 })],
      [
        'the sender had all the time to wait for its answers',
        life({
          name: '1/0.0',
          kind: 'signalled',
          signal: 'SIGTERM',
          stats: counts(5, 0),
          endedAtMillis: 5_500,
        }),
      ],
    ])('and not when %s', (_, other) => {
      const lives = other.name === '1/0.0' ? [other] : [life(), other];
      expect(judgeWith(lives, []).violations.join('\n')).toMatch(/1 arrived more than once, for no reason/);
    });
  });

  describe('of a spool that is too small', () => {
    const MAY_DROP = { ...NOTHING, drop: true };
    const dropping = (records: number) =>
      life({ kind: 'natural', code: 0, signal: null, stats: counts(5 - records, records) });

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
    [{ stats: undefined }],
    [{ kind: 'killed' as const, stats: undefined }],
  ])('notices a process that ended otherwise than it should: %o', (changes) => {
    const natural = life({ kind: 'natural', code: 0, signal: null, stats: counts(5, 0), ...changes });
    expect(judge([natural], received(0, 1, 2, 3), NOTHING).violations).toHaveLength(1);
  });
});
