/** Plans as fast-check arbitraries: half of all lives have default options, the other half what a user could set. */

import fc from 'fast-check';
import { is, millis, often, rarely } from './choices.ts';
import { anyDiskPlan, someDisk, someSpool } from './disk-arbitraries.ts';
import type { ExporterPlan } from './network/exporters.ts';
import type { Weather } from './network/weather.ts';
import {
  type EndKind,
  type LifePlan,
  type OptionsPlan,
  QUIET_WORK,
  type RunPlan,
  type WorkPlan,
} from './plan.ts';

const anyWeather: fc.Arbitrary<Weather> = often<Weather>(
  [3, is({ kind: 'healthy' })],
  [2, fc.record({ kind: is('healthy'), latencyMillis: is(1, 50, 300, 1_000, 3_000) })],
  [6, is({ kind: 'down' })],
  [3, is({ kind: 'black-hole' })],
  [2, fc.record({ kind: is('hang'), takes: fc.boolean() })],
  [1, fc.record({ kind: is('reset'), takes: fc.boolean(), share: is(1, 0.5, 0.2) })],
  [1, fc.record({ kind: is('half-answer'), status: is(200, 503), end: is('hang', 'reset') })],
  [
    2,
    fc.record({
      kind: is('partial'),
      share: is(0.5, 0.2, 0.9),
      how: is(503, 502, 'reset', 'refused', 'hang'),
    }),
  ],
  [2, fc.record({ kind: is('failing'), status: is(503, 500, 502, 504, 408) })],
  [
    4,
    fc.record(
      {
        kind: is('rate-limit'),
        requestsPerMinute: is(30, 60, 6, 300),
        status: is(503, 429),
        burst: is(1, 5),
        retryAfterSeconds: is(1, 5, 30, 600),
        retryAfterForm: is('seconds', 'date'),
      },
      { requiredKeys: ['kind', 'requestsPerMinute', 'status'] },
    ),
  ],
  [
    1,
    fc.record(
      {
        kind: is('memory-limit'),
        bytes: is(100_000, 1_000_000),
        drainBytesPerSecond: is(2_000, 20_000),
        status: is(503, 429),
        retryAfterSeconds: is(1, 5),
      },
      { requiredKeys: ['kind', 'bytes', 'drainBytesPerSecond'] },
    ),
  ],
  [
    4,
    fc.record({
      kind: is('size-limit'),
      bytes: is(8_192, 2_048, 65_536),
      how: is('400-said', '413', '400-unsaid'),
    }),
  ],
  [2, fc.record({ kind: is('size-limit'), bytes: is(16_384, 8_192, 65_536), how: is('500') })],
  [1, fc.record({ kind: is('wrong-address'), how: is(400, 404, 405, 'html-200') })],
  [1, fc.record({ kind: is('credentials-expired'), status: is(401, 403) })],
  [
    1,
    fc.record({
      kind: is('slow-recovery'),
      fromMillis: is(3_000, 8_000),
      toMillis: is(10),
      overMillis: is(10_000, 60_000),
    }),
  ],
  [1, fc.record({ kind: is('partial-success'), share: is(0.1, 0.5) })],
  [1, fc.record({ kind: is('poison'), every: is(50, 200, 17) })],
);

const anyExporter: fc.Arbitrary<ExporterPlan> = often<ExporterPlan>(
  [6, is({ kind: 'own' })],
  [2, is({ kind: 'unknown' })],
  [2, is({ kind: 'official-http' })],
  [2, is({ kind: 'official-grpc' })],
  [1, is({ kind: 'buffering' })],
);

const anyOptions: fc.Arbitrary<OptionsPlan> = fc.record(
  {
    maxQueueSize: is(2_048, 65_536, 100, 500),
    maxExportBatchSize: is(512, 10, 100, 2_048),
    maxQueueBytes: is(1_000_000, 100_000, 64 * 1024 * 1024),
    maxExportBatchBytes: is(1024 * 1024, 20_000),
    maxRecordBytes: is(256 * 1024, 2_048),
    scheduledDelayMillis: is(1_000, 5_000, 100, 0),
    maxConcurrentExports: is(1, 2, 8, 30),
    overflow: is('drop-oldest', 'drop-newest'),
    protectSeverity: is(17, 9),
    shed: is(false, { above: 0.5, belowSeverity: 9 }),
    breaker: often<Exclude<OptionsPlan['breaker'], undefined>>(
      [1, is(false)],
      [
        2,
        fc.record(
          {
            failureThreshold: is(5, 2, 1),
            resetTimeoutMillis: is(1_000, 2_000, 10_000),
            maxResetTimeoutMillis: is(30_000, 5_000),
          },
          { requiredKeys: [] },
        ),
      ],
    ),
    retry: fc.record(
      {
        initialDelayMillis: is(1_000, 100),
        maxDelayMillis: is(30_000, 5_000),
        maxElapsedMillis: is(60_000, 300_000),
      },
      { requiredKeys: [] },
    ),
    memoryLimit: is(false, { softRatio: 0.5, hardRatio: 0.7 }),
    shutdown: fc.record(
      { strategy: is('graceful', 'flush', 'immediate'), timeoutMillis: is(5_000, 1_000, 10_000, 100) },
      { requiredKeys: [] },
    ),
    gapMarker: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** What the specification's environment variables set where they are set at all. */
const SPECIFIED: OptionsPlan = { maxQueueSize: 2_048, maxExportBatchSize: 512 };

const someOptions: fc.Arbitrary<OptionsPlan> = often<OptionsPlan>(
  [5, is({})],
  [3, is(SPECIFIED)],
  [2, anyOptions],
);

const steadyWork: fc.Arbitrary<WorkPlan> = fc
  .record({
    records: is(5, 20, 50, 1),
    everyMillis: is(500, 1_000, 200),
    bytes: is(100, 30, 500),
  })
  .map((work) => ({ ...QUIET_WORK, ...work }));

const burstyWork: fc.Arbitrary<WorkPlan> = fc
  .record({ records: is(2_500, 600, 300), everyMillis: is(10_000, 4_000, 30_000), bytes: is(20, 60) })
  .map((work) => ({ ...QUIET_WORK, ...work }));

const oddWork: fc.Arbitrary<WorkPlan> = fc
  .record(
    {
      records: is(10, 1, 40),
      everyMillis: is(1_000, 300, 45_000),
      bytes: is(100, 1_000),
      hostileEvery: is(0, 97),
      hugeEvery: is(0, 500),
      hugeBytes: is(20_000, 300_000),
      flushEveryMillis: is(0, 250, 7_000),
      waits: fc.boolean(),
    },
    { requiredKeys: ['records', 'everyMillis', 'bytes'] },
  )
  .map((work) => ({ ...QUIET_WORK, ...work }));

/** Rare: what it finds stops everything else. */
const chattyWork: fc.Arbitrary<WorkPlan> = steadyWork.map((work) => ({ ...work, logsInCallbacks: true }));

const anyWork = often<WorkPlan>([6, steadyWork], [3, burstyWork], [3, oddWork], [1, chattyWork]);

const anyEnd: fc.Arbitrary<EndKind> = often<EndKind>(
  [5, is('signal')],
  [1, is('shutdown')],
  [1, is('exit')],
  [2, is('natural')],
  [2, is('kill')],
);

type Habits = Pick<LifePlan, 'options' | 'work'>;

/** Bursts that are about as large as the queue, of which a request may take all. */
const tightHabits: fc.Arbitrary<Habits> = fc
  .record({
    maxQueueSize: is(2_048, 500, 100),
    batchShare: is(0.25, 1),
    burstShare: is(1, 1.2, 0.5),
    everyMillis: is(4_000, 1_000, 15_000),
  })
  .map(({ maxQueueSize, batchShare, burstShare, everyMillis }) => ({
    options: { maxQueueSize, maxExportBatchSize: Math.ceil(maxQueueSize * batchShare) },
    work: { ...QUIET_WORK, records: Math.ceil(maxQueueSize * burstShare), everyMillis, bytes: 20 },
  }));

const anyHabits = often<Habits>([8, fc.record({ options: someOptions, work: anyWork })], [2, tightHabits]);

/** Records that one process logs at most: what more of them would show costs more than it is worth. */
const MAX_RECORDS = 15_000;

function affordableMillis({ records, everyMillis }: WorkPlan): number {
  return Math.ceil((MAX_RECORDS / records) * everyMillis);
}

function anyLife(maxSeconds: number): fc.Arbitrary<LifePlan> {
  return fc
    .record({
      exporter: anyExporter,
      habits: anyHabits,
      lifeMillis: millis(1, maxSeconds),
      workMillis: often([6, is(Number.MAX_SAFE_INTEGER)], [1, millis(1, maxSeconds)]),
      end: anyEnd,
      stops: rarely(fc.record({ atMillis: millis(1, 60), millis: millis(0.1, 60) })),
      wallJumps: rarely(
        fc.record({ atMillis: millis(1, 60), byMillis: is(3_600_000, -3_600_000, 500, -500) }),
      ),
      memory: rarely(fc.record({ atMillis: millis(1, 60), ratio: is(0.85, 0.95, 0.2) })),
      pauseMillis: millis(0.1, 20),
    })
    .map(({ habits, ...life }) => ({
      ...life,
      ...habits,
      workMillis: Math.min(life.workMillis, affordableMillis(habits.work)),
    }));
}

/** Spells of weather, and fair weather between them more often than not. */
const someWeather: fc.Arbitrary<RunPlan['weather']> = fc
  .array(fc.record({ weather: anyWeather, calmMillis: millis(0.5, 60), millis: millis(0.2, 240) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((spells) => {
    let at = 0;
    return spells.flatMap(({ weather, calmMillis, millis: lasts }) => {
      const atMillis = at + calmMillis;
      at = atMillis + lasts;
      if (isPlain(weather)) return [];
      return [
        { atMillis, weather },
        { atMillis: at, weather: { kind: 'healthy' } },
      ];
    });
  });

function isPlain(weather: Weather): boolean {
  return weather.kind === 'healthy' && weather.latencyMillis === undefined;
}

const someSlots: fc.Arbitrary<RunPlan['slots']> = often<RunPlan['slots']>(
  [5, fc.tuple(anyLife(600)).map((slot) => [slot])],
  [2, fc.array(anyLife(120), { minLength: 2, maxLength: 3 }).map((slot) => [slot])],
  [2, fc.array(fc.array(anyLife(60), { minLength: 1, maxLength: 2 }), { minLength: 2, maxLength: 3 })],
);

const anyOrdinaryPlan: fc.Arbitrary<RunPlan> = fc
  .record({
    seed: fc.noShrink(fc.nat({ max: 0x7fff_ffff })),
    weather: someWeather,
    spool: someSpool,
    disk: someDisk,
    slots: someSlots,
    powerLossAtMillis: often([19, is(undefined)], [1, millis(5, 120)]),
  })
  .map((plan) => (plan.spool === undefined ? { ...plan, disk: [], powerLossAtMillis: undefined } : plan));

export const anyPlan: fc.Arbitrary<RunPlan> = often([3, anyOrdinaryPlan], [2, anyDiskPlan]);

/** The plan of a seed. */
export function planOfSeed(seed: number): RunPlan {
  const [plan] = fc.sample(anyPlan, { seed, numRuns: 1 });
  return plan as RunPlan;
}
