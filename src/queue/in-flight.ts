/** The batches that were taken from the queue and are not done with: they still count against its bounds. */

import type { LogBatch } from './log-batch.ts';
import type { QueuedBatch } from './queued-batch.ts';

export class InFlight<B extends LogBatch> implements Iterable<QueuedBatch<B>> {
  readonly #batches = new Set<QueuedBatch<B>>();
  #records = 0;
  #bytes = 0;

  get batches(): number {
    return this.#batches.size;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(batch: QueuedBatch<B>): boolean {
    return this.#batches.has(batch);
  }

  [Symbol.iterator](): Iterator<QueuedBatch<B>> {
    return this.#batches[Symbol.iterator]();
  }

  add(batch: QueuedBatch<B>): void {
    this.#batches.add(batch);
    this.#records += batch.contents.records;
    this.#bytes += batch.contents.bytes;
  }

  /** @returns false when the batch was not in flight: it was given up meanwhile. */
  remove(batch: QueuedBatch<B>): boolean {
    if (!this.#batches.delete(batch)) return false;
    this.#records -= batch.contents.records;
    this.#bytes -= batch.contents.bytes;
    return true;
  }
}
