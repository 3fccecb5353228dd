/** What becomes of records that the queue has no room for, or no time: stored if they can be, and lost if not. */

import type { DropReason } from '../common/errors.ts';
import { oneRecordOf } from '../common/severity-counts.ts';
import type { AdmissionRules } from './admission-rules.ts';
import type { InFlight } from './in-flight.ts';
import type { LogBatch } from './log-batch.ts';
import type { Occupancy } from './occupancy.ts';
import type { Amount, QueueLimits, QueueListener } from './queue-contract.ts';
import type { QueuedBatch } from './queued-batch.ts';
import type { Spiller } from './spiller.ts';
import type { WaitingBatches } from './waiting-batches.ts';

/** What is evicted from. */
export interface EvictedQueue<B extends LogBatch> {
  readonly limits: QueueLimits;
  readonly rules: AdmissionRules;
  readonly occupancy: Occupancy<B>;
  readonly waiting: WaitingBatches<B>;
  readonly inFlight: InFlight<B>;
  readonly listener: QueueListener;
}

/**
 * Memory is kept within the bounds as long as the disk takes what is too much. Where it does not, what is in flight and
 * has a copy on disk is left out of the count: no record is lost because of others that are safe.
 */
export class Eviction<B extends LogBatch> {
  readonly #queue: EvictedQueue<B>;
  /** What takes records instead of losing them; undefined where there is no disk. */
  readonly #spiller: Spiller<B> | undefined;

  constructor(queue: EvictedQueue<B>, spiller: Spiller<B> | undefined) {
    this.#queue = queue;
    this.#spiller = spiller;
  }

  /** Gives up records until the bounds hold. */
  relieve(): void {
    const { occupancy } = this.#queue;
    if (occupancy.hasTooMany()) this.#evict('queue_full', (without) => occupancy.hasTooMany(without));
    if (occupancy.isTooHeavy()) this.#evict(this.#weightReason(), (without) => occupancy.isTooHeavy(without));
  }

  /** Gives up what is not protected and not in flight. */
  discardUnprotected(reason: DropReason): void {
    this.#discardWaiting(reason, (batch) => !batch.isProtected && batch.canLeave);
  }

  /** Gives up what was opened at `openedUntil` or before and is neither in flight nor on disk. */
  expire(openedUntil: number, reason: DropReason): void {
    this.#discardWaiting(reason, (batch) => batch.openedAt <= openedUntil && batch.isChangeable);
  }

  /** Gives up everything, in flight or not. */
  discard(reason: DropReason): void {
    for (const batch of [...this.#queue.inFlight]) {
      this.#queue.inFlight.remove(batch);
      this.abandon(batch, reason);
    }
    this.#discardWaiting(reason, () => true);
  }

  /** Gives up everything that is not on disk, nor on its way there. */
  discardUnstored(reason: DropReason): void {
    for (const batch of [...this.#queue.inFlight]) {
      if (!batch.isChangeable) continue;
      this.#queue.inFlight.remove(batch);
      this.abandon(batch, reason);
    }
    this.#discardWaiting(reason, (batch) => batch.isChangeable);
  }

  /** A batch that is not in the queue any more is the disk's, or lost. */
  abandon(batch: QueuedBatch<B>, reason: DropReason): void {
    const { copy, contents } = batch;
    batch.end();
    if (copy !== undefined) copy.release();
    else
      this.#queue.listener.dropped(
        reason,
        contents.records,
        batch.history.attempts > 0,
        contents.severities(),
      );
  }

  #weightReason(): DropReason {
    const { limits, rules } = this.#queue;
    return rules.maxBytes < limits.maxQueueBytes ? 'memory_limit' : 'queue_full';
  }

  #discardWaiting(reason: DropReason, isUnwanted: (batch: QueuedBatch<B>) => boolean): void {
    for (const batch of [...this.#queue.waiting]) {
      if (!isUnwanted(batch)) continue;
      this.#queue.waiting.remove(batch);
      this.abandon(batch, reason);
    }
    this.#queue.listener.wake();
  }

  #evict(reason: DropReason, isTooMuch: (without?: Amount) => boolean): void {
    this.#spiller?.makeRoom(isTooMuch);
    const end = this.#queue.limits.overflow === 'drop-newest' ? 'newest' : 'oldest';
    const { stored } = this.#queue.inFlight;
    while (isTooMuch(stored)) {
      const victim = this.#queue.waiting.victim(end);
      if (victim === undefined) break;
      const severity = victim.contents.severityAt(end);
      this.#queue.waiting.evictOne(victim, end);
      this.#queue.listener.dropped(reason, 1, victim.history.attempts > 0, oneRecordOf(severity));
    }
    // A flush may have waited for just these.
    this.#queue.listener.wake();
  }
}
