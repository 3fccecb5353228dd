/** Disks and spools as fast-check arbitraries, and runs that are about them: what is written while other things happen. */

import fc from 'fast-check';
import { is, millis, often } from './choices.ts';
import type { DiskWeather } from './disk/disk-weather.ts';
import type { ExporterPlan } from './network/exporters.ts';
import type { Weather } from './network/weather.ts';
import {
  type DiskSpell,
  type EndKind,
  type LifePlan,
  type OptionsPlan,
  QUIET_LIFE,
  QUIET_WORK,
  type RunPlan,
  type SpoolPlan,
  type WorkPlan,
} from './plan.ts';

const anyDiskWeather: fc.Arbitrary<DiskWeather> = often<DiskWeather>(
  [1, fc.record({ latencyMillis: is(1, 20, 200) })],
  [1, fc.record({ failing: fc.record({ code: is('EIO', 'ENOSPC', 'EROFS', 'EMFILE'), share: is(1, 0.3) }) })],
  [1, fc.record({ freeBytes: is(0, 20_000) })],
  [1, fc.record({ shortShare: is(0.5, 0.1) })],
);

export const someDisk: fc.Arbitrary<RunPlan['disk']> = often<DiskSpell[]>(
  [5, fc.constant<DiskSpell[]>([])],
  [
    3,
    fc.array(fc.record({ atMillis: millis(0.5, 120), hiccupMillis: is(150, 40) }), {
      minLength: 1,
      maxLength: 3,
    }),
  ],
  [
    2,
    fc
      .record({ weather: anyDiskWeather, atMillis: millis(0.5, 60), millis: millis(0.5, 60) })
      .map(({ weather, atMillis, millis: lasts }) => [
        { atMillis, weather },
        { atMillis: atMillis + lasts, weather: {} },
      ]),
  ],
);

export const someSpool: fc.Arbitrary<SpoolPlan | undefined> = often<SpoolPlan | undefined>(
  [5, is(undefined)],
  [2, is({})],
  [
    3,
    fc.record(
      {
        mode: is('overflow', 'always'),
        fsync: is('interval', 'never', 'always'),
        leaseMillis: is(10_000, 1_000, 3_000),
        replayShare: is(0.25, 0.9),
        spillAfterOpenMillis: is(5_000, 0),
        maxBytes: is(512 * 1024 * 1024, 1024 * 1024),
      },
      { requiredKeys: [] },
    ),
  ],
);

/** What keeps batches in memory, under way, or in parts, while copies of them are written. */
const slowingWeather: fc.Arbitrary<Weather> = often<Weather>(
  [6, fc.record({ kind: is('healthy'), latencyMillis: is(300, 1_000, 50, 3_000) })],
  [3, is({ kind: 'down' })],
  [2, fc.record({ kind: is('hang'), takes: fc.boolean() })],
  [1, is({ kind: 'black-hole' })],
  [2, fc.record({ kind: is('failing'), status: is(503, 500) })],
  [1, fc.record({ kind: is('partial'), share: is(0.5, 0.2), how: is(503, 'reset', 'hang') })],
  [
    3,
    fc.record({
      kind: is('size-limit'),
      bytes: is(2_048, 8_192),
      how: is('400-said', '413', '400-unsaid'),
      latencyMillis: is(5, 300, 1_000),
    }),
  ],
  [2, fc.record({ kind: is('poison'), every: is(17, 50), latencyMillis: is(5, 300, 1_000) })],
  [1, fc.record({ kind: is('rate-limit'), requestsPerMinute: is(60, 300), status: is(503, 429) })],
);

/** A spell, and healthy weather from its end to the next one's beginning. */
const slowingSpells: fc.Arbitrary<RunPlan['weather']> = fc
  .array(fc.record({ weather: slowingWeather, calmMillis: millis(0.3, 6), millis: millis(0.5, 15) }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((spells) => {
    let at = 0;
    return spells.flatMap(({ weather, calmMillis, millis: lasts }) => {
      const atMillis = at + calmMillis;
      at = atMillis + lasts;
      return [
        { atMillis, weather },
        { atMillis: at, weather: { kind: 'healthy' } },
      ];
    });
  });

type DiskTrouble =
  | { readonly hangMillis: number }
  | { readonly hiccupMillis: number }
  | { readonly weather: DiskWeather };

const anyTrouble: fc.Arbitrary<DiskTrouble> = often<DiskTrouble>(
  [5, fc.record({ weather: fc.record({ latencyMillis: is(20, 100, 300), syncMillis: is(2, 100) }) })],
  [2, fc.record({ hangMillis: is(1_000, 300, 4_000, 8_000, 20_000) })],
  [2, fc.record({ hiccupMillis: is(150, 1_000, 40, 3_000) })],
  [
    1,
    fc.record({
      weather: fc.record({
        failing: fc.record({ code: is('EIO', 'ENOSPC', 'EMFILE'), share: is(0.3, 1) }),
        shortShare: is(0.5, 0.1),
      }),
    }),
  ],
  [1, fc.record({ weather: fc.record({ shortShare: is(0.5, 0.9) }) })],
  [2, fc.record({ weather: fc.record({ tornShare: is(0.3, 0.8) }) })],
  [1, fc.record({ weather: fc.record({ freeBytes: is(0, 5_000, 20_000) }) })],
);

const troubledDisk: fc.Arbitrary<RunPlan['disk']> = fc
  .array(fc.record({ trouble: anyTrouble, calmMillis: millis(0.2, 8), millis: millis(0.3, 20) }), {
    maxLength: 3,
  })
  .map((troubles) => {
    let at = 0;
    return troubles.flatMap(({ trouble, calmMillis, millis: lasts }): DiskSpell[] => {
      const atMillis = at + calmMillis;
      if (!('weather' in trouble)) {
        at = atMillis + ('hangMillis' in trouble ? trouble.hangMillis : trouble.hiccupMillis);
        return [{ atMillis, ...trouble }];
      }
      at = atMillis + lasts;
      return [
        { atMillis, weather: trouble.weather },
        { atMillis: at, weather: {} },
      ];
    });
  });

const busySpool: fc.Arbitrary<SpoolPlan> = fc.record(
  {
    mode: is('overflow', 'always'),
    leaseMillis: is(1_000, 3_000),
    fsync: is('interval', 'never', 'always'),
    replayShare: is(0.25, 0.9),
    spillAfterOpenMillis: is(0, 1_000),
    // The smallest segments there are, in a large spool and in one that becomes full.
    maxBytes: is(4 * 1024 * 1024, 1024 * 1024),
  },
  { requiredKeys: ['mode', 'leaseMillis'] },
);

const busyExporter: fc.Arbitrary<ExporterPlan> = often<ExporterPlan>(
  [6, is({ kind: 'own' })],
  [1, is({ kind: 'unknown' })],
  [1, is({ kind: 'official-http' })],
);

const busyOptions: fc.Arbitrary<OptionsPlan> = fc.record(
  {
    maxQueueSize: is(2_048, 100, 30),
    maxExportBatchSize: is(100, 10, 30),
    flushTimeoutMillis: is(1_000, 200, 3_000),
    scheduledDelayMillis: is(1_000, 100),
    maxConcurrentExports: is(2, 1, 8),
    protectSeverity: is(17),
    retry: fc.record({ initialDelayMillis: is(100), maxDelayMillis: is(5_000, 1_000) }),
    breaker: fc.record({
      failureThreshold: is(1, 3),
      resetTimeoutMillis: is(1_000),
      maxResetTimeoutMillis: is(5_000),
    }),
    shutdown: fc.record({ timeoutMillis: is(5_000, 1_000) }),
  },
  { requiredKeys: [] },
);

const busyWork: fc.Arbitrary<WorkPlan> = fc
  .record(
    {
      records: is(5, 20, 1),
      everyMillis: is(200, 500, 1_000),
      bytes: is(100, 500, 1_000),
      flushEveryMillis: is(1_000, 300, 4_000),
    },
    { requiredKeys: ['records', 'everyMillis', 'bytes'] },
  )
  .map((work) => ({ ...QUIET_WORK, ...work }));

const busyEnd: fc.Arbitrary<EndKind> = often<EndKind>(
  [5, is('signal')],
  [1, is('shutdown')],
  [2, is('exit')],
  [1, is('natural')],
  [2, is('kill')],
);

/** A stop begins when something else has begun, and is longer than that, or than a lease, or not. */
interface StopNotes {
  readonly spell: number;
  readonly afterMillis: number;
  readonly millis: number;
}

const someStops: fc.Arbitrary<readonly StopNotes[]> = often<StopNotes[]>(
  [2, fc.constant<StopNotes[]>([])],
  [
    1,
    fc.array(
      fc.record({ spell: fc.nat({ max: 3 }), afterMillis: millis(0.001, 5), millis: millis(0.2, 40) }),
      { minLength: 1, maxLength: 2 },
    ),
  ],
);

interface BusyLife extends LifePlan {
  readonly stopNotes: readonly StopNotes[];
}

function busyLife(maxSeconds: number): fc.Arbitrary<BusyLife> {
  return fc
    .record({
      exporter: busyExporter,
      options: often<OptionsPlan>([1, is({})], [3, busyOptions]),
      work: busyWork,
      lifeMillis: millis(1, maxSeconds),
      // Silence shows what is forgotten.
      workMillis: often([3, is(Number.MAX_SAFE_INTEGER)], [1, millis(1, maxSeconds)]),
      end: busyEnd,
      stopNotes: someStops,
      pauseMillis: millis(0.05, 5),
    })
    .map((life) => ({ ...QUIET_LIFE, ...life }));
}

/** One process after the other, or several on one directory. */
const busySlots: fc.Arbitrary<readonly (readonly BusyLife[])[]> = often(
  [3, fc.array(busyLife(40), { minLength: 1, maxLength: 3 }).map((slot) => [slot])],
  [2, fc.array(fc.array(busyLife(40), { minLength: 1, maxLength: 2 }), { minLength: 2, maxLength: 3 })],
);

/** Runs in which disk, network and processes are in trouble in the same seconds. */
export const anyDiskPlan: fc.Arbitrary<RunPlan> = fc
  .record({
    seed: fc.noShrink(fc.nat({ max: 0x7fff_ffff })),
    weather: slowingSpells,
    spool: busySpool,
    disk: troubledDisk,
    slots: busySlots,
  })
  .map(({ slots, ...plan }) => ({
    ...plan,
    slots: slots.map((slot) => slot.map((life) => withStops(life, plan.weather))),
    powerLossAtMillis: undefined,
  }));

function withStops({ stopNotes, ...life }: BusyLife, weather: RunPlan['weather']): LifePlan {
  const stops = stopNotes.map(({ spell, afterMillis, millis: lasts }) => {
    const startMillis = weather[spell % weather.length]?.atMillis ?? 0;
    return { atMillis: startMillis + afterMillis, millis: lasts };
  });
  return { ...life, stops };
}
