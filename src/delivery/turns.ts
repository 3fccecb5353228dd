/** Schedules the turns of the driver's loop, and notices when one comes so late that the process must have been stopped. */

import type { Cancel, Clock } from '../common/clock.ts';

/** Interval of checks for a freeze of the process while exports are in progress. */
const LOOK_MILLIS = 1_000;
/** A timer this late proves a freeze. */
const FROZEN_MILLIS = 2_000;

export class Turns {
  readonly #clock: Clock;
  readonly #turn: () => void;
  #isDue = false;
  #isStopped = false;
  #cancelTimer: Cancel | undefined;
  /** Due time of the timer, from which freezes are measured. */
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, turn: () => void) {
    this.#clock = clock;
    this.#turn = turn;
  }

  /** In the next turn of the event loop. Cheap and idempotent. */
  soon(): void {
    if (this.#isDue || this.#isStopped) return;
    this.#isDue = true;
    this.#clock.immediate(this.#turn);
  }

  began(): void {
    this.#isDue = false;
  }

  /** Sets the timer, in place of the one before. @param mayFreeze whether a freeze would matter until then. */
  next(at: number, now: number, mayFreeze: boolean): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const lookAt = mayFreeze ? now + LOOK_MILLIS : Number.POSITIVE_INFINITY;
    this.#dueAt = Math.min(at, lookAt);
    if (this.#dueAt === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#clock.timer(this.#turn, this.#dueAt - now, false, lookAt < at);
  }

  /** @returns how long the process was stopped, for instance by SIGSTOP or a machine that slept; 0 if it was not. */
  frozenMillis(now: number): number {
    const lateMillis = now - this.#dueAt;
    if (lateMillis <= FROZEN_MILLIS) return 0;
    this.#dueAt = Number.POSITIVE_INFINITY;
    return lateMillis;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }
}
