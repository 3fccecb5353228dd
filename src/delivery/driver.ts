/** The one loop that owns the exporter: it takes batches from the queue, sends them, and decides what is next. */

import type { Cancel, Clock } from '../clock.ts';
import type { DropReason } from '../errors.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import type { SeverityCounts } from '../severity-counts.ts';
import type { BatchSource } from './batch-source.ts';
import type { CircuitBreaker } from './breaker.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { BISECT_REQUESTS, bisectRequests, disposeOf } from './disposition.ts';
import { FlushRequests, type FlushResult } from './flush-requests.ts';
import { backoffMillis, type RetrySettings } from './retry.ts';
import { healthOf, type Outcome, type Sender } from './sender.ts';
import { SizeLimit } from './size-limit.ts';

export interface DriverSettings {
  /** Exports at once, at first and at most. */
  readonly concurrency: { readonly start: number; readonly max: number };
  readonly retry: RetrySettings;
}

/** What the driver tells of its work; it knows nothing of who counts it. */
export interface DeliveryListener {
  /** Records are handed to the exporter for the first time. */
  passed(records: number): void;
  /** An attempt ended. */
  attempted(outcome: Outcome, durationMillis: number): void;
  /** A batch arrived; `ageMillis` is the time since its oldest record was admitted. */
  delivered(records: number, ageMillis: number): void;
  /** Records were given up after they had been handed to the exporter. A partial success does not say which. */
  dropped(reason: DropReason, records: number, wasPassed: true, severities?: SeverityCounts): void;
}

/** A probe asks whether the destination is back; it need not carry more than that takes. */
const PROBE_RECORDS = 32;

/** A batch that failed this often in a row gives way to another every other time. */
const STUCK_FAILURES = 3;

export class Driver<B extends LogBatch> {
  readonly #source: BatchSource<B>;
  readonly #sender: Sender<B>;
  readonly #breaker: CircuitBreaker;
  readonly #settings: DriverSettings;
  readonly #listener: DeliveryListener;
  readonly #clock: Clock;
  readonly #flushes: FlushRequests;
  readonly #concurrency: ConcurrencyLimit;
  readonly #sizeLimit = new SizeLimit();
  readonly #stop = new AbortController();
  #turnIsDue = false;
  #cancelTimer: Cancel | undefined;
  #activeExports = 0;
  #deliveries = 0;
  /** Failures in a row of the destination, over all batches … */
  #failuresInARow = 0;
  /** … and of those, the ones the back-off counts, which a flush starts afresh. */
  #failures = 0;
  /** Nothing is sent before this time: our own back-off, which a flush cuts short … */
  #backoffUntil = 0;
  /** … and the destination's wish (Retry-After), which it does not. */
  #retryAfter = 0;
  /** Whether the destination is asked once although the breaker is open: a flush or an end wants to know. */
  #asksAnyway = false;
  /** When a destination that failed was last asked again. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #bisectAllowance = Number.POSITIVE_INFINITY;
  #retries = true;
  #isPaused = false;

  constructor(
    source: BatchSource<B>,
    sender: Sender<B>,
    breaker: CircuitBreaker,
    settings: DriverSettings,
    listener: DeliveryListener,
    clock: Clock,
  ) {
    this.#source = source;
    this.#sender = sender;
    this.#breaker = breaker;
    this.#settings = settings;
    this.#listener = listener;
    this.#clock = clock;
    this.#flushes = new FlushRequests(clock);
    this.#concurrency = new ConcurrencyLimit(settings.concurrency.start, settings.concurrency.max);
  }

  /** Failures of the destination since it last answered. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** There is something new to look at. Cheap and harmless however often it is called. */
  wake(): void {
    if (this.#turnIsDue || this.#stop.signal.aborted) return;
    this.#turnIsDue = true;
    this.#clock.immediate(this.#turn);
  }

  /**
   * Sends what was admitted so far without waiting for delays or back-offs, and asks a destination once that is
   * known to be down. Never rejects.
   * @param isEnd whether there is no time to wait for an open breaker's next probe.
   */
  flush(timeoutMillis: number, isEnd: boolean): Promise<FlushResult> {
    const upTo = this.#source.seal();
    if (this.#source.oldestSequence > upTo) return Promise.resolve('done');
    this.#source.hasten();
    this.#askSoon(isEnd);
    this.wake();
    return this.#flushes.add(upTo, timeoutMillis, !isEnd);
  }

  /** From now on a batch that fails is not tried again by this process. */
  giveUpRetries(): void {
    this.#retries = false;
  }

  /** Nothing more is sent, and no flush waits any longer; what is in flight may still end. */
  pause(): void {
    this.#isPaused = true;
    this.#flushes.update(Number.POSITIVE_INFINITY, 0, false);
  }

  /** Ends all work at once: what is queued or in flight, and has no copy on disk, is dropped as `shutdown`. */
  stop(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(new Error('the processor was shut down'));
    this.#cancelTimer?.();
    this.#source.discard('shutdown');
    this.#flushes.update(Number.POSITIVE_INFINITY, 0, false);
  }

  readonly #turn = (): void => {
    this.#turnIsDue = false;
    if (this.#stop.signal.aborted) return;
    const now = this.#clock.now();
    if (this.#flushes.size === 0) this.#asksAnyway = false;
    this.#sendWhatIsDue(now);
    if (this.#flushes.size > 0) {
      const permittedAt = this.#activeExports > 0 ? 0 : this.#permittedAt(now);
      const availableAt = this.#activeExports > 0 ? 0 : Math.max(this.#retryAfter, permittedAt);
      this.#flushes.update(this.#source.oldestSequence, availableAt, permittedAt > now);
    }
    this.#sleep(now);
  };

  /** One batch in each turn: making a request of it takes a while, in which nothing else gets on. */
  #sendWhatIsDue(now: number): void {
    if (this.#isPaused || this.#activeExports >= this.#concurrency.current || this.#openAt(now) > now) return;
    const isProbe = this.#breaker.permit(now, this.#asksAnyway) === 'probe';
    const batch = this.#source.take(
      now,
      { maxBytes: this.#sizeLimit.maxBytes, ...(isProbe && { maxRecords: PROBE_RECORDS }) },
      // Every other time, so that a destination that is down still gets the oldest records first.
      this.#failures % 2 === 1 ? (candidate) => candidate.failures >= STUCK_FAILURES : undefined,
    );
    if (batch === undefined) return;
    if (isProbe) {
      this.#breaker.probing();
      this.#asksAnyway = false;
    }
    if (isProbe || this.#failuresInARow > 0) this.#askedAt = now;
    void this.#send(batch, now);
    this.wake();
  }

  async #send(batch: QueuedBatch<B>, startedAt: number): Promise<void> {
    this.#activeExports++;
    if (batch.attempts++ === 0) this.#listener.passed(batch.contents.records);
    let outcome: Outcome;
    try {
      outcome = await this.#sender.send(batch.contents, this.#stop.signal);
    } catch (error) {
      // A sender does not reject; one that does must not take the loop with it.
      outcome = { kind: 'unserializable', error };
    }
    const wasFull = this.#activeExports >= this.#concurrency.current;
    this.#activeExports--;
    // After `stop` the batch is accounted for, and whatever its fate was comes too late.
    if (this.#stop.signal.aborted) return;
    // One that another process has taken over is none of ours any more; what it says of the destination holds.
    if (this.#source.isInFlight(batch)) this.#settle(batch, outcome, startedAt, wasFull);
    else this.#learn(batch, outcome, this.#clock.now());
    this.wake();
  }

  #settle(batch: QueuedBatch<B>, outcome: Outcome, startedAt: number, wasFull: boolean): void {
    const now = this.#clock.now();
    const durationMillis = now - startedAt;
    this.#learn(batch, outcome, now);
    if (outcome.kind === 'delivered') this.#concurrency.succeeded(durationMillis, wasFull);
    this.#listener.attempted(outcome, durationMillis);
    const records = batch.contents.records;
    const disposition = disposeOf(outcome, batch, now, this.#settings.retry);
    switch (disposition.action) {
      case 'done':
        this.#source.settle(batch);
        this.#listener.delivered(records - disposition.rejectedRecords, now - batch.openedAt);
        if (disposition.rejectedRecords > 0) {
          this.#listener.dropped('rejected', disposition.rejectedRecords, true);
        }
        return;
      case 'drop':
        // Spending a whole budget on a destination that finds everything malformed helps nobody.
        if (isBisected(outcome)) {
          this.#bisectAllowance = Math.max(2, Math.min(BISECT_REQUESTS, this.#bisectAllowance) >> 1);
        }
        this.#source.settle(batch);
        this.#listener.dropped(disposition.reason, records, true, batch.contents.severities());
        return;
      case 'halve':
        if (isBisected(outcome)) {
          batch.bisect ??= { remaining: Math.min(this.#bisectAllowance, bisectRequests(records)) };
          batch.bisect.remaining -= 2;
        }
        this.#source.giveBack(batch, true);
        return;
      case 'retry':
        if (this.#retries) this.#source.giveBack(batch);
        else this.#source.giveUp(batch, 'shutdown');
        return;
    }
  }

  /** Draws from an outcome what it says of the destination and of the batch. */
  #learn(batch: QueuedBatch<B>, outcome: Outcome, now: number): void {
    switch (healthOf(outcome)) {
      case 'well':
        this.#breaker.succeeded();
        this.#failuresInARow = 0;
        this.#failures = 0;
        this.#backoffUntil = 0;
        if (outcome.kind === 'delivered') {
          this.#deliveries++;
          this.#bisectAllowance = Number.POSITIVE_INFINITY;
          this.#sizeLimit.taken(batch.contents.bytes);
        } else if (outcome.kind === 'too_large' && batch.attempts === 1 && batch.contents.records > 1) {
          // Not from its halves: where one record is at fault, they are refused down to that record, which is
          // no measure for what others can be sent in.
          this.#sizeLimit.refused(batch.contents.bytes);
        }
        return;
      case 'unknown':
        // One bad record among good ones is an accident; an exporter that throws on everything is broken.
        if (outcome.kind === 'unserializable' && batch.contents.records <= 1) this.#breaker.failed(now);
        else this.#breaker.inconclusive(now);
        return;
      case 'ill':
        this.#learnFailure(batch, outcome, now);
    }
  }

  #learnFailure(batch: QueuedBatch<B>, outcome: Outcome, now: number): void {
    if (outcome.kind === 'retryable' && outcome.retryAfterMillis !== undefined) {
      this.#retryAfter = Math.max(this.#retryAfter, now + outcome.retryAfterMillis);
    }
    this.#concurrency.failed();
    this.#breaker.failed(now, this.#retryAfter);
    const othersPassed = batch.failures > 0 && this.#deliveries > batch.deliveriesAtLastFailure;
    batch.firstFailedAt ??= now;
    batch.deliveriesAtLastFailure = this.#deliveries;
    batch.failures++;
    const random = this.#clock.random();
    if (othersPassed) {
      // The destination works for others, so only this batch waits.
      batch.failuresWhileOthersPassed++;
      if (this.#breaker.state === 'closed') {
        batch.notBefore = now + backoffMillis(batch.failures, this.#settings.retry, random);
      }
    } else {
      this.#failuresInARow++;
      this.#failures++;
      this.#backoffUntil = now + backoffMillis(this.#failures, this.#settings.retry, random);
    }
  }

  /** Flushes in a loop must not become requests in a loop; an end comes only once. */
  #askSoon(isEnd: boolean): void {
    const now = this.#clock.now();
    const mayAskAt = isEnd ? now : this.#askedAt + this.#settings.retry.initialDelayMillis;
    this.#failures = 0;
    if (mayAskAt > now) {
      this.#backoffUntil = Math.min(this.#backoffUntil, mayAskAt);
      return;
    }
    // A probe under way may have begun long ago: an end asks again when it has failed.
    this.#asksAnyway = isEnd ? this.#breaker.state !== 'closed' : this.#breaker.state === 'open';
    this.#backoffUntil = 0;
  }

  /** When the breaker lets something through; 0 when it does so now. */
  #permittedAt(now: number): number {
    const permit = this.#breaker.permit(now, this.#asksAnyway);
    return typeof permit === 'object' ? permit.notBefore : 0;
  }

  /** When the destination may be called, as far as the driver decides that. */
  #openAt(now: number): number {
    // Where nothing is tried again there is nothing to back off from. While the breaker is not closed, its time is
    // the only one, as it is the one that people are told.
    const backsOff = this.#retries && this.#breaker.state === 'closed';
    const backoffUntil = backsOff ? this.#backoffUntil : 0;
    return Math.max(backoffUntil, this.#retryAfter, this.#permittedAt(now));
  }

  /** Sets the timer for the next thing that happens by itself; everything else calls `wake`. */
  #sleep(now: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#isPaused || this.#activeExports >= this.#concurrency.current) return;
    const at = Math.max(this.#source.dueAt(now), this.#openAt(now));
    if (at !== Number.POSITIVE_INFINITY) this.#cancelTimer = this.#clock.timer(this.#turn, at - now);
  }
}

/** Whether finding out which record is at fault costs requests of a budget. */
function isBisected(outcome: Outcome): boolean {
  return outcome.kind === 'malformed' || outcome.kind === 'ambiguous';
}
