/** Moves records for which the queue lacks room or time to disk, or drops them. */

import type { DropReason } from '../common/errors.ts';
import { oneRecordOf } from '../common/severity-counts.ts';
import type { AdmissionRules } from './admission-rules.ts';
import type { Amount, LogBatch } from './log-batch.ts';
import type { InFlight, Occupancy } from './occupancy.ts';
import type { QueueLimits, QueueListener } from './queue-contract.ts';
import type { QueuedBatch } from './queued-batch.ts';
import type { Spiller } from './spiller.ts';
import type { WaitingBatches } from './waiting-batches.ts';

export interface EvictedQueue<B extends LogBatch> {
  readonly limits: QueueLimits;
  readonly rules: AdmissionRules;
  readonly occupancy: Occupancy<B>;
  readonly waiting: WaitingBatches<B>;
  readonly inFlight: InFlight<B>;
  readonly listener: QueueListener;
}

/** Once the disk takes no more, batches in flight with a copy are not counted: safe records must not displace others. */
export class Eviction<B extends LogBatch> {
  readonly #queue: EvictedQueue<B>;
  readonly #spiller: Spiller<B> | undefined;

  constructor(queue: EvictedQueue<B>, spiller: Spiller<B> | undefined) {
    this.#queue = queue;
    this.#spiller = spiller;
  }

  /** Removes records until the bounds hold. */
  relieve(): void {
    const { occupancy } = this.#queue;
    if (occupancy.hasTooMany()) this.#evict('queue_full', (without) => occupancy.hasTooMany(without));
    if (occupancy.isTooHeavy()) this.#evict(this.#weightReason(), (without) => occupancy.isTooHeavy(without));
  }

  discardUnprotected(reason: DropReason): void {
    this.#discardWaiting(reason, (batch) => !batch.isProtected && batch.canLeave);
  }

  expire(openedUntil: number, reason: DropReason): void {
    this.#discardWaiting(reason, (batch) => batch.openedAt <= openedUntil && batch.isChangeable);
  }

  discard(reason: DropReason): void {
    for (const batch of [...this.#queue.inFlight]) {
      this.#queue.inFlight.remove(batch);
      this.abandon(batch, reason);
    }
    this.#discardWaiting(reason, () => true);
  }

  discardUnstored(reason: DropReason): void {
    for (const batch of [...this.#queue.inFlight]) {
      if (!batch.isChangeable) continue;
      this.#queue.inFlight.remove(batch);
      this.abandon(batch, reason);
    }
    this.#discardWaiting(reason, (batch) => batch.isChangeable);
  }

  /** The batch has left the queue: its copy stays on disk or, without one, its records are dropped. */
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
    // A flush may wait for these records.
    this.#queue.listener.wake();
  }
}
