/** The interface through which the driver takes batches and returns them. */

import type { DropReason } from '../common/errors.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { TakeSize } from '../queue/queue-contract.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';

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
