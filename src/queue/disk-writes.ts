/** Writes batches of the queue to disk, knows what is on its way there, and frees the memory of what is there. */

import type { InFlight } from './in-flight.ts';
import type { LogBatch } from './log-batch.ts';
import type { Occupancy } from './occupancy.ts';
import type { Overflow } from './overflow.ts';
import type { Amount } from './queue-contract.ts';
import type { QueuedBatch, Written } from './queued-batch.ts';
import type { WaitingBatches } from './waiting-batches.ts';

/** Bytes on their way to disk at the same time: what is being written can neither be sent nor dropped. */
const MAX_WRITING_BYTES = 8 * 1024 * 1024;
/** However small: they are passed over each time that a batch is looked for. */
const MAX_WRITING_BATCHES = 512;

/** The queue, as far as it can go to disk. */
export interface SpilledQueue<B extends LogBatch> {
  readonly occupancy: Occupancy<B>;
  readonly waiting: WaitingBatches<B>;
  readonly inFlight: InFlight<B>;
  /** Something has changed. */
  readonly wake: () => void;
}

export class DiskWrites<B extends LogBatch> {
  readonly #queue: SpilledQueue<B>;
  readonly #overflow: Overflow<B>;
  #batches = 0;
  #records = 0;
  #bytes = 0;
  /** False when the waiting batches were looked through in vain: that is too much to do for each record. */
  #mayBeReleasable = false;

  constructor(queue: SpilledQueue<B>, overflow: Overflow<B>) {
    this.#queue = queue;
    this.#overflow = overflow;
  }

  /** How many batches are on their way to disk. */
  get batches(): number {
    return this.#batches;
  }

  /** How much that is. */
  get amount(): Amount {
    return { records: this.#records, bytes: this.#bytes };
  }

  /** Whether no more are to be sent there for now. */
  get isEnough(): boolean {
    return this.#bytes >= MAX_WRITING_BYTES || this.#batches >= MAX_WRITING_BATCHES;
  }

  /** The closed batches that wait and that are not on disk, nor on their way there: oldest first, protected ones last. */
  *storable(): Generator<QueuedBatch<B>> {
    for (const batch of this.#queue.waiting.sealed()) if (batch.isStorable) yield batch;
  }

  /** The batches in flight that are not on disk, nor on their way there, nor had to give way there. */
  *storableInFlight(): Generator<QueuedBatch<B>> {
    for (const batch of this.#queue.inFlight) if (batch.isStorable && !batch.wasEvicted) yield batch;
  }

  /** @param freesMemory whether it leaves memory when it is there, unless it is in flight then. */
  store(batch: QueuedBatch<B>, freesMemory: boolean): void {
    const { records, bytes } = batch.contents;
    batch.writeBegan();
    this.#batches++;
    this.#records += records;
    this.#bytes += bytes;
    this.#overflow.store(batch, (written) => {
      this.#batches--;
      this.#records -= records;
      this.#bytes -= bytes;
      this.#writeEnded(batch, written);
      if (freesMemory) this.release(batch);
    });
  }

  /** The same synchronously; it stays in memory. */
  storeNow(batch: QueuedBatch<B>): void {
    batch.writeBegan();
    this.#writeEnded(batch, this.#overflow.storeNow(batch));
  }

  #writeEnded(batch: QueuedBatch<B>, written: Written): void {
    batch.writeEnded(written);
    this.#mayBeReleasable = true;
    this.#queue.wake();
  }

  /** What has a copy on disk leaves memory, unless it is in flight. */
  release(batch: QueuedBatch<B>): void {
    const { copy } = batch;
    if (batch.place === 'sending' || batch.place === 'gone' || !copy?.isReleasable) return;
    this.#queue.waiting.remove(batch);
    batch.end();
    copy.release();
  }

  /** Frees the memory of what is on disk as well, oldest first, as long as it is too much. */
  releaseStored(isTooMuch: () => boolean): void {
    if (!this.#mayBeReleasable || !isTooMuch()) return;
    for (const batch of [...this.#queue.waiting]) {
      if (!isTooMuch()) return;
      this.release(batch);
    }
    this.#mayBeReleasable = false;
  }

  /** Something became of a batch, so that it, or another part of it, may be releasable now. */
  noteBatch(): void {
    this.#mayBeReleasable = true;
  }
}
