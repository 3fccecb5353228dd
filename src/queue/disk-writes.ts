/** Writes queued batches to disk, tracks the writes in progress and their pace, and frees the memory of stored batches. */

import type { Amount, LogBatch } from './log-batch.ts';
import type { InFlight, Occupancy } from './occupancy.ts';
import type { Overflow } from './queue-contract.ts';
import type { QueuedBatch, Written } from './queued-batch.ts';
import type { WaitingBatches } from './waiting-batches.ts';

/** Limit of bytes being written, which can be neither sent nor dropped. */
const MAX_WRITING_BYTES = 8 * 1024 * 1024;
/** Limit of batches being written, of any size: every search for a batch passes over them. */
const MAX_WRITING_BATCHES = 512;

export interface SpilledQueue<B extends LogBatch> {
  readonly occupancy: Occupancy<B>;
  readonly waiting: WaitingBatches<B>;
  readonly inFlight: InFlight<B>;
  readonly wake: () => void;
}

export class DiskWrites<B extends LogBatch> {
  readonly #queue: SpilledQueue<B>;
  readonly #overflow: Overflow<B>;
  #batches = 0;
  #records = 0;
  #bytes = 0;
  /** False after a vain search of the waiting batches: repeating it for each record would be too slow. */
  #mayBeReleasable = false;

  constructor(queue: SpilledQueue<B>, overflow: Overflow<B>) {
    this.#queue = queue;
    this.#overflow = overflow;
  }

  /** Batches being written. */
  get batches(): number {
    return this.#batches;
  }

  get amount(): Amount {
    return { records: this.#records, bytes: this.#bytes };
  }

  get isEnough(): boolean {
    return this.#bytes >= MAX_WRITING_BYTES || this.#batches >= MAX_WRITING_BATCHES;
  }

  /** Closed waiting batches that are neither on disk nor being written: oldest first, protected ones last. */
  *storable(): Generator<QueuedBatch<B>> {
    for (const batch of this.#queue.waiting.sealed()) if (batch.isStorable) yield batch;
  }

  /** Batches in flight that are neither on disk nor being written, and were not evicted from disk. */
  *storableInFlight(): Generator<QueuedBatch<B>> {
    for (const batch of this.#queue.inFlight) if (batch.isStorable && !batch.wasEvicted) yield batch;
  }

  /** @param freesMemory removes the stored batch from memory, unless it is in flight by then. */
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

  /** Synchronous {@link store}; the batch stays in memory. */
  storeNow(batch: QueuedBatch<B>): void {
    batch.writeBegan();
    this.#writeEnded(batch, this.#overflow.storeNow(batch));
  }

  #writeEnded(batch: QueuedBatch<B>, written: Written): void {
    batch.writeEnded(written);
    this.#mayBeReleasable = true;
    this.#queue.wake();
  }

  /** Removes a batch with a copy on disk from memory, unless it is in flight. */
  release(batch: QueuedBatch<B>): void {
    const { copy } = batch;
    if (batch.place === 'sending' || batch.place === 'gone' || !copy?.isReleasable) return;
    this.#queue.waiting.remove(batch);
    batch.end();
    copy.release();
  }

  /** Frees the memory of stored batches, oldest first, until `isTooMuch` is false. */
  releaseStored(isTooMuch: () => boolean): void {
    if (!this.#mayBeReleasable || !isTooMuch()) return;
    for (const batch of [...this.#queue.waiting]) {
      if (!isTooMuch()) return;
      this.release(batch);
    }
    this.#mayBeReleasable = false;
  }

  /** A batch has changed: it, or another part of it, may be releasable now. */
  noteBatch(): void {
    this.#mayBeReleasable = true;
  }
}

/** A write that blocks the application for longer is slow … */
const SLOW_WRITE_MILLIS = 100;
/** … and this many in a row mean a slow disk: a single one is a hiccup. */
const SLOW_WRITES = 3;
const FIRST_PAUSE_MILLIS = 250;
const MAX_PAUSE_MILLIS = 10_000;

/** Decides whether bursts may write synchronously: not for a while after several slow writes in a row. */
export class BurstWrites {
  #slowInARow = 0;
  #pausedUntil = 0;

  mayWrite(now: number): boolean {
    return now >= this.#pausedUntil;
  }

  /** @returns whether the disk is too slow, so that bursts do without it for a while. */
  wrote(durationMillis: number, now: number): boolean {
    if (durationMillis <= SLOW_WRITE_MILLIS) {
      this.#slowInARow = 0;
      return false;
    }
    this.#slowInARow++;
    if (this.#slowInARow < SLOW_WRITES) return false;
    const pauseMillis = FIRST_PAUSE_MILLIS * 2 ** (this.#slowInARow - SLOW_WRITES);
    this.#pausedUntil = now + Math.min(pauseMillis, MAX_PAUSE_MILLIS);
    return true;
  }
}
