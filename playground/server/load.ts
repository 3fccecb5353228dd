/** The load: how many records are due, by a rate, and in bursts. */

/** A playground that was held up does not make up for more than this. */
const MOST_SECONDS = 0.25;

export class Load {
  rate: number;
  /** The number of the next record. */
  next = 0;
  #due = 0;
  #lastMillis = performance.now();

  constructor(rate: number) {
    this.rate = rate;
  }

  /** What has become due since the last call; nothing while it is paused. */
  take(isPaused: boolean): number {
    const now = performance.now();
    const elapsed = Math.min((now - this.#lastMillis) / 1_000, MOST_SECONDS);
    this.#lastMillis = now;
    if (isPaused) return 0;
    this.#due += elapsed * this.rate;
    const records = Math.floor(this.#due);
    this.#due -= records;
    return records;
  }
}
