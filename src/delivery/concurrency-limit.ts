/** Adaptive limit of concurrent exports: grows while the destination keeps up, shrinks when it does not. */

/** The destination counts as busy if exports take this many times the best recent duration … */
const SLOW_FACTOR = 2;
/** … and more on top than a busy event loop explains. */
const NOISE_MILLIS = 20;
/** The best duration grows by this factor with every export, so that a slower network becomes the new normal. */
const FORGETTING = 1.02;
/** Weight of the latest export in the average, so that a single slow one changes little. */
const WEIGHT = 0.2;
/** Factors for the limit after slow exports and after a failure. */
const DECREASE = 0.9;
const DECREASE_OF_FAILURE = 0.8;

/**
 * Additive increase, multiplicative decrease, as in TCP's congestion control (RFC 5681), with the duration of an export
 * in place of the round trip.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  #current: number;
  #bestMillis = Number.POSITIVE_INFINITY;
  #averageMillis = 0;

  constructor(start: number, max: number) {
    this.#max = max;
    this.#current = Math.min(start, max);
  }

  get current(): number {
    return Math.floor(this.#current);
  }

  /** @param wasFull whether the limit was reached: otherwise a higher one would not have been used. */
  succeeded(durationMillis: number, wasFull: boolean): void {
    if (this.current === 1) {
      // A single export waits behind no other of ours: its duration is the time that the destination needs.
      this.#bestMillis = durationMillis;
      this.#averageMillis = durationMillis;
    } else {
      this.#bestMillis = Math.min(durationMillis, this.#bestMillis * FORGETTING);
      this.#averageMillis += (durationMillis - this.#averageMillis) * WEIGHT;
    }
    const isBusy = this.#averageMillis > this.#bestMillis * SLOW_FACTOR + NOISE_MILLIS;
    if (isBusy) this.#current = Math.max(1, this.#current * DECREASE);
    else if (wasFull) this.#current = Math.min(this.#max, this.#current + 1);
  }

  /** Called once for concurrent failures: one dead upstream of two must not close the limit. */
  failed(): void {
    this.#current = Math.max(1, this.#current * DECREASE_OF_FAILURE);
  }

  /** The destination is down or lacks room: start again with one export. */
  restart(): void {
    this.#current = 1;
  }
}
