/** Calls the exporter's `forceFlush` while a caller waits for a flush, and at the end of that flush. */

import { type Clock, settledWithin } from '../common/clock.ts';
import type { FlushResult } from './flush-requests.ts';

/**
 * An exporter may complete an export only when flushed, so it is flushed after each export that begins during a flush or
 * shutdown. It may keep records that it reported as delivered, so it is flushed once more after the last export.
 * Calls overlap only when no caller waits for the earlier one any more.
 */
export class ExporterFlush {
  readonly #flush: () => Promise<void>;
  readonly #clock: Clock;
  #waiting = 0;
  #running: Promise<void> | undefined;
  /** Begins when `#running` ends. */
  #next: Promise<void> | undefined;
  /** Whether an export has begun since the last call. */
  isDue = false;

  /** @param flush calls the exporter; never rejects, but may never end. */
  constructor(flush: () => Promise<void>, clock: Clock) {
    this.#flush = flush;
    this.#clock = clock;
  }

  exporting(): void {
    this.isDue = true;
    if (this.#waiting > 0) void this.#call();
  }

  /** Awaits `flushing` and then one more call, until `deadline` (monotonic clock) or until `hurry` aborts. */
  async during(flushing: Promise<FlushResult>, deadline: number, hurry: AbortSignal): Promise<FlushResult> {
    this.#waiting++;
    try {
      if (this.isDue) void this.#call();
      const result = await flushing;
      // An exporter that waits for the same answer would be as silent.
      if (result === 'silent') return result;
      await settledWithin(this.#call(), deadline - this.#clock.now(), this.#clock, { signal: hurry });
      return result;
    } finally {
      if (--this.#waiting === 0) {
        this.#running = undefined;
        this.#next = undefined;
      }
    }
  }

  /** @returns the end of a call that begins no earlier than now. */
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
