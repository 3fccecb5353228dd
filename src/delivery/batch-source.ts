/** Where the driver gets its batches from, and where it leaves them. */

import type { DropReason } from '../common/errors.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { TakeSize } from '../queue/queue-contract.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';

export interface BatchSource<B extends LogBatch> {
  /** The lowest sequence number among the batches a flush waits for; Infinity when there is none. */
  readonly oldestSequence: number;
  /** Closes what is open. @returns the highest sequence number given so far. */
  seal(): number;
  /** The batch to send next, which is then in flight; see `AsyncSinkQueue.take`. */
  take(
    now: number,
    size: TakeSize,
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined;
  /** The earliest time at which `take` has a batch to give; `now` if it has one, Infinity if there is none. */
  dueAt(now: number): number;
  /** A batch in flight was delivered, or dropped for good. */
  settle(batch: QueuedBatch<B>): void;
  /** A batch in flight goes back to its place; halved first if `halve` is set. */
  requeue(batch: QueuedBatch<B>, halve?: boolean): void;
  /** A batch in flight is not to be tried again. */
  abandon(batch: QueuedBatch<B>, reason: DropReason): void;
  /** Lets every batch be sent at once that waits for a time of its own. */
  retryNow(): void;
  /** Gives up every waiting batch that was opened at `openedUntil` or before; what is on disk is not lost. */
  expire(openedUntil: number, reason: DropReason): void;
  /** Gives up everything, in flight or not. */
  discard(reason: DropReason): void;
}
