/** The loop that owns the exporter: it takes batches from the queue, sends them and decides what happens next. */

import type { Cancel, Clock } from '../common/clock.ts';
import type { DropReason } from '../common/errors.ts';
import type { SeverityCounts } from '../common/severity-counts.ts';
import { attempted, failed, haveOthersPassed, heldBackUntil } from '../queue/delivery-history.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { BatchSource } from '../queue/queue-contract.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { disposeOf, type RetrySettings } from './disposition.ts';
import { Evidence, Probes } from './evidence.ts';
import { FlushRequests, type FlushResult } from './flush-requests.ts';
import { type Attempt, type Permit, type Recovery, waitMillis } from './recovery.ts';
import { Searches } from './search.ts';
import {
  type AttemptHints,
  destinationHealthOf,
  isBisected,
  isTimeout,
  type Outcome,
  refusalOf,
  type Sender,
} from './sender.ts';
import { SizeLimit } from './size-limit.ts';

export interface DriverSettings {
  readonly concurrency: { readonly start: number; readonly max: number };
  readonly retry: RetrySettings;
}

export interface DeliveryListener {
  /** Records are handed to the exporter for the first time. */
  passed(records: number): void;
  attempted(outcome: Outcome, durationMillis: number): void;
  /** @param ageMillis since the admission of the oldest record. */
  delivered(records: number, ageMillis: number): void;
  /** Records were dropped after they had been handed over; `severities` is undefined after a partial success. */
  dropped(reason: DropReason, records: number, wasPassed: true, severities?: SeverityCounts): void;
}

/** A timeout after at least this time means silence; an earlier one may be a failed connection. */
const SILENCE_MILLIS = 5_000;
/** Interval of checks for a freeze of the process while exports are in progress. */
const LOOK_MILLIS = 1_000;
/** A timer this late proves a freeze. */
const FROZEN_MILLIS = 2_000;
/** The concurrency limit is reached: only the end of an export changes that. */
const NOT_BY_ITSELF: Permit = { kind: 'not yet', notBefore: Number.POSITIVE_INFINITY };

export class Driver<B extends LogBatch> {
  readonly #source: BatchSource<B>;
  readonly #sender: Sender<B>;
  readonly #recovery: Recovery;
  readonly #settings: DriverSettings;
  readonly #listener: DeliveryListener;
  readonly #clock: Clock;
  readonly #flushes: FlushRequests;
  readonly #concurrency: ConcurrencyLimit;
  readonly #sizeLimit = new SizeLimit();
  readonly #evidence = new Evidence();
  readonly #probes = new Probes(this.#evidence);
  readonly #searches = new Searches();
  readonly #stop = new AbortController();
  #turnIsDue = false;
  #cancelTimer: Cancel | undefined;
  /** Due time of the timer, from which freezes are measured. */
  #turnDueAt = Number.POSITIVE_INFINITY;
  #activeExports = 0;
  #deliveries = 0;
  /** Consecutive attempts that ended in silence. */
  #silences = 0;
  /** Start of the last request that tested the destination. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #retries = true;
  #isPaused = false;

  constructor(
    source: BatchSource<B>,
    sender: Sender<B>,
    recovery: Recovery,
    settings: DriverSettings,
    listener: DeliveryListener,
    clock: Clock,
  ) {
    this.#source = source;
    this.#sender = sender;
    this.#recovery = recovery;
    this.#settings = settings;
    this.#listener = listener;
    this.#clock = clock;
    this.#flushes = new FlushRequests(clock);
    this.#concurrency = new ConcurrencyLimit(settings.concurrency.start, settings.concurrency.max);
  }

  /** Schedules a turn. Cheap and idempotent. */
  wake(): void {
    if (this.#turnIsDue || this.#stop.signal.aborted) return;
    this.#turnIsDue = true;
    this.#clock.immediate(this.#turn);
  }

  /**
   * Sends everything admitted so far without delays. Begins with one attempt, even while the breaker is open, unless the
   * server asked for time. Concurrent flushes share forced attempts. Never rejects.
   * @param isEnd the last flush always forces an attempt; others only after the initial delay since the last test.
   */
  flush(timeoutMillis: number, isEnd: boolean): Promise<FlushResult> {
    const upTo = this.#source.seal();
    if (this.#source.oldestSequence > upTo) return Promise.resolve('done');
    this.#source.retryNow();
    const now = this.#clock.now();
    if (isEnd || now - this.#askedAt >= this.#settings.retry.initialDelayMillis) {
      this.#recovery.askNow(now, isEnd);
    }
    const flush = this.#flushes.add(upTo, timeoutMillis);
    // Synchronously: otherwise a disk could take all batches before one was sent to test the destination.
    if (isEnd) this.#turn();
    else this.wake();
    return flush;
  }

  stopRetrying(): void {
    this.#retries = false;
  }

  /** Sends nothing more and releases all flushes; exports in progress may still end. */
  pause(): void {
    this.#isPaused = true;
    this.#flushes.release();
  }

  /** Ends all work immediately: batches without a copy on disk, queued or in flight, are dropped as `shutdown`. */
  stop(): void {
    this.#stop.abort(new Error('the processor was shut down'));
    this.#cancelTimer?.();
    this.#source.discard('shutdown');
    this.#flushes.release();
  }

  readonly #turn = (): void => {
    this.#turnIsDue = false;
    if (this.#stop.signal.aborted) return;
    const now = this.#clock.now();
    this.#noticeFreeze(now);
    this.#sendWhatIsDue(now);
    const isAwaited = this.#activeExports > 0;
    const askAt = isAwaited ? 0 : notBeforeOf(this.#permit(now));
    const isOpen = !isAwaited && this.#recovery.isWaitingForProbe(now);
    this.#flushes.update(this.#source.oldestSequence, askAt, isOpen);
    this.#sleep(now);
  };

  /** A timer that fires far too late shows that the process was stopped or the machine slept. */
  #noticeFreeze(now: number): void {
    const lateMillis = now - this.#turnDueAt;
    if (lateMillis <= FROZEN_MILLIS) return;
    this.#turnDueAt = Number.POSITIVE_INFINITY;
    this.#recovery.timeJumped(lateMillis, now);
  }

  /** One batch per turn: building a request blocks the event loop for a while. */
  #sendWhatIsDue(now: number): void {
    if (this.#isPaused) return;
    const permit = this.#permit(now);
    if (permit.kind === 'not yet') return;
    const isAlone = permit.kind === 'alone';
    const batch = this.#source.take(
      now,
      { maxBytes: this.#sizeLimit.maxBytes(now), ...this.#probes.size(permit) },
      isAlone ? this.#probes.passOver : undefined,
    );
    if (batch === undefined) return;
    this.#probes.chose(batch.history);
    if (isAlone) this.#askedAt = now;
    const hints = { freshConnection: isAlone && permit.needsFreshConnection, silences: this.#silences };
    void this.#send(batch, this.#recovery.begin(now), hints);
    this.wake();
  }

  async #send(batch: QueuedBatch<B>, attempt: Attempt, hints: AttemptHints): Promise<void> {
    this.#activeExports++;
    if (batch.history.attempts === 0) this.#listener.passed(batch.contents.records);
    batch.history = attempted(batch.history);
    const { search } = batch.history;
    if (search !== undefined) search.isUnderWay = true;
    let outcome: Outcome;
    try {
      outcome = await this.#sender.send(batch.contents, this.#stop.signal, hints);
    } catch (error) {
      // Senders must not reject; the loop survives one that does.
      outcome = { kind: 'unserializable', error };
    }
    const wasFull = this.#activeExports >= this.#concurrency.current;
    this.#activeExports--;
    if (search !== undefined) search.isUnderWay = false;
    // `stop` has already accounted for the batch.
    if (this.#stop.signal.aborted) return;
    const now = this.#clock.now();
    this.#noticeFreeze(now);
    const durationMillis = now - attempt.startedAt;
    const meant = this.#evidence.interpret(outcome, batch.contents);
    this.#learn(batch, meant, attempt, now);
    const isProof = meant.kind === 'delivered' && !this.#recovery.isFailing;
    if (isProof) this.#concurrency.succeeded(durationMillis, wasFull);
    this.#listener.attempted(meant, durationMillis);
    // Another process accounts for a batch that it took over; the answer is still evidence about the destination.
    if (batch.isInFlight) this.#settle(batch, meant, now);
    this.wake();
  }

  #settle(batch: QueuedBatch<B>, outcome: Outcome, now: number): void {
    const records = batch.contents.records;
    const disposition = disposeOf(outcome, batch, now, this.#recovery.failingSince, this.#settings.retry);
    switch (disposition.action) {
      case 'done':
        this.#source.settle(batch);
        this.#listener.delivered(records - disposition.rejectedRecords, now - batch.openedAt);
        if (disposition.rejectedRecords > 0) {
          this.#listener.dropped('rejected', disposition.rejectedRecords, true);
        }
        return;
      case 'drop':
        this.#searches.gaveUp(batch.history.search);
        this.#source.settle(batch);
        this.#listener.dropped(disposition.reason, records, true, batch.contents.severities());
        return;
      case 'halve':
        if (isBisected(outcome)) {
          const isSaid = outcome.kind === 'malformed';
          batch.history = this.#searches.halved(batch.history, batch.contents, isSaid);
        }
        // The back-off was for the whole batch, not for its halves.
        batch.history = heldBackUntil(batch.history, 0);
        this.#source.requeue(batch, true);
        return;
      case 'retry':
        if (this.#retries) this.#source.requeue(batch);
        else this.#source.abandon(batch, 'shutdown');
        return;
    }
  }

  #learn(batch: QueuedBatch<B>, outcome: Outcome, attempt: Attempt, now: number): void {
    const health = destinationHealthOf(outcome, batch.contents.records);
    if (health === 'unhealthy') {
      this.#learnFailure(batch, outcome, attempt, now);
      return;
    }
    const before = this.#recovery.breaker;
    this.#recovery.end(attempt, { health }, now);
    if (health !== 'healthy') return;
    if (before !== 'closed' && this.#recovery.breaker === 'closed') this.#sizeLimit.recovered();
    this.#silences = 0;
    const { bytes, records } = batch.contents;
    const { attempts } = batch.history;
    if (outcome.kind === 'delivered') {
      this.#deliveries++;
      this.#sizeLimit.taken(bytes);
      const refusedBytes = this.#searches.accepted(batch.history.search, records);
      if (refusedBytes !== undefined) {
        this.#evidence.foundLimit(bytes);
        this.#sizeLimit.refused(refusedBytes, now);
      }
    } else if (outcome.kind === 'too_large' && !outcome.isSuspected && records > 1) {
      if (attempts === 1) this.#sizeLimit.refused(bytes, now);
      else this.#sizeLimit.refusedPart(bytes, now);
    }
  }

  #learnFailure(batch: QueuedBatch<B>, outcome: Outcome, attempt: Attempt, now: number): void {
    const othersPassed = haveOthersPassed(batch.history, this.#deliveries);
    batch.history = failed(batch.history, now, this.#deliveries);
    if (isTimeout(outcome) && now - attempt.startedAt >= SILENCE_MILLIS) this.#silences++;
    const { retryAfterMillis, lacksRoom, isUnconnected } = outcome.kind === 'retryable' ? outcome : {};
    if (lacksRoom) this.#sizeLimit.lackedRoom(batch.contents.bytes);
    const refusal = refusalOf(outcome);
    const verdict = { health: 'unhealthy', retryAfterMillis, refusal, isUnconnected } as const;
    const counted = this.#recovery.end(attempt, verdict, now);
    // The destination works for others: only this batch waits, just long enough for others to go first.
    if (othersPassed && this.#recovery.askAt === undefined) {
      const waitsMillis = 2 * this.#settings.retry.initialDelayMillis;
      const millis = waitMillis(0, waitsMillis, waitsMillis, this.#clock.random());
      batch.history = heldBackUntil(batch.history, now + millis);
    }
    if (!counted) return;
    this.#concurrency.failed();
    if (!this.#recovery.isFailing) return;
    this.#concurrency.restart();
    this.#giveUpExpired(now);
  }

  /** Applies to all waiting batches, tried or not: counted from their admission or from the start of the outage. */
  #giveUpExpired(now: number): void {
    const { maxElapsedMillis } = this.#settings.retry;
    const openedUntil = now - maxElapsedMillis;
    // With `maxElapsedMillis` 0 every batch is tried once.
    if (maxElapsedMillis > 0 && (this.#recovery.failingSince ?? now) <= openedUntil) {
      this.#source.expire(openedUntil, 'retry_exhausted');
    }
  }

  #permit(now: number): Permit {
    // Without retries there is nothing to back off from.
    if (!this.#retries && this.#recovery.breaker === 'closed') this.#recovery.askNow(now, false);
    const permit = this.#recovery.permit(now);
    const isFull = this.#activeExports >= this.#concurrency.current;
    return permit.kind === 'free' && isFull ? NOT_BY_ITSELF : permit;
  }

  /** Sets the timer for the next event that only time causes; all others call `wake`. */
  #sleep(now: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const sendAt = this.#isPaused
      ? Number.POSITIVE_INFINITY
      : Math.max(this.#source.dueAt(now), notBeforeOf(this.#permit(now)));
    const lookAt = this.#activeExports > 0 ? now + LOOK_MILLIS : Number.POSITIVE_INFINITY;
    const at = Math.min(sendAt, lookAt);
    this.#turnDueAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#clock.timer(this.#turn, at - now, false, lookAt < sendAt);
  }
}

function notBeforeOf(permit: Permit): number {
  return permit.kind === 'not yet' ? permit.notBefore : 0;
}
