/** Pauses replay every 2 s, so that requests in flight do not keep a finished process alive. */

import type { Clock } from '../common/clock.ts';

/** Time between the first replay and the pause. */
const RUN_MILLIS = 2_000;
/** Pause after the last replay in flight has ended, in which acknowledgements are written. */
const PAUSE_MILLIS = 50;
/** Limit while replays are in flight: one that hangs must not hold up the others. */
const MAX_PAUSE_MILLIS = 500;

export class ReplayPauses {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #isRunTimed = false;
  /** While set, replays are neither read nor taken. */
  isPausing = false;

  /** @param wake called when a pause begins, and when it ends. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  sent(): void {
    if (this.#isRunTimed) return;
    this.#isRunTimed = true;
    this.#clock.timer(() => {
      this.isPausing = true;
      this.#clock.timer(() => this.#end(), MAX_PAUSE_MILLIS);
      // The owner calls `idle` if nothing is in progress.
      this.#wake();
    }, RUN_MILLIS);
  }

  /** Call when no replay is being read or in flight. */
  idle(): void {
    if (this.isPausing) this.#clock.timer(() => this.#end(), PAUSE_MILLIS);
  }

  #end(): void {
    if (!this.isPausing) return;
    this.isPausing = false;
    this.#isRunTimed = false;
    this.#wake();
  }
}
