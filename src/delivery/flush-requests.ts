/** Pending flushes: each resolves when everything admitted before it is accounted for. */

import type { Clock } from '../common/clock.ts';

/**
 * - `done`: every record admitted before the request is delivered, dropped or stored.
 * - `unavailable`: the destination will not be called again in time, or the breaker is open.
 */
export type FlushResult = 'done' | 'timeout' | 'unavailable';

interface FlushRequest {
  /** Highest sequence number that the request waits for. */
  readonly upTo: number;
  readonly deadline: number;
  readonly settle: (result: FlushResult) => void;
}

export class FlushRequests {
  readonly #clock: Clock;
  readonly #pending = new Set<FlushRequest>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The timer keeps the process alive: a caller awaits the promise, for at most `timeoutMillis`. */
  add(upTo: number, timeoutMillis: number): Promise<FlushResult> {
    return new Promise((resolve) => {
      const settle = (result: FlushResult) => {
        cancel();
        this.#pending.delete(request);
        resolve(result);
      };
      const cancel = this.#clock.timer(() => settle('timeout'), timeoutMillis, true);
      const deadline = this.#clock.now() + timeoutMillis;
      const request: FlushRequest = { upTo, deadline, settle };
      this.#pending.add(request);
    });
  }

  /** Resolves all requests as `done`. */
  release(): void {
    for (const request of this.#pending) request.settle('done');
  }

  /**
   * @param oldestSequence of the unsettled batches.
   * @param availableAt earliest time of the next request to the destination.
   * @param isOpen whether the breaker is open: no flush waits for the next probe.
   */
  update(oldestSequence: number, availableAt: number, isOpen: boolean): void {
    for (const request of this.#pending) {
      if (oldestSequence > request.upTo) request.settle('done');
      // The request's own timer may be late.
      else if (this.#clock.now() >= request.deadline) request.settle('timeout');
      else if (availableAt > request.deadline || isOpen) request.settle('unavailable');
    }
  }
}
