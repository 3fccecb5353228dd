/** The promises that wait for the queue: each is kept when everything admitted before it is accounted for. */

import type { Clock } from '../common/clock.ts';

/**
 * - `done`: every record admitted before the request is delivered, dropped or stored.
 * - `timeout`: its time ran out first.
 * - `unavailable`: the destination will not be called again within that time.
 */
export type FlushResult = 'done' | 'timeout' | 'unavailable';

interface FlushRequest {
  /** The request waits for batches up to this sequence number. */
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

  /**
   * Its timer keeps the process alive: somebody holds the promise, and it is kept within `timeoutMillis`.
   */
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

  /** Nobody is to wait any longer. */
  release(): void {
    for (const request of this.#pending) request.settle('done');
  }

  /**
   * @param oldestSequence the oldest batch not done with.
   * @param availableAt when the destination may be called again at the earliest.
   * @param isOpen whether the circuit breaker is open, so that no flush waits for the next probe.
   */
  update(oldestSequence: number, availableAt: number, isOpen: boolean): void {
    for (const request of this.#pending) {
      if (oldestSequence > request.upTo) request.settle('done');
      // Its own timer may be late.
      else if (this.#clock.now() >= request.deadline) request.settle('timeout');
      else if (availableAt > request.deadline || isOpen) request.settle('unavailable');
    }
  }
}
