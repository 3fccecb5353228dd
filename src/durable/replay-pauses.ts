/** Rests between stretches of replays: moments in which nothing of them keeps a process alive that wants to end. */

import type { Clock } from '../common/clock.ts';

/** So long replays go on; then they rest. */
const STRETCH_MILLIS = 2_000;
/** From when nothing is in flight any more: what was settled is written down meanwhile. */
const REST_MILLIS = 50;
/** Whatever is in flight: one that hangs is not to hold up the others. */
const MAX_REST_MILLIS = 500;

export class ReplayRest {
  readonly #clock: Clock;
  readonly #changed: () => void;
  #isStretchTimed = false;
  /** Nothing is read or taken meanwhile. */
  isResting = false;

  /** @param changed is called when a rest begins, and when it is over. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** A replay is sent. */
  sent(): void {
    if (this.#isStretchTimed) return;
    this.#isStretchTimed = true;
    this.#clock.timer(() => {
      this.isResting = true;
      this.#clock.timer(() => this.#end(), MAX_REST_MILLIS);
      // Whoever holds it looks whether anything is under way.
      this.#changed();
    }, STRETCH_MILLIS);
  }

  /** Nothing is read, and nothing in flight. */
  idle(): void {
    if (this.isResting) this.#clock.timer(() => this.#end(), REST_MILLIS);
  }

  #end(): void {
    if (!this.isResting) return;
    this.isResting = false;
    this.#isStretchTimed = false;
    this.#changed();
  }
}
