/** How many exports may be under way at once: grows while the destination keeps up, shrinks when it does not. */

/** An export this many times slower than the best one of late says that the destination is busy. */
const SLOW_FACTOR = 2;
/** Differences below this are noise of the event loop, not of the destination. */
const NOISE_MILLIS = 5;
/** The best duration is forgotten by so much with every export, so that a slower network becomes the new normal. */
const FORGETTING = 1.02;
/** What a slow export leaves of the limit. */
const DECREASE = 0.9;

/**
 * Additive increase, multiplicative decrease, as TCP's congestion control (RFC 5681) has it, with the
 * duration of an export in place of the round trip.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  #current: number;
  #bestMillis = Number.POSITIVE_INFINITY;

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
    // One at a time, an export takes as long as the destination needs: there is nothing of ours to wait behind.
    const isAlone = this.current === 1;
    this.#bestMillis = isAlone ? durationMillis : Math.min(durationMillis, this.#bestMillis * FORGETTING);
    const isSlow = durationMillis > this.#bestMillis * SLOW_FACTOR + NOISE_MILLIS;
    if (isSlow) this.#current = Math.max(1, this.#current * DECREASE);
    else if (wasFull) this.#current = Math.min(this.#max, this.#current + 1);
  }

  /** The destination failed, or asked for less. */
  failed(): void {
    this.#current = Math.max(1, this.#current / 2);
  }
}
