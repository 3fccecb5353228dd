/** The loop that owns the exporter: it takes batches from the queue, sends them and decides what happens next. */

import type { Clock } from '../common/clock.ts';
import type { DropReason } from '../common/errors.ts';
import type { SeverityCounts } from '../common/severity-counts.ts';
import { attempted, failed, haveOthersPassed, heldBackUntil } from '../queue/delivery-history.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { BatchSource } from '../queue/queue-contract.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { disposeOf, type RetrySettings } from './disposition.ts';
import { Evidence, Probes } from './evidence.ts';
import { FlushRequests, type FlushResult, type Patience, Silence } from './flush-requests.ts';
import { type Attempt, notBeforeOf, type Permit, type Recovery, waitMillis } from './recovery.ts';
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
import { Turns } from './turns.ts';

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
  /** Aborts the requests in progress. */
  #requests = new AbortController();
  readonly #silence = new Silence();
  readonly #turns: Turns;
  #activeExports = 0;
  #deliveries = 0;
  /** Consecutive attempts that ended in silence. */
  #silences = 0;
  /** Start of the last request that tested the destination. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #retries = true;
  /** Nothing is sent while it is `suspended`, until it is resumed, or `paused`, for good. */
  #mode: 'sending' | 'suspended' | 'paused' = 'sending';
  #isStopped = false;

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
    this.#turns = new Turns(clock, () => this.#turn());
    this.#flushes = new FlushRequests(clock);
    this.#concurrency = new ConcurrencyLimit(settings.concurrency.start, settings.concurrency.max);
  }

  /** Schedules a turn. Cheap and idempotent. */
  wake(): void {
    this.#turns.soon();
  }

  /**
   * Sends everything admitted so far without delays. Begins with one attempt, even while the breaker is open, unless the
   * server asked for time. Concurrent flushes share forced attempts. Never rejects.
   * @param isEnd the last flush always forces an attempt; others only after the initial delay since the last test, and
   *   without waiting for its answer if an earlier flush has waited as long in vain.
   */
  flush(timeoutMillis: number, isEnd: boolean, patience: Patience = 'retries'): Promise<FlushResult> {
    if (this.#mode === 'suspended') this.#mode = 'sending';
    const upTo = this.#source.seal();
    if (this.#source.oldestSequence > upTo) return Promise.resolve('done');
    this.#source.retryNow();
    const now = this.#clock.now();
    if (isEnd || now - this.#askedAt >= this.#settings.retry.initialDelayMillis) {
      this.#recovery.askNow(now, isEnd);
    }
    const isInVain = !isEnd && this.#silence.outlasts(timeoutMillis);
    const flush = this.#flushes.add(upTo, timeoutMillis, isInVain ? 'none' : patience, isEnd);
    // Synchronously: otherwise a disk could take all batches before one was sent to test the destination.
    if (isEnd) this.#turn();
    else this.wake();
    return flush.then((result) => {
      if (result === 'timeout' && this.#activeExports > 0) this.#silence.waited(timeoutMillis);
      return result;
    });
  }

  stopRetrying(): void {
    this.#retries = false;
  }

  /**
   * Gives up the requests in progress, as far as they can be cancelled, and sends nothing until `resume` or `flush`:
   * connections would keep a finished process alive.
   */
  suspend(): void {
    if (this.#mode === 'sending') this.#mode = 'suspended';
    this.#requests.abort(new Error('the process is about to end'));
    this.#requests = new AbortController();
  }

  get isExporting(): boolean {
    return this.#activeExports > 0;
  }

  resume(): void {
    if (this.#mode === 'suspended') this.#mode = 'sending';
    this.wake();
  }

  /** Sends nothing more and releases all flushes; exports in progress may still end. */
  pause(): void {
    this.#mode = 'paused';
    this.#flushes.release();
  }

  /** Ends all work immediately: batches without a copy on disk, queued or in flight, are dropped as `shutdown`. */
  stop(): void {
    this.#isStopped = true;
    this.#requests.abort(new Error('the processor was shut down'));
    this.#turns.stop();
    this.#source.discard('shutdown');
    this.#flushes.release();
  }

  #turn(): void {
    this.#turns.began();
    if (this.#isStopped) return;
    const now = this.#clock.now();
    this.#noticeFreeze(now);
    this.#sendWhatIsDue(now);
    const isAwaited = this.#activeExports > 0;
    const askAt = isAwaited ? 0 : notBeforeOf(this.#permit(now));
    const isOpen = !isAwaited && this.#recovery.isWaitingForProbe(now);
    this.#flushes.update(this.#source.oldestSequence, askAt, isOpen);
    this.#sleep(now);
  }

  #noticeFreeze(now: number): void {
    const frozenMillis = this.#turns.frozenMillis(now);
    if (frozenMillis > 0) this.#recovery.timeJumped(frozenMillis, now);
  }

  /** One batch per turn: building a request blocks the event loop for a while. */
  #sendWhatIsDue(now: number): void {
    if (this.#mode !== 'sending') return;
    const permit = this.#permit(now);
    if (permit.kind === 'not yet') return;
    const isAlone = permit.kind === 'alone';
    const othersWait = this.#activeExports + 1 >= this.#concurrency.current;
    const batch = this.#source.take(
      now,
      { othersWait, ...this.#probes.size(permit, this.#sizeLimit.maxBytes(now)) },
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
    const { signal } = this.#requests;
    let outcome: Outcome;
    try {
      outcome = await this.#sender.send(batch.contents, signal, hints);
    } catch (error) {
      // Senders must not reject; the loop survives one that does.
      outcome = { kind: 'unserializable', error };
    }
    const wasFull = this.#activeExports >= this.#concurrency.current;
    this.#activeExports--;
    if (search !== undefined) search.isUnderWay = false;
    // `stop` has already accounted for the batch.
    if (this.#isStopped) return;
    const now = this.#clock.now();
    this.#noticeFreeze(now);
    const wasInterrupted = this.#recovery.isInterrupted(attempt);
    const wasGivenUp = (error: unknown) => signal.aborted && error === signal.reason;
    if (outcome.kind === 'retryable' && (wasInterrupted || wasGivenUp(outcome.error))) {
      // No failure: neither the destination nor the batch is the cause.
      this.#recovery.end(attempt, { health: 'unknown', retryAfterMillis: outcome.retryAfterMillis }, now);
      if (batch.isInFlight) this.#retry(batch);
      this.wake();
      return;
    }
    const durationMillis = now - attempt.startedAt;
    const meant = this.#evidence.interpret(outcome, batch.contents);
    this.#learn(batch, meant, attempt, now);
    this.#silence.ended(meant.kind === 'retryable', durationMillis);
    const isProof = meant.kind === 'delivered' && !this.#recovery.isFailing && !wasInterrupted;
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
        this.#retry(batch);
        return;
    }
  }

  #retry(batch: QueuedBatch<B>): void {
    if (this.#retries) this.#source.requeue(batch);
    else this.#source.abandon(batch, 'shutdown');
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
    // A destination that asks for time gets time first: a rate limit does not become wider for smaller requests.
    const wasInVain = retryAfterMillis === undefined || batch.history.failures > 1;
    if (lacksRoom && wasInVain) this.#sizeLimit.lackedRoom(batch.contents.bytes);
    const answer = { retryAfterMillis, refusal: refusalOf(outcome), isUnconnected };
    const counted = this.#recovery.end(attempt, { health: 'unhealthy', ...answer }, now);
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
    if (!lacksRoom) this.#sizeLimit.failed(batch.contents.bytes, now);
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
    const dueAt = this.#mode === 'sending' ? this.#source.dueAt(now) : Number.POSITIVE_INFINITY;
    const sendAt = Math.max(dueAt, notBeforeOf(this.#permit(now)));
    this.#turns.next(sendAt, now, this.#activeExports > 0);
  }
}
