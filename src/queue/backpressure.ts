/** Asynchronous back-pressure off the hot path: jobs that can wait resume when the queue has room. */

import { SpillwayError } from '../common/errors.ts';
import { invalid } from '../common/validation.ts';

/** How much room `ready()` waits for, and how to cancel the wait. */
export interface ReadyOptions {
  /** The wait ends below this fullness. Default 0.8, range above 0 to 1; otherwise rejects with `ERR_SPILLWAY_OPTION`. */
  below?: number;
  /** Cancels the wait; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

interface Waiter {
  readonly below: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class Backpressure {
  readonly #pressure: () => number;
  readonly #waiters = new Set<Waiter>();
  #isClosed = false;

  constructor(pressure: () => number) {
    this.#pressure = pressure;
  }

  async wait({ below = 0.8, signal }: ReadyOptions = {}): Promise<void> {
    if (typeof below !== 'number' || !(below > 0 && below <= 1))
      throw invalid('below', 'a number above 0 and up to 1', below);
    signal?.throwIfAborted();
    if (this.#isClosed) throw closed();
    if (this.#pressure() < below) return;
    await new Promise<void>((resolve, reject) => {
      const settled = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', aborted);
      };
      const aborted = () => waiter.reject(signal?.reason);
      const waiter: Waiter = {
        below,
        resolve: () => {
          settled();
          resolve();
        },
        reject: (reason) => {
          settled();
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  update(): void {
    if (this.#waiters.size === 0) return;
    const pressure = this.#pressure();
    for (const waiter of this.#waiters) if (pressure < waiter.below) waiter.resolve();
  }

  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters) waiter.reject(closed());
  }
}

function closed(): SpillwayError {
  return new SpillwayError('ERR_SPILLWAY_SHUTDOWN', 'otel-spillway: the processor is shut down');
}
