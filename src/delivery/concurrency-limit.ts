/** How many exports may be under way at once: grows while the destination keeps up, shrinks when it does not. */

/** Exports that take this many times as long as the best one of late say that the destination is busy … */
const SLOW_FACTOR = 2;
/** … if it is more than the event loop of a busy process explains. */
const NOISE_MILLIS = 20;
/** The best duration is forgotten by so much with every export, so that a slower network becomes the new normal. */
const FORGETTING = 1.02;
/** The weight of the latest export in the average: one slow export is an accident. */
const WEIGHT = 0.2;
/** What slow exports leave of the limit, each time. */
const DECREASE = 0.9;
/** What a failure leaves of it. */
const DECREASE_OF_FAILURE = 0.8;

/**
 * Additive increase, multiplicative decrease, as TCP's congestion control (RFC 5681) has it, with the
 * duration of an export in place of the round trip.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  #current: number;
  #bestMillis = Number.POSITIVE_INFINITY;
  #averageMillis = 0;

  /** @param start from here it grows, up to `max`. */
  constructor(start: number, max: number) {
    this.#max = max;
    this.#current = Math.min(start, max);
  }

  get current(): number {
    return Math.floor(this.#current);
  }

  /** @param wasFull whether all exports allowed were under way: otherwise more would not have been used. */
  succeeded(durationMillis: number, wasFull: boolean): void {
    if (this.current === 1) {
      // One at a time, an export takes as long as the destination needs: there is nothing of ours to wait behind.
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

  /** A request failed: once for all that were under way together, or one dead upstream of two would close it. */
  failed(): void {
    this.#current = Math.max(1, this.#current * DECREASE_OF_FAILURE);
  }

  /** The destination is down, or has no room: it is approached anew. */
  restart(): void {
    this.#current = 1;
  }
}
