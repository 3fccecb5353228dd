/** What a property is, and the questions about a run that several of them ask. */

import type { Life } from '../life.ts';
import type { CallSeen, RequestSeen } from '../network/collector.ts';
import type { Weather } from '../network/weather.ts';
import type { RunSeen } from '../run.ts';
import { stopsOf } from './disk-troubles.ts';

export interface Finding {
  readonly process: number | undefined;
  readonly at: number;
  readonly message: string;
}

/** A promise, and how to see in a run that is over whether it was kept. */
export interface Property {
  /** A few words that name it in stories and in the list of known failures. */
  readonly name: string;
  judge(seen: RunSeen): Finding[];
}

export interface Spell {
  readonly from: number;
  readonly to: number;
  readonly weather: Weather;
}

/** Seconds, for people. */
export function seconds(millis: number): string {
  return `${(millis / 1_000).toFixed(millis < 10_000 ? 2 : 1)} s`;
}

const calls = new WeakMap<RunSeen, Map<string, CallSeen[]>>();
const requests = new WeakMap<RunSeen, Map<string, RequestSeen[]>>();

/** Every call of the exporter of a process as the processor knows it, in order of their beginning. */
export function callsOf(seen: RunSeen, life: Life): readonly CallSeen[] {
  return ofProcess(calls, seen, seen.collector.calls, life, asHeard);
}

/** Every request of a process, in order of their beginning: a call may make several, or none. */
export function requestsOf(seen: RunSeen, life: Life): readonly RequestSeen[] {
  return ofProcess(requests, seen, seen.collector.requests, life);
}

/** A call that takes longer than this is over for the processor, whatever its exporter still does. */
export const LONGEST_CALL_MILLIS = 35_000;

function asHeard(call: CallSeen): CallSeen {
  const { at, endedAt = Number.POSITIVE_INFINITY } = call;
  if (endedAt - at < LONGEST_CALL_MILLIS) return call;
  return { ...call, endedAt: at + LONGEST_CALL_MILLIS, result: 'given up' };
}

/** Told apart once for each run. */
function ofProcess<T extends { readonly process: string }>(
  runs: WeakMap<RunSeen, Map<string, T[]>>,
  seen: RunSeen,
  all: readonly T[],
  { number }: Life,
  asKnown: (one: T) => T = (one) => one,
): readonly T[] {
  let lives = runs.get(seen);
  if (lives === undefined) {
    lives = Map.groupBy(all.map(asKnown), ({ process }) => process);
    runs.set(seen, lives);
  }
  return lives.get(`p${number}`) ?? [];
}

/** What a call's result says of the destination's health. */
export function meaningOf({ result }: CallSeen): 'good' | 'ill' | 'other' {
  if (/^(2\d\d|success|buffered)$/.test(result)) return 'good';
  // 3 is gRPC's INVALID_ARGUMENT.
  if (/^(400|413|3|thrown|aborted|)$/.test(result)) return 'other';
  return 'ill';
}

/** The weather as it was, spell by spell, to the end of the run. */
export function spellsOf(seen: RunSeen): Spell[] {
  return seen.weather.map(({ at, weather }, index) => ({
    from: at,
    to: seen.weather[index + 1]?.at ?? seen.endedAt,
    weather,
  }));
}

/** Whether the weather was healthy for all of a time. */
export function isHealthy(seen: RunSeen, from: number, to: number): boolean {
  return spellsOf(seen).every((spell) => spell.to <= from || spell.from >= to || isFair(spell.weather));
}

/** Healthy, and fast enough that a second counts. */
export function isFair({ kind, latencyMillis = 5, millisPerMegabyte = 0 }: Weather): boolean {
  return kind === 'healthy' && latencyMillis <= 1_000 && millisPerMegabyte <= 1_000;
}

/** Whether the process was alive, and not stopped, for all of a time. */
export function wasRunning(life: Life, from: number, to: number): boolean {
  if (from < life.startedAt || life.endedAt < to) return false;
  return stopsOf(life).every((stop) => stop.from > to || stop.to < from - 1_000);
}

/** Whether there was something to send for all of a time. */
export function wasWaiting(seen: RunSeen, life: Life, from: number, to: number): boolean {
  return seen.steps.of(life).waiting.some((waiting) => waiting.from <= from && waiting.to >= to);
}

/** Until when a server has asked not to be asked, by what it answered up to a time, and as the process understands it. */
export function requestedDelayUntil(seen: RunSeen, life: Life, at: number): number {
  let until = 0;
  // A date means what the clock on the wall makes of it.
  if (life.plan.wallJumps.length > 0 && hasDates(seen)) return Number.POSITIVE_INFINITY;
  for (const { answeredAt, waitUntil = 0 } of requestsOf(seen, life)) {
    if (answeredAt !== undefined && answeredAt <= at) until = Math.max(until, waitUntil);
  }
  return until;
}

/** Whether a server says in dates until when it does not want to be asked. */
export function hasDates({ plan }: RunSeen): boolean {
  return plan.weather.some(
    ({ weather }) => weather.kind === 'rate-limit' && weather.retryAfterForm === 'date',
  );
}

/** A spool that no run fills. */
const LARGE_BYTES = 64 * 1024 * 1024;
/** About what a record takes on disk beside its body: whatever is stored may be stored again, or leave a hole. */
const RECORD_BYTES = 500;
const COPIES = 2;

/** Whether there is room on disk for all that a run has, whatever other processes have left there. */
export function isSpoolLarge({ plan, lives }: RunSeen): boolean {
  const { maxBytes = LARGE_BYTES } = plan.spool ?? {};
  if (maxBytes >= LARGE_BYTES) return true;
  let bytes = 0;
  for (const {
    emittedAt,
    plan: { work },
  } of lives) {
    const largest = Math.max(work.bytes, work.hugeEvery > 0 ? work.hugeBytes : 0);
    bytes += emittedAt.length * (largest + RECORD_BYTES) * COPIES;
  }
  return bytes <= maxBytes;
}
