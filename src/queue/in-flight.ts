/** Batches taken and not yet settled: they count against the queue's bounds and may use half of them. */

import type { LogBatch } from './log-batch.ts';
import type { Amount } from './queue-contract.ts';
import type { QueuedBatch } from './queued-batch.ts';

/** Limit for batches in flight: the other half is for new records and for batches that wait for the disk. */
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

  /** Whether a batch was kept back for lack of room and none has left since. */
  get isKeptBack(): boolean {
    return this.#isKeptBack;
  }

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

  /** The next batch does not fit: it waits until one of these has left. */
  keepBack(): void {
    this.#isKeptBack = this.#batches.size > 0;
  }

  add(batch: QueuedBatch<B>): void {
    batch.take();
    this.#batches.add(batch);
    this.#records += batch.contents.records;
    this.#bytes += batch.contents.bytes;
  }

  /** @returns false if the batch was no longer in flight. */
  remove(batch: QueuedBatch<B>): boolean {
    if (!this.#batches.delete(batch)) return false;
    this.#isKeptBack = false;
    this.#records -= batch.contents.records;
    this.#bytes -= batch.contents.bytes;
    return true;
  }
}
