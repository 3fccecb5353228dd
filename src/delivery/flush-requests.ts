/** Pending flushes: each resolves when everything admitted before it is accounted for. */

import type { Clock } from '../common/clock.ts';

/**
 * - `done`: every record admitted before the request is delivered, dropped or stored.
 * - `unavailable`: the destination will not be called again in time, or the breaker is open.
 * - `silent`: the destination has been asked, and is not waited for: a flush with as much time has waited in vain.
 */
export type FlushResult = 'done' | 'timeout' | 'unavailable' | 'silent';

/** `retries`: also for attempts to come, as far as there is time. `answers`: for those in progress only. */
export type Patience = 'retries' | 'answers' | 'none';

/** A timer this late means that the process did not run, and an answer may be waiting to be read. */
const STOPPED_MILLIS = 250;
/** Some of a flush's time may be over when it begins. */
const TOLERANCE = 0.1;
/** What the flush of an end gets in that case: ends have a deadline. */
const END_GRACE_MILLIS = 50;

interface FlushRequest {
  /** Highest sequence number that the request waits for. */
  readonly upTo: number;
  readonly patience: Patience;
  deadline: number;
  readonly settle: (result: FlushResult) => void;
  /** Settles a request whose time is over; one that the process slept through gets its time again. */
  readonly expire: () => void;
}

export class FlushRequests {
  readonly #clock: Clock;
  readonly #pending = new Set<FlushRequest>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The timer keeps the process alive: a caller awaits the promise, for at most `timeoutMillis`. */
  add(upTo: number, timeoutMillis: number, patience: Patience, isEnd: boolean): Promise<FlushResult> {
    const againMillis = isEnd ? Math.min(END_GRACE_MILLIS, timeoutMillis) : timeoutMillis;
    return new Promise((resolve) => {
      const settle = (result: FlushResult) => {
        cancel();
        this.#pending.delete(request);
        resolve(result);
      };
      const expire = () => {
        if (this.#clock.now() - request.deadline <= STOPPED_MILLIS) settle('timeout');
        else wait(againMillis);
      };
      const wait = (millis: number) => {
        cancel();
        request.deadline = this.#clock.now() + millis;
        cancel = this.#clock.timer(expire, millis, true);
      };
      let cancel = () => {};
      const request: FlushRequest = { upTo, patience, deadline: 0, settle, expire };
      wait(timeoutMillis);
      this.#pending.add(request);
    });
  }

  /** Resolves all requests as `done`. */
  release(): void {
    for (const request of this.#pending) request.settle('done');
  }

  /**
   * @param oldestSequence of the unsettled batches.
   * @param availableAt earliest time of the next request to the destination; 0 while an answer is awaited.
   * @param isOpen whether the breaker is open: no flush waits for the next probe.
   */
  update(oldestSequence: number, availableAt: number, isOpen: boolean): void {
    const now = this.#clock.now();
    for (const request of this.#pending) {
      const waitsUntil = request.patience === 'retries' ? request.deadline : now;
      if (oldestSequence > request.upTo) request.settle('done');
      // The request's own timer may be late.
      else if (now >= request.deadline) request.expire();
      else if (availableAt > waitsUntil || isOpen) request.settle('unavailable');
      else if (request.patience === 'none') request.settle('silent');
    }
  }
}

/** Remembers how long flushes have waited in vain, so that a dead destination does not cost each of them its time. */
export class Silence {
  #waitedMillis = 0;

  /** A flush has waited for an answer until its time was over. */
  waited(millis: number): void {
    this.#waitedMillis = Math.max(this.#waitedMillis, millis);
  }

  /** An attempt has ended. A failure that took longer than flushes have waited is one more silence. */
  ended(hasFailed: boolean, durationMillis: number): void {
    if (!hasFailed || durationMillis < this.#waitedMillis) this.#waitedMillis = 0;
  }

  /** Whether a flush with about this much time would wait in vain as well, as far as is known. */
  outlasts(timeoutMillis: number): boolean {
    return timeoutMillis < this.#waitedMillis * (1 + TOLERANCE);
  }
}
