/** Turns a stored entry into batches, one for each run of unsettled records, which share one disk copy. */

import type { Clock } from '../common/clock.ts';
import { UNTRIED } from '../queue/delivery-history.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import { QueuedBatch } from '../queue/queued-batch.ts';
import type { SpoolEntry } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';
import { SpoolCopy } from './spool-copy.ts';

/** @param whole all records of the entry; consumed. @param sequence number of the first batch. */
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
