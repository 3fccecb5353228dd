/** What a durable queue sees of the queue in memory: which batches can be written, and what became of the writing. */

import type { DropReason } from '../common/errors.ts';
import type { Eviction } from './eviction.ts';
import type { InFlight } from './in-flight.ts';
import type { LogBatch } from './log-batch.ts';
import type { QueueListener } from './queue-contract.ts';
import type { QueuedBatch, Written } from './queued-batch.ts';
import type { WaitingBatches } from './waiting-batches.ts';

export class DiskSide<B extends LogBatch> {
  readonly #waiting: WaitingBatches<B>;
  readonly #inFlight: InFlight<B>;
  readonly #eviction: Eviction<B>;
  readonly #listener: QueueListener;

  constructor(
    waiting: WaitingBatches<B>,
    inFlight: InFlight<B>,
    eviction: Eviction<B>,
    listener: QueueListener,
  ) {
    this.#waiting = waiting;
    this.#inFlight = inFlight;
    this.#eviction = eviction;
    this.#listener = listener;
  }

  /** Whether only what has a copy on disk may be taken. */
  set isWriteAhead(isWriteAhead: boolean) {
    if (this.#waiting.isWriteAhead === isWriteAhead) return;
    this.#waiting.isWriteAhead = isWriteAhead;
    this.#listener.wake();
  }

  /** Closes open batches that have waited long enough. @returns when the next one has; Infinity if there is none. */
  sealDue(now: number): number {
    return this.#waiting.sealDue(now);
  }

  /** Closes what is open. */
  seal(): void {
    this.#waiting.sealAll();
  }

  /** The closed batches that wait and that are not on disk, nor on their way there: oldest first, protected ones last. */
  *storable(): Generator<QueuedBatch<B>> {
    for (const batch of this.#waiting.sealed()) if (batch.isStorable) yield batch;
  }

  /** The batches in flight that are not on disk, nor on their way there, nor had to give way there. */
  *storableInFlight(): Generator<QueuedBatch<B>> {
    for (const batch of this.#inFlight) if (batch.isStorable && !batch.wasEvicted) yield batch;
  }

  /** Whether all batches up to this sequence number that are still here have a copy on disk. */
  isStoredUpTo(sequence: number): boolean {
    const isSafe = (batch: QueuedBatch<B>) => batch.sequence > sequence || batch.copy !== undefined;
    return [...this.#waiting, ...this.#inFlight].every(isSafe);
  }

  /** What became of a batch that was being written is known; a batch that has a copy now may be released. */
  writeEnded(batch: QueuedBatch<B>, written: Written): void {
    batch.writeEnded(written);
    this.#eviction.noteBatch();
    this.#listener.wake();
  }

  /** Lets what the disk would not have be tried again: there may be room for it by now. */
  retryRefused(): void {
    for (const batch of [...this.#waiting, ...this.#inFlight]) batch.retryRefused();
  }

  /** Gives up everything that is not on disk, nor on its way there. */
  discardUnstored(reason: DropReason): void {
    this.#eviction.discardUnstored(reason);
  }

  /** A batch with a copy on disk leaves memory, unless it is in flight. */
  release(batch: QueuedBatch<B>): void {
    if (batch.place === 'sending' || batch.place === 'gone' || !batch.copy?.isReleasable) return;
    this.#eviction.release(batch);
    this.#listener.wake();
  }

  /** Releases what will not be tried again. */
  releaseAbandoned(): void {
    for (const batch of [...this.#waiting]) if (batch.place === 'leaving') this.release(batch);
  }

  /** Releases what has a copy on disk, oldest first, as long as it is too much. */
  releaseStored(isTooMuch: () => boolean): void {
    const before = this.#waiting.records;
    this.#eviction.releaseStored(isTooMuch);
    if (this.#waiting.records < before) this.#listener.wake();
  }

  /** Takes out what another process will send, in flight or not. @returns how many records that were. */
  dropTakenOver(): number {
    let records = 0;
    for (const held of [this.#waiting, this.#inFlight]) {
      for (const batch of [...held]) {
        if (!batch.isTakenOver) continue;
        held.remove(batch);
        batch.end();
        records += batch.contents.records;
      }
    }
    this.#listener.wake();
    return records;
  }
}
