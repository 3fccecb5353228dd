/** When the disk was in trouble, and when processes stood still: what others may take for their death. */

import type { DiskWeather } from '../disk/disk-weather.ts';
import type { Life } from '../life.ts';
import type { RunSeen } from '../run.ts';
import { BEGINNING } from '../world.ts';

export interface Span {
  readonly from: number;
  readonly to: number;
}

interface Trouble extends Span {
  /** Whether calls fail; otherwise they take long. */
  readonly fails: boolean;
  /** The longest that one call takes. */
  readonly callMillis: number;
}

/** A hiccup that is no longer than this is none to speak of. */
const HICCUP_MILLIS = 150;
const GOOD_LATENCY_MILLIS = 10;
const GOOD_SYNC_MILLIS = 50;
/** What a call takes is this much longer at most by chance. */
const JITTER = 1.5;
/** After this share of its time a lease may not be relied on; what is under way then is another's to send as well. */
const RELIABLE_SHARE = 0.5;
/** Calls that a lease is renewed by. */
const RENEWAL_CALLS = 6;
const DEFAULT_LEASE_MILLIS = 10_000;

export function leaseMillisOf({ plan }: RunSeen): number {
  return plan.spool?.leaseMillis ?? DEFAULT_LEASE_MILLIS;
}

const troubles = new WeakMap<RunSeen, readonly Trouble[]>();

/** The disk's, hiccups among them, in no order. */
function troublesOf(seen: RunSeen): readonly Trouble[] {
  let known = troubles.get(seen);
  if (known === undefined) {
    known = [...weatherTroubles(seen), ...hangs(seen), ...hiccups(seen)];
    troubles.set(seen, known);
  }
  return known;
}

function weatherTroubles({ plan, endedAt }: RunSeen): Trouble[] {
  const spells = plan.disk.flatMap((spell) => ('weather' in spell ? [spell] : []));
  return spells.flatMap(({ atMillis, weather }, index) => {
    const nextMillis = spells[index + 1]?.atMillis;
    const to = nextMillis === undefined ? endedAt : BEGINNING + nextMillis;
    const { latencyMillis = 0, syncMillis = 0 } = weather;
    const fails = isFailing(weather);
    if (!fails && latencyMillis <= GOOD_LATENCY_MILLIS && syncMillis <= GOOD_SYNC_MILLIS) return [];
    const callMillis = Math.max(latencyMillis, syncMillis) * JITTER;
    // What was begun in it ends behind it.
    return [{ from: BEGINNING + atMillis, to: to + callMillis, fails, callMillis }];
  });
}

function isFailing({ failing, freeBytes, tornShare }: DiskWeather): boolean {
  return failing !== undefined || freeBytes !== undefined || tornShare !== undefined;
}

function hangs({ plan }: RunSeen): Trouble[] {
  return plan.disk.flatMap((spell) => {
    if (!('hangMillis' in spell)) return [];
    const from = BEGINNING + spell.atMillis;
    return [{ from, to: from + spell.hangMillis, fails: false, callMillis: spell.hangMillis }];
  });
}

function hiccups({ disk }: RunSeen): Trouble[] {
  return disk.hiccups
    .filter(({ millis }) => millis > HICCUP_MILLIS)
    .map(({ at, millis }) => ({ from: at, to: at + millis, fails: false, callMillis: millis }));
}

/** Whether the disk does all that it should, but for a hiccup now and then. */
export function isDiskGood(seen: RunSeen): boolean {
  return seen.plan.powerLossAtMillis === undefined && troublesOf(seen).length === 0;
}

/** Whether all that the disk was given is on it, however long that took. */
export function isDiskTrue(seen: RunSeen): boolean {
  return seen.plan.powerLossAtMillis === undefined && !troublesOf(seen).some(({ fails }) => fails);
}

/** Whether the disk did all that it should for all of a time. */
export function wasDiskGood(seen: RunSeen, from: number, to: number): boolean {
  return !troublesOf(seen).some((trouble) => trouble.from <= to && trouble.to >= from);
}

/** Whether calls failed in a time. */
export function didDiskFail(seen: RunSeen, from: number, to: number): boolean {
  return troublesOf(seen).some((trouble) => trouble.fails && trouble.from <= to && trouble.to >= from);
}

/** When the disk had done what it was given at a time, if that was to take it no longer than `millis`. */
export function doneAt(seen: RunSeen, at: number, millis: number): number {
  let done = at + millis;
  for (let isLater = true; isLater; ) {
    isLater = false;
    for (const { from, to } of troublesOf(seen)) {
      if (from > done || to + millis <= done) continue;
      done = to + millis;
      isLater = true;
    }
  }
  return done;
}

/** When a process stood still: it was stopped, or held up by a synchronous call. */
export function stopsOf({ process: { stops, heldUp } }: Life): Span[] {
  return [...stops, ...heldUp];
}

/**
 * Whether synchronous calls took a process longer than its lease. Others then see in the simulation what it wrote when the
 * calls began, and its lease as older than it is: what they find is not what they could find.
 */
export function isHeldUpBeyondLease(seen: RunSeen, { process: { heldUp } }: Life): boolean {
  const tooLong = leaseMillisOf(seen) * RELIABLE_SHARE;
  return heldUp.some(({ from, to }) => to - from >= tooLong);
}

interface Silence extends Span {
  /** Whether the disk held it up: what it was writing may be in another's hands by now, and is written again. */
  readonly wasWriting: boolean;
  /** Whether another process was there that could miss it. */
  readonly wasMissed: boolean;
}

const silences = new WeakMap<Life, readonly Silence[]>();

/** When it could not give a sign of life for about as long as its lease. */
export function silencesOf(seen: RunSeen, life: Life): readonly Silence[] {
  let known = silences.get(life);
  if (known === undefined) {
    known = findSilences(seen, life);
    silences.set(life, known);
  }
  return known;
}

function findSilences(seen: RunSeen, life: Life): Silence[] {
  const tooLong = leaseMillisOf(seen) * RELIABLE_SHARE;
  const slow = troublesOf(seen).filter(
    ({ fails, callMillis }) => fails || callMillis * RENEWAL_CALLS >= tooLong,
  );
  const { stops, heldUp } = life.process;
  const silent = [
    // What a process was writing when it was stopped is stored once all the same, thanks to the fences.
    ...stops.map((span) => ({ ...span, wasWriting: false })),
    ...[...slow, ...heldUp].map((span) => ({ ...span, wasWriting: true })),
  ];
  const others = seen.lives.filter((other) => other !== life);
  return silent.flatMap(({ from, to, wasWriting }) => {
    if (to - from < tooLong) return [];
    const wasMissed = others.some(({ startedAt, endedAt }) => startedAt <= to && endedAt >= from);
    return [{ from, to, wasWriting, wasMissed }];
  });
}
