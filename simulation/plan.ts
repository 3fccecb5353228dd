/** A run as data: what the world will be like, who lives in it, and how long. Everything else comes from its seed. */

import type { DiskWeather } from './disk/disk-weather.ts';
import type { ExporterPlan } from './network/exporters.ts';
import type { Weather } from './network/weather.ts';
import type { SpillwayOptions } from './subject.ts';

/** Options that are data: what a user could write into a JSON file. */
export type OptionsPlan = Omit<
  SpillwayOptions,
  | 'exporter'
  | 'spool'
  | 'meterProvider'
  | 'selfObsMeterProvider'
  | 'onDrop'
  | 'onBreakerStateChange'
  | 'onError'
>;

export type SpoolPlan = Omit<Exclude<SpillwayOptions['spool'], false | undefined>, 'directory'>;

/** What the application logs. */
export interface WorkPlan {
  /** Records of each burst, all in one turn of the event loop. */
  readonly records: number;
  /** From one burst to the next. */
  readonly everyMillis: number;
  /** Of a record's body; every so often there is one of another size. */
  readonly bytes: number;
  /** Every so many records one is hostile: it throws when it is read. 0: never. */
  readonly hostileEvery: number;
  /** Every so many records one is as large as this. 0: never. */
  readonly hugeEvery: number;
  readonly hugeBytes: number;
  /** Calls `forceFlush()` so often, without waiting for the last one. 0: never. */
  readonly flushEveryMillis: number;
  /** Waits for `ready()` before each burst. */
  readonly waits: boolean;
  /** Logs a record in each of the processor's callbacks. */
  readonly logsInCallbacks: boolean;
}

export type EndKind =
  /** SIGTERM with `shutdownOnSignals`: `shutdown()`, then the signal again. */
  | 'signal'
  /** `shutdown()`, then `process.exit()`. */
  | 'shutdown'
  /** `process.exit()`, or an uncaught error. */
  | 'exit'
  /** The application has nothing to do any more. */
  | 'natural'
  /** SIGKILL. */
  | 'kill';

/** One process. */
export interface LifePlan {
  readonly exporter: ExporterPlan;
  readonly options: OptionsPlan;
  readonly work: WorkPlan;
  /** From its start to its end. */
  readonly lifeMillis: number;
  /** It logs until then, and is silent for the rest of its life. */
  readonly workMillis: number;
  readonly end: EndKind;
  /** Stopped, and continued after so many milliseconds. */
  readonly stops: readonly { readonly atMillis: number; readonly millis: number }[];
  /** The clock of the wall is set, forward or back. */
  readonly wallJumps: readonly { readonly atMillis: number; readonly byMillis: number }[];
  /** The share of its memory that it uses for a while. */
  readonly memory: readonly { readonly atMillis: number; readonly ratio: number }[];
  /** Before the next one of its slot starts. */
  readonly pauseMillis: number;
}

/** One spell of weather: it lasts until the next one begins. */
interface Spell<T> {
  readonly atMillis: number;
  readonly weather: T;
}

export type DiskSpell =
  | Spell<DiskWeather>
  /** The next write takes so long. */
  | { readonly atMillis: number; readonly hiccupMillis: number }
  /** Nothing comes back for so long. */
  | { readonly atMillis: number; readonly hangMillis: number };

export interface RunPlan {
  /** Of the world's chance. */
  readonly seed: number;
  /** The collector's, in order of time. Healthy before the first. */
  readonly weather: readonly Spell<Weather>[];
  readonly disk: readonly DiskSpell[];
  /** One directory for all processes; undefined where none has a spool. */
  readonly spool: SpoolPlan | undefined;
  /** Processes that follow one another, for each of those that run together. */
  readonly slots: readonly (readonly LifePlan[])[];
  /** All processes die, and what the disk has not made durable is lost. */
  readonly powerLossAtMillis: number | undefined;
}

export const QUIET_WORK: WorkPlan = {
  records: 10,
  everyMillis: 1_000,
  bytes: 100,
  hostileEvery: 0,
  hugeEvery: 0,
  hugeBytes: 0,
  flushEveryMillis: 0,
  waits: false,
  logsInCallbacks: false,
};

export const QUIET_LIFE: LifePlan = {
  exporter: { kind: 'own' },
  options: {},
  work: QUIET_WORK,
  lifeMillis: 60_000,
  workMillis: 60_000,
  end: 'signal',
  stops: [],
  wallJumps: [],
  memory: [],
  pauseMillis: 0,
};

const QUIET_RUN: RunPlan = {
  seed: 1,
  weather: [],
  disk: [],
  spool: undefined,
  slots: [[QUIET_LIFE]],
  powerLossAtMillis: undefined,
};

/** What a plan says that a quiet one would not: short enough to be kept. */
export interface PlanNotes extends Partial<Omit<RunPlan, 'slots'>> {
  readonly slots?: readonly (readonly LifeNotes[])[];
}

type LifeNotes = Partial<Omit<LifePlan, 'work'>> & { readonly work?: Partial<WorkPlan> };

export function planOf(notes: PlanNotes): RunPlan {
  const life = (each: LifeNotes): LifePlan => ({
    ...QUIET_LIFE,
    ...each,
    work: { ...QUIET_WORK, ...each.work },
  });
  return { ...QUIET_RUN, ...notes, slots: (notes.slots ?? [[{}]]).map((slot) => slot.map(life)) };
}

export function notesOf(plan: RunPlan): PlanNotes {
  const { slots, ...rest } = plan;
  return {
    ...differences(rest, QUIET_RUN),
    slots: slots.map((slot) =>
      slot.map(({ work, ...life }) => {
        const workNotes = differences(work, QUIET_WORK);
        return {
          ...differences(life, QUIET_LIFE),
          ...(Object.keys(workNotes).length > 0 && { work: workNotes }),
        };
      }),
    ),
  };
}

function differences<T extends object>(value: T, from: Partial<Record<keyof T, unknown>>): Partial<T> {
  const different = Object.entries(value).filter(
    ([key, one]) => JSON.stringify(one) !== JSON.stringify(from[key as keyof T]),
  );
  return Object.fromEntries(different) as Partial<T>;
}
