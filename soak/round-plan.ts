/** What happens in a round, all of it drawn from its seed beforehand. */

import { Chance } from './chance.ts';
import type { SpoolingEnding, SpoolingPlan } from './spooling-plan.ts';
import type { Fault } from './weather.ts';

/** What of a process's plan is known only when the round is played. */
export type LifePlan = Omit<SpoolingPlan, 'url' | 'spool'> & {
  spool: Omit<SpoolingPlan['spool'], 'directory'>;
  /** It is stopped for so long, and others may take it for dead. */
  pause?: { readonly afterMillis: number; readonly millis: number };
};

export interface RoundPlan {
  readonly seed: number;
  readonly climate: Climate;
  /** Processes that follow one another, for each of those that run at the same time. */
  readonly slots: readonly (readonly LifePlan[])[];
  /** One after another, each after a time of good weather. */
  readonly weather: readonly { readonly calmMillis: number; readonly fault: Fault }[];
}

/**
 * - `rough`: everything happens, and nothing may be lost.
 * - `gentle`: nothing happens that could excuse a duplicate, and there must be none.
 * - `tight`: the spool is too small: what is lost must have been counted.
 */
export type Climate = 'rough' | 'gentle' | 'tight';

type Some<T> = readonly [T, ...T[]];

interface Rules {
  readonly endings: Some<SpoolingEnding['kind']>;
  readonly faults: Some<Fault['kind']>;
  readonly leaseMillis: readonly [low: number, high: number];
  readonly requestTimeoutMillis: number;
  readonly shutdownMillis: Some<number>;
  readonly maxBytes: number;
  readonly recordsPerTick: readonly [low: number, high: number];
  /** The share of the processes that have this package's exporter: the stock one tries again on its own, beyond any end. */
  readonly ownExporters: number;
  /** The share of the processes that are stopped for a while. */
  readonly pauses: number;
}

const OUTAGES: Some<Fault['kind']> = [
  'killed',
  'refusing',
  'refusing',
  'stalled',
  'stalled, stored',
  'reset',
  'reset, stored',
  'reset in the answer',
  'half an answer',
  '503',
  '429',
  'slow',
];

const RULES: Record<Climate, Rules> = {
  rough: {
    endings: [
      'killed',
      'killed',
      'killed',
      'signalled',
      'natural',
      'exit',
      'throw',
      'reject',
      'out of memory',
    ],
    faults: OUTAGES,
    leaseMillis: [1_000, 2_000],
    requestTimeoutMillis: 500,
    shutdownMillis: [300, 1_000, 5_000],
    maxBytes: 256 * 1024 * 1024,
    recordsPerTick: [1, 40],
    ownExporters: 0.7,
    pauses: 0.2,
  },
  gentle: {
    endings: ['signalled', 'natural'],
    faults: ['503', '429', 'slow'],
    // A busy machine is no excuse either: neither a request nor a sign of life comes too late.
    leaseMillis: [10_000, 10_000],
    requestTimeoutMillis: 5_000,
    shutdownMillis: [5_000],
    maxBytes: 256 * 1024 * 1024,
    recordsPerTick: [1, 40],
    ownExporters: 1,
    pauses: 0,
  },
  tight: {
    // Those that can still say what they have lost.
    endings: ['signalled', 'natural', 'exit', 'throw', 'reject'],
    faults: OUTAGES,
    leaseMillis: [1_000, 2_000],
    requestTimeoutMillis: 500,
    shutdownMillis: [300, 1_000],
    maxBytes: 1024 * 1024,
    recordsPerTick: [20, 120],
    ownExporters: 0.7,
    pauses: 0,
  },
};
const MAX_PROCESSES = 8;

/** @param wanted instead of the climate that is drawn. */
export function planRound(seed: number, maxProcesses = MAX_PROCESSES, wanted?: Climate): RoundPlan {
  const chance = new Chance(seed);
  const drawn = chance.pick<Climate>(['rough', 'rough', 'gentle', 'tight']);
  const climate = wanted ?? drawn;
  const rules = RULES[climate];
  const spool: LifePlan['spool'] = {
    mode: chance.pick(['overflow', 'always']),
    fsync: chance.pick(['never', 'interval', 'always']),
    leaseMillis: chance.integer(...rules.leaseMillis),
    maxBytes: rules.maxBytes,
    replayShare: chance.pick([0.1, 0.25, 0.9]),
    spillAfterOpenMillis: chance.pick([0, 200, 5_000]),
  };
  const slots = Array.from({ length: chance.integer(1, maxProcesses) }, (_, slot) =>
    Array.from({ length: chance.integer(1, 3) }, (_, life) =>
      planLife(chance, `${seed}/${slot}.${life}`, spool, rules),
    ),
  );
  const weather = Array.from({ length: chance.integer(1, 5) }, () => ({
    calmMillis: chance.integer(0, 1_000),
    fault: { kind: chance.pick(rules.faults), millis: chance.integer(50, 2_000) },
  }));
  return { seed, climate, slots, weather };
}

function planLife(chance: Chance, name: string, spool: LifePlan['spool'], rules: Rules): LifePlan {
  const afterMillis = chance.integer(0, 2_500);
  const pause = {
    afterMillis: chance.integer(0, afterMillis),
    millis: Math.round(spool.leaseMillis * (0.5 + 2 * chance.next())),
  };
  return {
    name,
    exporter: chance.isTrue(rules.ownExporters) ? 'own' : 'stock',
    spool,
    scheduledDelayMillis: chance.pick([0, 20, 100, 1_000]),
    maxQueueSize: chance.pick([1_000, 4_000, 65_536]),
    patienceMillis: chance.pick([50, 200, 1_000]),
    requestTimeoutMillis: rules.requestTimeoutMillis,
    shutdownMillis: chance.pick(rules.shutdownMillis),
    recordsPerTick: chance.integer(...rules.recordsPerTick),
    tickMillis: 10,
    maxRecords: Number.MAX_SAFE_INTEGER,
    padding: chance.pick([0, 100, 1_000]),
    flushEveryMillis: chance.pick([0, 100, 500]),
    ending: { kind: chance.pick(rules.endings), afterMillis },
    ...(chance.isTrue(rules.pauses) && { pause }),
  };
}

/** The process that sends what all the others left. */
export function planDrain(name: string, spool: LifePlan['spool']): LifePlan {
  return {
    name,
    exporter: 'own',
    spool,
    scheduledDelayMillis: 20,
    maxQueueSize: 65_536,
    patienceMillis: 50,
    requestTimeoutMillis: 5_000,
    shutdownMillis: 5_000,
    recordsPerTick: 0,
    tickMillis: 10,
    maxRecords: 0,
    padding: 0,
    flushEveryMillis: 0,
    ending: { kind: 'drained', afterMillis: 0 },
  };
}
