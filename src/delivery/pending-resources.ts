/** Waits, within a bound, for resource attributes that resolve after the SDK has started. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type Clock, settledWithin } from '../common/clock.ts';
import type { LogBatch } from '../queue/log-batch.ts';

type Resource = ReadableLogRecord['resource'];

/** After this time a batch is sent with the attributes that are known. */
const RESOURCE_WAIT_MILLIS = 5_000;

/** Never rejects: a failed detector must not fail the batch. @returns whether all have settled. */
export function resolved(resources: Iterable<Resource>, clock: Clock): Promise<boolean> {
  // In a promise chain a synchronous throw becomes a rejection.
  const work = Promise.resolve().then(() =>
    Promise.all(Array.from(resources, (resource) => resource.waitForAsyncAttributes?.())),
  );
  return settledWithin(work, RESOURCE_WAIT_MILLIS, clock, { keepAlive: false });
}

/** Delays the storing of batches whose resources still lack attributes, because on disk they never get them. */
export class LateAttributes {
  readonly #clock: Clock;
  readonly #wake: () => void;
  /** Batches that had to wait; `isOver` is also set when the time limit for attributes has passed. */
  readonly #waits = new WeakMap<LogBatch, { isOver: boolean }>();

  /** @param wake called when a batch need not wait any longer. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** @returns whether the batch may be stored; if not, `wake` follows. */
  haveCome(batch: LogBatch): boolean {
    const known = this.#waits.get(batch);
    if (known !== undefined) return known.isOver;
    const pending = batch.pendingResources;
    if (pending.length === 0) return true;
    const wait = { isOver: false };
    this.#waits.set(batch, wait);
    void resolved(pending, this.#clock).then(() => {
      wait.isOver = true;
      this.#wake();
    });
    return false;
  }
}
