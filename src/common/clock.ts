/** Time and chance: the only file that touches timers, clocks and random numbers. */

import { randomBytes } from 'node:crypto';
import {
  clearTimeout as clearTimeoutOfNode,
  setImmediate as setImmediateOfNode,
  setTimeout as setTimeoutOfNode,
} from 'node:timers';

/** Stops a timer; no effect after it has fired. */
export type Cancel = () => void;

/** Time and randomness, which tests replace. */
export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary origin: for every duration and deadline. */
  now(): number;
  /** Milliseconds since the Unix epoch: only for dates exchanged with the outside world. */
  wallNow(): number;
  /** A number in [0, 1). */
  random(): number;
  /** Bytes that no other process has, even one started identically: for names on a shared disk. */
  uniqueBytes(count: number): Buffer;
  /**
   * Calls `callback` once after `delayMillis`.
   * @param keepAlive keeps the process alive: only for bounded waits behind a promise that a caller holds.
   * @param isPeriodic hides a timer that re-arms forever from fake timers, which may be run until none is left.
   */
  timer(callback: () => void, delayMillis: number, keepAlive?: boolean, isPeriodic?: boolean): Cancel;
  /**
   * Calls `callback` in the next turn of the event loop, after I/O, and keeps the process alive until then: an
   * unreferenced immediate does not wake a loop that waits for I/O.
   */
  immediate(callback: () => void): void;
}

/** Timers take at most 2^31-1 ms; Node turns anything larger into 1 ms, which would make a wait a busy loop. */
const MAX_TIMER_MILLIS = 0x7fff_ffff;

/** Tolerance for Node timers that fire early, as measured with `performance`. */
const EARLY_MILLIS = 2;

/*
 * Test suites install fake timers at any moment, may never advance them, and remove them while something waits. So a
 * timer is set with the global function and, if that is not Node's own, with Node's as well; the first to fire counts.
 * Immediates are always Node's.
 */
const setNodeTimeout = unfaked(setTimeoutOfNode, 'setTimeout');
const clearNodeTimeout = unfaked(clearTimeoutOfNode, 'clearTimeout');
const setNodeImmediate = unfaked(setImmediateOfNode, 'setImmediate');

/** `node:timers` may already be faked at load time: @sinonjs/fake-timers keeps the originals at its `clock`. */
function unfaked<F extends object>(found: F, name: string): F {
  return (found as { readonly clock?: Readonly<Record<string, F>> }).clock?.[`_${name}`] ?? found;
}

let lastReading = Number.NEGATIVE_INFINITY;
/** Added to `performance.now()`, so that time never goes back when one clock replaces another. */
let offsetMillis = 0;

function now(): number {
  const reading = performance.now();
  if (reading < lastReading) offsetMillis += lastReading - reading;
  lastReading = reading;
  return reading + offsetMillis;
}

/** A timer that has fired proves that its time has come, even if a fake `performance` stands still. */
function hasCome(at: number): void {
  const missing = at - now();
  if (missing > EARLY_MILLIS) offsetMillis += missing;
}

export const systemClock: Clock = {
  now,
  wallNow: () => Date.now(),
  random: () => Math.random(),
  uniqueBytes: (count) => randomBytes(count),
  timer(callback, delayMillis, keepAlive = false, isPeriodic = false) {
    const delay = Math.min(Math.max(delayMillis, 0), MAX_TIMER_MILLIS);
    const at = now() + delay;
    const { setTimeout, clearTimeout } = globalThis;
    const fire = () => {
      cancel();
      hasCome(at);
      callback();
    };
    const timer = setNodeTimeout(fire, delay);
    const other = isPeriodic || setTimeout === setNodeTimeout ? undefined : setTimeout(fire, delay);
    const cancel = () => {
      clearNodeTimeout(timer);
      if (other !== undefined) clearTimeout(other);
    };
    if (!keepAlive) {
      timer.unref();
      other?.unref?.();
    }
    return cancel;
  },
  immediate(callback) {
    setNodeImmediate(callback);
  },
};

/**
 * Calls `expired` after `millis`, once what has arrived by then was handled: with a process that was stopped, or whose
 * event loop was blocked, answers wait that came in time.
 */
export function timeLimit(
  millis: number,
  clock: Pick<Clock, 'immediate' | 'timer'>,
  expired: () => void,
): Cancel {
  let isCancelled = false;
  const cancel = clock.timer(() => clock.immediate(() => isCancelled || expired()), millis);
  return () => {
    isCancelled = true;
    cancel();
  };
}

/** @returns a function that calls `run` once in the next turn of the event loop, however often it is called before. */
export function coalesced(clock: Pick<Clock, 'immediate'>, run: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    clock.immediate(() => {
      isDue = false;
      run();
    });
  };
}

/**
 * Resolves when `work` has settled, `millis` have passed or the signal aborts. Never rejects.
 * @param keepAlive whether the wait keeps the process alive. @returns whether `work` has settled.
 */
export function settledWithin(
  work: Promise<unknown>,
  millis: number,
  clock: Pick<Clock, 'timer'>,
  { signal, keepAlive = true }: { readonly signal?: AbortSignal; readonly keepAlive?: boolean } = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isSettled: boolean) => {
      cancel();
      signal?.removeEventListener('abort', giveUp);
      resolve(isSettled);
    };
    const giveUp = () => end(false);
    const settled = () => end(true);
    const cancel = clock.timer(giveUp, millis, keepAlive);
    signal?.addEventListener('abort', giveUp);
    if (signal?.aborted) giveUp();
    work.then(settled, settled);
  });
}
