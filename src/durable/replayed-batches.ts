/** Makes batches of what was read back: one for each run of records that is not done with, all with one copy on disk. */

import type { Clock } from '../common/clock.ts';
import { UNTRIED } from '../queue/delivery-history.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import { QueuedBatch } from '../queue/queued-batch.ts';
import type { SpoolEntry } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';
import { SpoolCopy } from './spool-copy.ts';

/**
 * @param whole all records of the entry; not to be used any more.
 * @param sequence of the first one; they are numbered from there.
 */
export function replayedBatches<B extends LogBatch>(
  whole: B,
  entry: SpoolEntry,
  spool: Spool,
  sequence: number,
  clock: Clock,
): QueuedBatch<B>[] {
  const copy = new SpoolCopy(spool, entry, 0);
  // A clock that was set back meanwhile must not make a batch younger than this process.
  const openedAt = clock.now() - Math.max(0, clock.wallNow() - entry.openedAtUnixMillis);
  let at = 0;
  return entry.remaining.map(([first, count], index) => {
    if (first > at) whole.split(first - at);
    at = first + count;
    // Nearly always it is all of them, and nothing has to be copied.
    const contents = count === whole.records ? whole : (whole.split(count) as B);
    const batch = QueuedBatch.replayed(
      contents,
      { sequence: sequence + index, openedAt, isProtected: entry.isProtected },
      first,
      // Attempts of an earlier process are not in this one's counts.
      { ...UNTRIED, attempts: entry.isRecovered ? 0 : entry.attempts },
      copy,
    );
    if (index > 0) copy.split();
    return batch;
  });
}
