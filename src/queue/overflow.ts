/** The queue's interface to a disk. Calls go down: the disk answers its caller and never calls the queue. */

import type { LogBatch } from './log-batch.ts';
import type { QueuedBatch, Written } from './queued-batch.ts';

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
