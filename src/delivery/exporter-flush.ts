/** When the exporter's own `forceFlush` is called: while somebody waits for a flush, and at its end. */

import { type Clock, settledWithin } from '../common/clock.ts';

/**
 * An exporter may keep what it was given and complete an export only when it is flushed, so it is flushed after each
 * export that begins while a flush or an end waits. One that takes records and reports success keeps them as well: it
 * is flushed once more when the exports are done.
 *
 * Two calls never overlap while anybody waits for them; one that everybody has given up waiting for is forgotten.
 */
export class ExporterFlush {
  readonly #flush: () => Promise<void>;
  readonly #clock: Clock;
  #waiting = 0;
  #running: Promise<void> | undefined;
  /** The call after that. */
  #next: Promise<void> | undefined;
  /** Whether an export has begun since the last call. */
  isDue = false;

  /** @param flush calls the exporter; it may never end, but does not reject. */
  constructor(flush: () => Promise<void>, clock: Clock) {
    this.#flush = flush;
    this.#clock = clock;
  }

  /** The exporter was given records. */
  exporting(): void {
    this.isDue = true;
    if (this.#waiting > 0) void this.#call();
  }

  /**
   * Resolves with the result of `flushing` when the exporter has been flushed after that as well, or at `deadline`
   * (monotonic clock), or when `hurry` aborts.
   */
  async during<T>(flushing: Promise<T>, deadline: number, hurry: AbortSignal): Promise<T> {
    this.#waiting++;
    try {
      if (this.isDue) void this.#call();
      const result = await flushing;
      await settledWithin(this.#call(), deadline - this.#clock.now(), this.#clock, { signal: hurry });
      return result;
    } finally {
      if (--this.#waiting === 0) {
        this.#running = undefined;
        this.#next = undefined;
      }
    }
  }

  /** @returns the end of a call that begins from now on. */
  #call(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    if (this.#next === undefined) {
      const next = this.#running.then(() => {
        if (this.#next !== next) return;
        this.#next = undefined;
        return this.#begin();
      });
      this.#next = next;
    }
    return this.#next;
  }

  #begin(): Promise<void> {
    this.isDue = false;
    const running = this.#flush().then(() => {
      if (this.#running === running && this.#next === undefined) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
