/** Time and chance: the only file that touches timers, clocks and random numbers. */

import { randomBytes } from 'node:crypto';
import {
  clearTimeout as clearTimeoutOfNode,
  setImmediate as setImmediateOfNode,
  setTimeout as setTimeoutOfNode,
} from 'node:timers';

/** Stops a timer; does nothing when it has fired already. */
export type Cancel = () => void;

/** What the parts need of time and chance, so that tests can drive both. */
export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary origin: for every duration and deadline. */
  now(): number;
  /** Milliseconds since the Unix epoch: only where the outside world speaks in dates. */
  wallNow(): number;
  /** A number in [0, 1). */
  random(): number;
  /** Bytes that no other process has, however alike the two were started: what names are made of on a shared disk. */
  uniqueBytes(count: number): Buffer;
  /**
   * Calls `callback` once after `delayMillis`. The timer does not keep the process alive unless
   * `keepAlive` is set, which only bounded waits that a caller holds a promise for may do. What sets itself anew for ever
   * is `isPeriodic`: fake timers that are run until none is left do not get it.
   */
  timer(callback: () => void, delayMillis: number, keepAlive?: boolean, isPeriodic?: boolean): Cancel;
  /**
   * Calls `callback` in the next turn of the event loop, after I/O. It keeps the process alive for that one
   * turn: an immediate that does not would not wake a loop that waits for I/O either.
   */
  immediate(callback: () => void): void;
}

/** Timers take at most 2^31-1 ms; Node turns anything larger into 1 ms, which would make a wait a busy loop. */
const MAX_TIMER_MILLIS = 0x7fff_ffff;

/** By how much a timer of Node may fire before its time, as `performance` sees it. */
const EARLY_MILLIS = 2;

/*
 * Test suites put fake timers in the place of the global ones, at any moment, advance them or not, and take them away
 * while something waits. So a timer is set with the global function, for those who advance the time, and if that is not
 * Node's own with Node's as well: the first to fire counts. A turn of the event loop is nobody's to withhold.
 */
const setNodeTimeout = unfaked(setTimeoutOfNode, 'setTimeout');
const clearNodeTimeout = unfaked(clearTimeoutOfNode, 'clearTimeout');
const setNodeImmediate = unfaked(setImmediateOfNode, 'setImmediate');

/** This may be loaded when `node:timers` is faked, too: @sinonjs/fake-timers keeps what it replaces at its clock. */
function unfaked<F extends object>(found: F, name: string): F {
  return (found as { readonly clock?: Readonly<Record<string, F>> }).clock?.[`_${name}`] ?? found;
}

let lastReading = Number.NEGATIVE_INFINITY;
/** What is added to `performance.now()`, so that it never goes back when one clock takes the place of another. */
let offsetMillis = 0;

function now(): number {
  const reading = performance.now();
  if (reading < lastReading) offsetMillis += lastReading - reading;
  lastReading = reading;
  return reading + offsetMillis;
}

/** A timer that has fired shows that its time has come, also where `performance` stands still. */
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

/** Calls `run` in the next turn of the event loop: once, however often the function returned is called until then. */
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
 * Resolves when `work` has settled, one way or the other, after `millis`, or when the signal aborts: whichever is first.
 * Never rejects.
 * @param keepAlive whether a process that wants to end is kept for it.
 * @returns whether `work` has settled.
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
