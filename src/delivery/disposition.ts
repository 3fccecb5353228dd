/** Decides what happens to a batch after an attempt: a pure function of its outcome and history. */

import type { DropReason } from '../common/errors.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import { mayHalve } from './search.ts';
import type { Outcome } from './sender.ts';

export interface RetrySettings {
  readonly initialDelayMillis: number;
  readonly maxDelayMillis: number;
  /** Counted from the admission or, if that is later, from the start of the outage. Infinity: no limit. */
  readonly maxElapsedMillis: number;
}

export function isExhausted(since: number, now: number, settings: RetrySettings): boolean {
  return now - since >= settings.maxElapsedMillis;
}

export type Disposition =
  | { readonly action: 'done'; readonly rejectedRecords: number }
  | { readonly action: 'drop'; readonly reason: DropReason }
  /** To the queue, in two halves that are sent immediately. */
  | { readonly action: 'halve' }
  | { readonly action: 'retry' };

/** Ambiguous refusals while other batches passed, after which the batch is taken to be the cause. */
const REFUSALS_WHILE_OTHERS_PASSED = 3;

/** The history must include this outcome. @param failingSince start of the outage; undefined if only this batch fails. */
export function disposeOf<B extends LogBatch>(
  outcome: Outcome,
  batch: QueuedBatch<B>,
  now: number,
  failingSince: number | undefined,
  retry: RetrySettings,
): Disposition {
  const alone = batch.contents.records <= 1;
  switch (outcome.kind) {
    case 'delivered':
      return {
        action: 'done',
        // A server that reports more refusals than records must not unbalance the ledger.
        rejectedRecords: Math.min(
          Math.max(0, Math.trunc(outcome.rejectedRecords) || 0),
          batch.contents.records,
        ),
      };
    case 'rejected':
      return { action: 'drop', reason: 'rejected' };
    case 'too_large':
      return alone ? { action: 'drop', reason: 'record_too_large' } : { action: 'halve' };
    case 'unserializable':
      return alone ? { action: 'drop', reason: 'unserializable' } : { action: 'halve' };
    case 'malformed':
      return bisect(batch, alone);
    case 'ambiguous':
      // Other batches pass, so the cause is this batch or one of its records.
      if (batch.history.failuresWhileOthersPassed >= REFUSALS_WHILE_OTHERS_PASSED)
        return bisect(batch, alone);
  }
  const since = failingSince ?? batch.history.firstFailedAt ?? now;
  return isExhausted(Math.max(batch.openedAt, since), now, retry)
    ? { action: 'drop', reason: 'retry_exhausted' }
    : { action: 'retry' };
}

function bisect<B extends LogBatch>(batch: QueuedBatch<B>, alone: boolean): Disposition {
  const isWorthIt = !alone && mayHalve(batch.history.search, batch.contents.records);
  return isWorthIt ? { action: 'halve' } : { action: 'drop', reason: 'rejected' };
}
