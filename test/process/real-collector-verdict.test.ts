/** What is said of runs against a real Collector that are made up. */

import { describe, expect, test } from 'vitest';
import {
  type Claim,
  endClaims,
  type Facts,
  figuresOf,
  limitClaims,
  outageClaims,
  restartClaims,
} from '../../real-collector/judge.ts';
import type { Lane } from '../../real-collector/service-plan.ts';
import { SpillwayLogRecordProcessor, type SpillwayStats } from '../../src/index.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';

const idle = new SpillwayLogRecordProcessor({ exporter: new ScriptedExporter() }).stats();

function stats(changes: Partial<SpillwayStats> = {}): SpillwayStats {
  return { ...idle, offered: 1_000, exported: 1_000, ...changes };
}

/** So many records, long before the Collector was killed, and some just before. */
const arrivals = (count: number, unanswered = 0) => [
  ...Array<number>(count - unanswered).fill(90_000),
  ...Array<number>(unanswered).fill(99_900),
];

/** An outage of 20 s, the first failure seen after one of them, over after 22 s. */
function facts(changes: Partial<Facts> = {}, itsStats = stats(), peakPressure = 0.1): Facts {
  return {
    ended: { type: 'ended', emitted: 1_000, stats: itsStats, peakPressure, endingMillis: 10 },
    arrived: arrivals(1_000),
    again: [],
    killedMillis: 100_000,
    failedMillis: 101_000,
    backMillis: 120_000,
    firstSinceMillis: 122_000,
    latencyMillis: 0,
    peakRequests: 2,
    left: [],
    said: [],
    collectorSaid: '',
    ...changes,
  };
}

function problems(claims: readonly Claim[], ofRun: Facts, lane: Lane = 'own'): string[] {
  const figures = figuresOf(ofRun, lane);
  return claims.map((claim) => claim(ofRun, figures, lane)).filter((problem) => problem !== undefined);
}

const overflown = stats({ exported: 900, dropped: { ...idle.dropped, queue_full: 100 } });

describe('the verdict', () => {
  test('an outage that loses nothing and is felt as long as promised keeps the promise', () => {
    expect(problems(outageClaims(false), facts())).toEqual([]);
  });

  test('an outage is counted from the first failure seen, and may be felt for a quarter more and two seconds', () => {
    expect(figuresOf(facts(), 'own')).toMatchObject({
      outageMillis: 19_000,
      feltMillis: 21_000,
      promisedMillis: 25_750,
      resumedMillis: 2_000,
    });
    expect(problems(outageClaims(false), facts({ firstSinceMillis: 127_300 }))).toEqual([
      'felt for 26.3 s, 25.8 s promised',
    ]);
  });

  test('an outage may be felt longer behind gRPC', () => {
    expect(problems(outageClaims(false), facts({ firstSinceMillis: 133_000 }), 'grpc')).toEqual([]);
    expect(problems(outageClaims(false), facts({ firstSinceMillis: 134_000 }), 'grpc')).toHaveLength(1);
  });

  test('an outage that no failure showed has no length, but records have to arrive afterwards', () => {
    const unseen = facts({ failedMillis: undefined });
    expect(figuresOf(unseen, 'json')).toMatchObject({ outageMillis: undefined, promisedMillis: undefined });
    expect(problems(outageClaims(false), unseen)).toEqual([]);
    expect(problems(outageClaims(false), facts({ firstSinceMillis: undefined }))).toEqual([
      'no record arrived after the outage',
    ]);
  });

  test('an outage may overflow a full queue that has no spool, and only that much', () => {
    expect(problems(outageClaims(false), facts({ arrived: arrivals(900) }, overflown, 0.99))).toEqual([]);
    expect(problems(outageClaims(false), facts({ arrived: arrivals(899) }, overflown, 0.99))).toHaveLength(1);
    expect(problems(outageClaims(false), facts({ arrived: arrivals(900) }, overflown, 0.5))).toHaveLength(1);
    expect(problems(outageClaims(true), facts({ arrived: arrivals(900) }, overflown, 0.99))).toHaveLength(1);
  });

  test('an outage may count as overflown what has arrived without an answer', () => {
    const run = (unanswered: number) => facts({ arrived: arrivals(910, unanswered) }, overflown, 0.99);
    expect(problems(outageClaims(false), run(10))).toEqual([]);
    expect(problems(outageClaims(false), run(9))).toHaveLength(1);
  });

  test('an outage excuses what arrived twice only where it arrived just before the Collector was killed', () => {
    expect(problems(outageClaims(false), facts({ again: [99_900] }))).toEqual([]);
    expect(problems(outageClaims(false), facts({ again: [99_900, 90_000] }))).toHaveLength(1);
  });

  test('an outage leaves nothing on disk, and an account that balances', () => {
    expect(problems(outageClaims(true), facts({ left: ['shelf'] }))).toHaveLength(1);
    expect(problems(outageClaims(false), facts({}, stats({ exported: 999 })))).toHaveLength(1);
  });
});

test('a restart behind latency has to be over soon after the return, with several requests under way', () => {
  expect(problems(restartClaims('own'), facts())).toEqual([]);
  expect(problems(restartClaims('own'), facts({ firstSinceMillis: 123_001 }))).toHaveLength(1);
  expect(problems(restartClaims('own'), facts({ peakRequests: 1 }))).toHaveLength(1);
  expect(problems(restartClaims('json'), facts({ peakRequests: 1, firstSinceMillis: 124_000 }))).toEqual([]);
  expect(problems(restartClaims('json'), facts({ firstSinceMillis: 127_600 }))).toHaveLength(1);
  expect(problems(restartClaims('json'), facts({ firstSinceMillis: 127_600, latencyMillis: 1_300 }))).toEqual(
    [],
  );
});

test('a limit of size has to be met, at a tenth of the requests', () => {
  const refused = (failures: number) =>
    facts({ killedMillis: undefined }, stats({ exports: { attempts: 100, failures } }));
  expect(problems(limitClaims, refused(9))).toEqual([]);
  expect(problems(limitClaims, refused(10))).toHaveLength(1);
  expect(problems(limitClaims, refused(0))).toHaveLength(1);
});

test('an end may lose nothing, but behind a channel of gRPC what it says; the stock processor has promised nothing', () => {
  const lost = stats({ exported: 900, dropped: { ...idle.dropped, shutdown: 100 } });
  const end = facts({ arrived: arrivals(900) }, lost);
  expect(problems(endClaims('own', false), end)).toHaveLength(1);
  expect(problems(endClaims('grpc', false), end)).toEqual([]);
  expect(problems(endClaims('grpc', true), end)).toHaveLength(1);
  expect(problems(endClaims('stock', false), end)).toEqual([]);
});
