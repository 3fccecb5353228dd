/** The batches that were taken from the queue and are not done with: they still count against its bounds, and may take half of them. */

import type { LogBatch } from './log-batch.ts';
import type { Amount } from './queue-contract.ts';
import type { QueuedBatch } from './queued-batch.ts';

/** What may be in flight of a queue: the other half is left to what is admitted meanwhile, and to what waits for the disk. */
export function halfOf(bound: number): number {
  return Math.ceil(bound / 2);
}

export class InFlight<B extends LogBatch> implements Iterable<QueuedBatch<B>> {
  readonly #batches = new Set<QueuedBatch<B>>();
  #records = 0;
  #bytes = 0;
  readonly #most: Amount;
  #isKeptBack = false;

  constructor(most: Amount = { records: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }) {
    this.#most = most;
  }

  /** Whether a batch was kept back for want of room, and nothing has left since. */
  get isKeptBack(): boolean {
    return this.#isKeptBack;
  }

  /** What may come on top. */
  get room(): Amount {
    return { records: this.#most.records - this.#records, bytes: this.#most.bytes - this.#bytes };
  }

  get batches(): number {
    return this.#batches.size;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How much of it has a copy on disk. */
  get stored(): Amount {
    let records = 0;
    let bytes = 0;
    for (const { copy, contents } of this.#batches) {
      if (copy === undefined) continue;
      records += contents.records;
      bytes += contents.bytes;
    }
    return { records, bytes };
  }

  has(batch: QueuedBatch<B>): boolean {
    return this.#batches.has(batch);
  }

  [Symbol.iterator](): Iterator<QueuedBatch<B>> {
    return this.#batches[Symbol.iterator]();
  }

  /** There is no room for the next batch: it waits until one of these has left. */
  keepBack(): void {
    this.#isKeptBack = this.#batches.size > 0;
  }

  add(batch: QueuedBatch<B>): void {
    batch.take();
    this.#batches.add(batch);
    this.#records += batch.contents.records;
    this.#bytes += batch.contents.bytes;
  }

  /** @returns false when the batch was not in flight: it was given up meanwhile. */
  remove(batch: QueuedBatch<B>): boolean {
    if (!this.#batches.delete(batch)) return false;
    this.#isKeptBack = false;
    this.#records -= batch.contents.records;
    this.#bytes -= batch.contents.bytes;
    return true;
  }
}
