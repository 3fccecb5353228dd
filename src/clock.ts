/** Time and chance: the only file that touches timers, clocks and random numbers. */

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';

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
   * `keepAlive` is set, which only bounded waits that a caller holds a promise for may do.
   */
  timer(callback: () => void, delayMillis: number, keepAlive?: boolean): Cancel;
  /**
   * Calls `callback` in the next turn of the event loop, after I/O. It keeps the process alive for that one
   * turn: an immediate that does not would not wake a loop that waits for I/O either.
   */
  immediate(callback: () => void): void;
}

/** Timers take at most 2^31-1 ms; Node turns anything larger into 1 ms, which would make a wait a busy loop. */
const MAX_TIMER_MILLIS = 0x7fff_ffff;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  random: () => Math.random(),
  uniqueBytes: (count) => randomBytes(count),
  timer(callback, delayMillis, keepAlive = false) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMillis, 0), MAX_TIMER_MILLIS));
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
  immediate(callback) {
    setImmediate(callback);
  },
};
