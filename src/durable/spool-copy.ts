/** Batches with a copy in the spool: the copy, shared by the parts of the batch, and batches made of a stored entry. */

import type { Clock } from '../common/clock.ts';
import { UNTRIED } from '../queue/delivery-history.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import { type DiskCopy, QueuedBatch } from '../queue/queued-batch.ts';
import type { SpoolEntry } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';

export class SpoolCopy implements DiskCopy {
  readonly entry: SpoolEntry;
  readonly #spool: Spool;
  readonly #base: number;
  /** Unfinished parts of the batch in memory. */
  #parts = 1;

  /** @param base the batch's `offset` when it was stored, that of the entry's first record. */
  constructor(spool: Spool, entry: SpoolEntry, base: number) {
    this.#spool = spool;
    this.entry = entry;
    this.#base = base;
  }

  get isStored(): boolean {
    return this.entry.state === 'stored';
  }

  get isEvicted(): boolean {
    return this.entry.state === 'evicted';
  }

  get isTakenOver(): boolean {
    return this.entry.state === 'takenOver';
  }

  get isReleasable(): boolean {
    return this.isStored && this.#parts === 1;
  }

  maySend(now: number): boolean {
    return this.#spool.maySend(this.entry, now);
  }

  split(): void {
    this.#parts++;
  }

  settle(offset: number, records: number): void {
    this.#spool.settle(this.entry, offset - this.#base, records);
    this.#partEnded();
  }

  release(): void {
    this.#partEnded();
  }

  #partEnded(): void {
    if (--this.#parts === 0 && this.entry.remaining.length > 0) this.#spool.release(this.entry);
  }
}

/** One batch for each run of unsettled records. @param whole all records of the entry; consumed. @param sequence number of the first batch. */
export function replayedBatches<B extends LogBatch>(
  whole: B,
  entry: SpoolEntry,
  spool: Spool,
  sequence: number,
  clock: Clock,
): QueuedBatch<B>[] {
  const copy = new SpoolCopy(spool, entry, 0);
  // A wall clock that was set back must not move the admission into the future.
  const openedAt = clock.now() - Math.max(0, clock.wallNow() - entry.openedAtUnixMillis);
  let at = 0;
  return entry.remaining.map(([first, count], index) => {
    if (first > at) whole.split(first - at);
    at = first + count;
    // Nearly always all records are left, and nothing is copied.
    const contents = count === whole.records ? whole : (whole.split(count) as B);
    const batch = QueuedBatch.replayed(
      contents,
      { sequence: sequence + index, openedAt, isProtected: entry.isProtected },
      first,
      // Attempts of an earlier process do not count.
      { ...UNTRIED, attempts: entry.isRecovered ? 0 : entry.attempts },
      copy,
    );
    if (index > 0) copy.split();
    return batch;
  });
}
