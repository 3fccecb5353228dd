/** What the oracle of the soak says of lives and arrivals that are made up. */

import { describe, expect, test } from 'vitest';
import { excuseFrom } from '../../soak/excuses.ts';
import type { LifeReport } from '../../soak/life.ts';
import { judge } from '../../soak/verdict.ts';
import type { Arrival } from '../../soak/witness.ts';
import type { SpillwayStats } from '../../src/index.ts';

/** What may happen: no record twice, and none dropped. */
const NOTHING = { isExcused: () => false, drop: false };

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

  test('the oracle has nothing to report when everything owed has arrived once', () => {
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

  test('the oracle misses each record that was owed, the first and the last too', () => {
    expect(judge([life()], received(2), NOTHING).violations).toEqual([
      '1/0.0 (killed) owed 4 of 5; 3 are missing: 0-1, 3',
    ]);
  });

  test.each([5, -1, 'x', ''])('the oracle reports the record %j, which nobody emitted', (number) => {
    expect(judge([life()], received(0, 1, 2, 3, number), NOTHING).violations).toHaveLength(1);
  });

  test('the oracle reports a record that was altered on the way', () => {
    const altered = ['{"body":"1/0.0/0","severityNumber":0}'];
    expect(judge([life()], { ...received(0, 1, 2, 3), altered }, NOTHING).violations).toHaveLength(1);
  });

  describe('duplicates', () => {
    const twice = received(0, 1, 2, 3, 0);
    const judgeWith = (...[lives, faults]: Parameters<typeof excuseFrom>) =>
      judge(lives, twice, { isExcused: excuseFrom(lives, faults), drop: false });
    const isLost = { fromMillis: 5_500, toMillis: 6_000 };

    test('the oracle accepts a duplicate when the sender was killed just then', () => {
      const lives = [life({ notedMillis: 4_900 })];
      expect(judgeWith(lives, [])).toMatchObject({ duplicates: 1, violations: [] });
    });

    test('the oracle accepts a duplicate when the collector failed just then', () => {
      expect(judgeWith([life()], [isLost])).toMatchObject({ duplicates: 1, violations: [] });
    });

    test('the oracle accepts a duplicate when the sender was stopped just then', () => {
      expect(judgeWith([life({ pauses: [isLost] })], [])).toMatchObject({ duplicates: 1, violations: [] });
    });

    test.each([
      ['the sender was killed later', life()],
      ['another process was killed', life({ name: '1/1.0', notedMillis: 4_900 })],
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
    ])('the oracle reports a duplicate when %s', (_, other) => {
      const lives = other.name === '1/0.0' ? [other] : [life(), other];
      expect(judgeWith(lives, []).violations.join('\n')).toMatch(/1 arrived more than once, for no reason/);
    });
  });

  describe('spools that are too small', () => {
    const MAY_DROP = { ...NOTHING, drop: true };
    const dropping = (records: number) =>
      life({ kind: 'natural', code: 0, signal: null, stats: counts(5 - records, records) });

    test('the oracle accepts as many losses of a small spool as were counted', () => {
      expect(judge([dropping(2)], received(0, 3, 4), MAY_DROP).violations).toEqual([]);
    });

    test('the oracle accepts no more losses of a small spool than were counted', () => {
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
  ])('the oracle reports a process that ended otherwise than planned: %o', (changes) => {
    const natural = life({ kind: 'natural', code: 0, signal: null, stats: counts(5, 0), ...changes });
    expect(judge([natural], received(0, 1, 2, 3), NOTHING).violations).toHaveLength(1);
  });
});
