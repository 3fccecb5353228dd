/** The interfaces of a queue: its limits, the events it reports, the disk below it, and its use by the driver. */

import type { DropReason } from '../common/errors.ts';
import type { SeverityCounts } from '../common/severity-counts.ts';
import type { ShedRule } from './admission-rules.ts';
import type { LogBatch, TakeSize } from './log-batch.ts';
import type { QueuedBatch, Written } from './queued-batch.ts';

/** Already validated. */
export interface QueueLimits {
  readonly maxQueueSize: number;
  readonly maxQueueBytes: number;
  readonly maxExportBatchSize: number;
  /** Records with which a batch is due; it can still be merged with others. Default: `maxExportBatchSize`. */
  readonly fullBatchRecords?: number;
  readonly maxExportBatchBytes: number;
  readonly scheduledDelayMillis: number;
  readonly overflow: 'drop-oldest' | 'drop-newest';
  /** Infinity if no severity is protected. */
  readonly protectSeverity: number;
  readonly shed: ShedRule | undefined;
}

export interface QueueListener {
  /** @param wasPassed whether the records had been handed to the exporter before. */
  dropped(reason: DropReason, records: number, wasPassed: boolean, severities: SeverityCounts): void;
  /** A batch was opened, became full, or lost records. */
  wake(): void;
}

/** A disk below the queue. Calls go down: the disk answers its caller and never calls the queue. */
export interface Overflow<B extends LogBatch> {
  /** Whether the disk may accept a batch. */
  readonly isUsable: boolean;
  /** Starts the wait of some seconds for resource attributes. @returns whether it is over; otherwise `wake` follows. */
  prepare(batch: QueuedBatch<B>): boolean;
  /** Writes a batch and calls `ended` once, within the call or later. The batch must not change until then. */
  store(batch: QueuedBatch<B>, ended: (written: Written) => void): void;
  /** Synchronous {@link store}. */
  storeNow(batch: QueuedBatch<B>): Written;
  /** Completes synchronously the writes that `store` has begun. */
  flushNow(): void;
  /** Lets a failed disk be tried again without delay: there may be no later chance. */
  retryNow(): void;
}

/** What the driver takes batches from and returns them to. */
export interface BatchSource<B extends LogBatch> {
  /** Lowest sequence number that a flush waits for; Infinity if there is none. */
  readonly oldestSequence: number;
  /** Closes open batches. @returns the highest sequence number so far. */
  seal(): number;
  /** Takes the next batch to send, which is then in flight; see `AsyncSinkQueue.take`. */
  take(
    now: number,
    size: TakeSize,
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined;
  /** The earliest time at which `take` returns a batch: `now` if it would; Infinity if there is none. */
  dueAt(now: number): number;
  /** Ends a batch in flight: delivered, or counted as dropped by the caller. */
  settle(batch: QueuedBatch<B>): void;
  /** Returns a batch in flight to its place, in two halves if `halve` is set. */
  requeue(batch: QueuedBatch<B>, halve?: boolean): void;
  /** Ends the retries of a batch in flight: it is left to the disk or dropped. */
  abandon(batch: QueuedBatch<B>, reason: DropReason): void;
  /** Lets batches with a back-off of their own be sent immediately. */
  retryNow(): void;
  /** Drops waiting batches that were opened at `openedUntil` or before, except those on disk or being written. */
  expire(openedUntil: number, reason: DropReason): void;
  /** Removes all batches, including those in flight; records without a copy on disk are dropped. */
  discard(reason: DropReason): void;
}
