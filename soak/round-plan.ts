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
  readonly spool: LifePlan['spool'];
  /** Processes that follow one another, for each of those that run at the same time. */
  readonly slots: readonly (readonly LifePlan[])[];
  /** One after another, each after a time of good weather. */
  readonly weather: readonly { readonly calmMillis: number; readonly fault: Fault }[];
}

/**
 * - `rough`: everything happens, and nothing may be lost.
 * - `gentle`: nothing happens that could excuse a duplicate, and there must be none.
 * - `tight`: the spool is too small: what is lost must have been counted.
 * - `crowd`: as many processes as there may be, nearly all of them killed. No answer is lost but by that: nothing is
 *   sent twice by two that live.
 */
export type Climate = 'rough' | 'gentle' | 'tight' | 'crowd';

type Some<T> = readonly [T, ...T[]];

interface Rules {
  /** How long a process lives at most. */
  readonly maxMillis: number;
  /** At the same time, as a share of the most there may be. */
  readonly processes: readonly [low: number, high: number];
  readonly lives: readonly [low: number, high: number];
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
  '413',
  'slow',
];

const RULES: Record<Climate, Rules> = {
  rough: {
    maxMillis: 2_500,
    processes: [0, 1],
    lives: [1, 3],
    endings: [
      'killed',
      'killed',
      'killed',
      'signalled',
      'impatient',
      'natural',
      'exit',
      'throw',
      'reject',
      'out of memory',
    ],
    faults: OUTAGES,
    leaseMillis: [1_000, 2_000],
    requestTimeoutMillis: 2_000,
    shutdownMillis: [300, 1_000, 5_000],
    maxBytes: 256 * 1024 * 1024,
    recordsPerTick: [1, 40],
    ownExporters: 0.7,
    pauses: 0.2,
  },
  gentle: {
    maxMillis: 2_500,
    processes: [0, 1],
    lives: [1, 3],
    endings: ['signalled', 'natural'],
    faults: ['503', '429', '413', 'slow'],
    // A busy machine is no excuse either: neither a request nor a heartbeat comes too late.
    leaseMillis: [10_000, 10_000],
    requestTimeoutMillis: 5_000,
    shutdownMillis: [5_000],
    maxBytes: 256 * 1024 * 1024,
    recordsPerTick: [1, 40],
    ownExporters: 1,
    pauses: 0,
  },
  tight: {
    maxMillis: 2_500,
    processes: [0, 1],
    lives: [1, 3],
    // Those that can still say what they have lost.
    endings: ['signalled', 'natural', 'exit', 'throw', 'reject'],
    faults: OUTAGES,
    leaseMillis: [1_000, 2_000],
    requestTimeoutMillis: 2_000,
    shutdownMillis: [300, 1_000],
    maxBytes: 1024 * 1024,
    recordsPerTick: [20, 120],
    ownExporters: 0.7,
    pauses: 0,
  },
  crowd: {
    maxMillis: 6_000,
    processes: [1, 1],
    lives: [2, 3],
    endings: ['killed', 'killed', 'killed', 'killed', 'killed', 'killed', 'impatient', 'exit'],
    faults: ['503', '429', '413', 'slow', 'reset', 'stalled'],
    leaseMillis: [2_000, 3_000],
    requestTimeoutMillis: 5_000,
    shutdownMillis: [1_000, 5_000],
    maxBytes: 256 * 1024 * 1024,
    recordsPerTick: [1, 20],
    ownExporters: 0.7,
    pauses: 0,
  },
};
const MAX_PROCESSES = 8;

/** What of a round is not left to chance. */
interface Limits {
  readonly climate?: Climate | undefined;
  /** At the same time. */
  readonly maxProcesses?: number;
  /** That a process lives. */
  readonly maxMillis?: number;
}

export function planRound(seed: number, limits: Limits = {}): RoundPlan {
  const chance = new Chance(seed);
  const drawn = chance.pick<Climate>(['rough', 'rough', 'gentle', 'tight', 'crowd']);
  const { climate = drawn, maxProcesses = MAX_PROCESSES } = limits;
  const rules = { ...RULES[climate], ...(limits.maxMillis && { maxMillis: limits.maxMillis }) };
  const spool: LifePlan['spool'] = {
    mode: chance.pick(['overflow', 'always']),
    fsync: chance.pick(['never', 'interval', 'always']),
    leaseMillis: chance.integer(...rules.leaseMillis),
    maxBytes: rules.maxBytes,
    replayShare: chance.pick([0.1, 0.25, 0.9]),
    spillAfterOpenMillis: chance.pick([0, 200, 5_000]),
  };
  const [fewest, most] = rules.processes;
  const processes = chance.integer(Math.max(1, fewest * maxProcesses), most * maxProcesses);
  const slots = Array.from({ length: processes }, (_, slot) =>
    Array.from({ length: chance.integer(...rules.lives) }, (_, life) =>
      planLife(chance, `${seed}/${slot}.${life}`, spool, rules),
    ),
  );
  const weather = Array.from({ length: chance.integer(1, 5) }, () => ({
    calmMillis: chance.integer(0, 1_000),
    fault: { kind: chance.pick(rules.faults), millis: chance.integer(50, 2_000) },
  }));
  return { seed, climate, spool, slots, weather };
}

function planLife(chance: Chance, name: string, spool: LifePlan['spool'], rules: Rules): LifePlan {
  const afterMillis = chance.integer(0, rules.maxMillis);
  const pause = {
    afterMillis: chance.integer(0, afterMillis),
    millis: Math.round(spool.leaseMillis * (0.5 + 2 * chance.next())),
  };
  const isOwn = chance.isTrue(rules.ownExporters);
  // The stock exporter measures its time limits with the clock that is set.
  const hasWildClock = chance.isTrue(0.3) && isOwn;
  return {
    name,
    exporter: isOwn ? 'own' : 'stock',
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
    hasWildClock,
    ending: {
      kind: chance.pick(rules.endings),
      afterMillis,
      impatienceMillis: chance.integer(0, 500),
    },
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
    hasWildClock: false,
    ending: { kind: 'drained', afterMillis: 0 },
  };
}
