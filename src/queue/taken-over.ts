/** Removes batches that another process has taken over and will send. */

import type { LogBatch } from './log-batch.ts';
import type { QueuedBatch } from './queued-batch.ts';

interface Holder<B extends LogBatch> extends Iterable<QueuedBatch<B>> {
  remove(batch: QueuedBatch<B>): unknown;
}

/** @returns the number of removed records. */
export function dropTakenOver<B extends LogBatch>(...holders: readonly Holder<B>[]): number {
  let records = 0;
  for (const holder of holders) {
    for (const batch of [...holder]) {
      if (!batch.isTakenOver) continue;
      holder.remove(batch);
      batch.end();
      records += batch.contents.records;
    }
  }
  return records;
}
