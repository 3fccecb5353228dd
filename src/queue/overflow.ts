/** What the queue asks of a disk behind it. Calls go down: the disk answers the call that asked, and calls the queue never. */

import type { LogBatch } from './log-batch.ts';
import type { QueuedBatch, Written } from './queued-batch.ts';

export interface Overflow<B extends LogBatch> {
  /** Whether it may take something. */
  readonly isUsable: boolean;
  /**
   * Begins what has to come before a batch is written, a wait of some seconds for attributes that are not there yet.
   * @returns whether there is nothing to wait for, or no longer: `wake` tells when that is so.
   */
  prepare(batch: QueuedBatch<B>): boolean;
  /** Writes a batch, and tells once what came of it, within the call or later. The batch must not change until then. */
  store(batch: QueuedBatch<B>, ended: (written: Written) => void): void;
  /** The same synchronously. */
  storeNow(batch: QueuedBatch<B>): Written;
  /** Ends synchronously what `store` has begun. */
  flushNow(): void;
  /** A disk that failed is to be tried again without delay: there may be no other time. */
  retryNow(): void;
}
