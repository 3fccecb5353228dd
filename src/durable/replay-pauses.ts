/** Pauses replay every 2 s, so that requests in flight do not keep a finished process alive. */

import type { Clock } from '../common/clock.ts';

/** So long replays go on; then they rest. */
const RUN_MILLIS = 2_000;
/** From when nothing is in flight any more: what was settled is written down meanwhile. */
const PAUSE_MILLIS = 50;
/** Whatever is in flight: one that hangs is not to hold up the others. */
const MAX_PAUSE_MILLIS = 500;

export class ReplayPauses {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #isRunTimed = false;
  /** Nothing is read or taken meanwhile. */
  isPausing = false;

  /** @param wake is called when a rest begins, and when it is over. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** A replay is sent. */
  sent(): void {
    if (this.#isRunTimed) return;
    this.#isRunTimed = true;
    this.#clock.timer(() => {
      this.isPausing = true;
      this.#clock.timer(() => this.#end(), MAX_PAUSE_MILLIS);
      // Whoever holds it looks whether anything is under way.
      this.#wake();
    }, RUN_MILLIS);
  }

  /** Nothing is read, and nothing in flight. */
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
