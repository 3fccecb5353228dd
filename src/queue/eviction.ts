/** What becomes of records that the queue has no room for, or no time: stored if they can be, and lost if not. */

import type { DropReason } from '../common/errors.ts';
import { oneRecordOf } from '../common/severity-counts.ts';
import type { AdmissionRules } from './admission-rules.ts';
import type { InFlight } from './in-flight.ts';
import type { LogBatch } from './log-batch.ts';
import type { Amount, QueueLimits, QueueListener } from './queue-contract.ts';
import type { QueuedBatch } from './queued-batch.ts';
import type { WaitingBatches } from './waiting-batches.ts';

const NOTHING: Amount = { records: 0, bytes: 0 };

/**
 * Memory is kept within the bounds as long as the disk takes what is too much. Where it does not, what is in flight and
 * has a copy on disk is left out of the count: no record is lost because of others that are safe.
 */
export class Eviction<B extends LogBatch> {
  readonly #limits: QueueLimits;
  readonly #rules: AdmissionRules;
  readonly #waiting: WaitingBatches<B>;
  readonly #inFlight: InFlight<B>;
  readonly #listener: QueueListener;
  /** False when the waiting batches were looked through in vain: that is too much to do for each record. */
  #mayBeReleasable = false;

  constructor(
    limits: QueueLimits,
    rules: AdmissionRules,
    waiting: WaitingBatches<B>,
    inFlight: InFlight<B>,
    listener: QueueListener,
  ) {
    this.#limits = limits;
    this.#rules = rules;
    this.#waiting = waiting;
    this.#inFlight = inFlight;
    this.#listener = listener;
  }

  /** Gives up records until the bounds hold. */
  relieve(): void {
    if (this.#hasTooMany(NOTHING)) this.#evict('queue_full', (without) => this.#hasTooMany(without));
    if (!this.#isTooHeavy(NOTHING)) return;
    const isRestricted = this.#rules.maxBytes < this.#limits.maxQueueBytes;
    this.#evict(isRestricted ? 'memory_limit' : 'queue_full', (without) => this.#isTooHeavy(without));
  }

  /** Has the disk take what it can, as long as it is too much. */
  makeRoom(isTooMuch: () => boolean): void {
    if (this.#listener.makeRoom === undefined) return;
    this.releaseStored(isTooMuch);
    while (isTooMuch() && this.#listener.makeRoom()) this.releaseStored(isTooMuch);
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
    for (const batch of [...this.#inFlight]) {
      this.#inFlight.remove(batch);
      this.abandon(batch, reason);
    }
    this.#discardWaiting(reason, () => true);
  }

  /** Gives up everything that is not on disk, nor on its way there. */
  discardUnstored(reason: DropReason): void {
    for (const batch of [...this.#inFlight]) {
      if (!batch.isChangeable) continue;
      this.#inFlight.remove(batch);
      this.abandon(batch, reason);
    }
    this.#discardWaiting(reason, (batch) => batch.isChangeable);
  }

  /** A batch that is not in the queue any more is the disk's, or lost. */
  abandon(batch: QueuedBatch<B>, reason: DropReason): void {
    const { copy, contents } = batch;
    batch.end();
    if (copy !== undefined) copy.release();
    else this.#listener.dropped(reason, contents.records, batch.history.attempts > 0, contents.severities());
  }

  /** A waiting batch with a copy on disk leaves memory. */
  release(batch: QueuedBatch<B>): void {
    const { copy } = batch;
    if (copy === undefined) return;
    this.#waiting.remove(batch);
    batch.end();
    copy.release();
  }

  /** Frees the memory of what is on disk as well, oldest first, as long as it is too much. */
  releaseStored(isTooMuch: () => boolean): void {
    if (!this.#mayBeReleasable || !isTooMuch()) return;
    for (const batch of [...this.#waiting]) {
      if (!isTooMuch()) return;
      if (batch.copy?.isReleasable) this.release(batch);
    }
    this.#mayBeReleasable = false;
  }

  /** Something became of a batch, so that it, or another part of it, may be releasable now. */
  noteBatch(): void {
    this.#mayBeReleasable = true;
  }

  #discardWaiting(reason: DropReason, isUnwanted: (batch: QueuedBatch<B>) => boolean): void {
    for (const batch of [...this.#waiting]) {
      if (!isUnwanted(batch)) continue;
      this.#waiting.remove(batch);
      this.abandon(batch, reason);
    }
    this.#listener.wake();
  }

  #hasTooMany(without: Amount): boolean {
    return this.#waiting.records + this.#inFlight.records - without.records > this.#limits.maxQueueSize;
  }

  #isTooHeavy(without: Amount): boolean {
    return this.#waiting.bytes + this.#inFlight.bytes - without.bytes > this.#rules.maxBytes;
  }

  #evict(reason: DropReason, isTooMuch: (without: Amount) => boolean): void {
    this.makeRoom(() => isTooMuch(NOTHING));
    const end = this.#limits.overflow === 'drop-newest' ? 'newest' : 'oldest';
    const { stored } = this.#inFlight;
    while (isTooMuch(stored)) {
      const victim = this.#waiting.victim(end);
      if (victim === undefined) break;
      const severity = victim.contents.severityAt(end);
      this.#waiting.evictOne(victim, end);
      this.#listener.dropped(reason, 1, victim.history.attempts > 0, oneRecordOf(severity));
    }
    // A flush may have waited for just these.
    this.#listener.wake();
  }
}
