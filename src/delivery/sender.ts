/** The interface for sending a batch, all outcomes of an attempt, and the limit of its duration. */

import { type Clock, timeLimit } from '../common/clock.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { Refusal } from './immediate-retries.ts';

/** Outcomes are data: a sender never rejects. */
export type Outcome =
  /** The destination accepted all records but `rejectedRecords` (an OTLP partial success). */
  | { readonly kind: 'delivered'; readonly rejectedRecords: number; readonly message?: string }
  /** May pass. `retryAfterMillis`: delay requested by the destination. */
  | {
      readonly kind: 'retryable';
      readonly error: unknown;
      readonly retryAfterMillis?: number;
      readonly lacksRoom?: boolean;
      /** The exporter's channel refused: it backs off on its own before it connects again. */
      readonly isUnconnected?: boolean;
    }
  /** About the destination (its configuration or health) or about this batch: only the fate of other batches can tell. */
  | { readonly kind: 'ambiguous'; readonly error: unknown }
  /** Refused as malformed: for one bad record, or for a body over a limit that the destination does not mention. */
  | { readonly kind: 'malformed'; readonly error: unknown }
  /**
   * Refused by the destination or, with `wasSent` false, by our own limit, which says nothing about the destination.
   * `isSuspected`: inferred, because only requests larger than any accepted one are refused.
   */
  | {
      readonly kind: 'too_large';
      readonly error: unknown;
      readonly wasSent?: false;
      readonly isSuspected?: boolean;
    }
  /** The exporter threw: it could not build a request. */
  | { readonly kind: 'unserializable'; readonly error: unknown }
  /** Refused permanently. */
  | { readonly kind: 'rejected'; readonly error: unknown };

/** Hints while the destination is in doubt; senders may ignore them. */
export interface AttemptHints {
  /** Connections used before may lead to a dead upstream. */
  readonly freshConnection: boolean;
  /** Consecutive earlier attempts that ended in silence: a destination that became slow needs more time, not less. */
  readonly silences: number;
}

export interface Sender<B extends LogBatch> {
  /**
   * @param signal aborts when the result is no longer needed.
   * @param hints default: the destination is healthy.
   * @returns a promise that never rejects, but may stay pending while the destination hangs.
   */
  send(batch: B, signal: AbortSignal, hints?: AttemptHints): Promise<Outcome>;
}

export function destinationHealthOf(outcome: Outcome, records: number): 'healthy' | 'unhealthy' | 'unknown' {
  switch (outcome.kind) {
    case 'delivered':
    case 'malformed':
    case 'rejected':
      return 'healthy';
    case 'too_large':
      return outcome.wasSent === false ? 'unknown' : 'healthy';
    case 'retryable':
    case 'ambiguous':
      return 'unhealthy';
    case 'unserializable':
      // One bad record among good ones is an accident; an exporter that throws on a single record may be broken.
      return records <= 1 ? 'unhealthy' : 'unknown';
  }
}

/** Whether halving after this outcome counts against the budget of a search. */
export function isBisected(outcome: Outcome): boolean {
  return outcome.kind === 'malformed' || outcome.kind === 'ambiguous';
}

export function refusalOf(outcome: Outcome): Refusal | undefined {
  if (outcome.kind === 'ambiguous') return 'meant';
  return outcome.kind === 'retryable' && outcome.lacksRoom ? 'room' : undefined;
}

export function isTimeout(outcome: Outcome): boolean {
  return outcome.kind === 'retryable' && (outcome.error as { code?: unknown } | null)?.code === 'ETIMEDOUT';
}

/** Most exporters cannot be cancelled: one that timed out keeps its slot this long, so a late success is not sent twice. */
export const GRACE_MILLIS = 5_000;

/** Bounds the duration of an attempt; the next one does not overlap it during a grace period. */
export class TimeoutSender<B extends LogBatch> implements Sender<B> {
  readonly #inner: Sender<B>;
  readonly #timeoutMillis: number;
  readonly #clock: Clock;

  /** @param timeoutMillis 0 for no limit. */
  constructor(inner: Sender<B>, timeoutMillis: number, clock: Clock) {
    this.#inner = inner;
    this.#timeoutMillis = timeoutMillis;
    this.#clock = clock;
  }

  send(batch: B, signal: AbortSignal, hints?: AttemptHints): Promise<Outcome> {
    if (this.#timeoutMillis === 0) return this.#inner.send(batch, signal, hints);
    return new Promise((resolve) => {
      const attempt = new AbortController();
      const abort = () => attempt.abort(signal.reason);
      const timedOut = () => {
        const message = `export timed out after ${this.#timeoutMillis} ms`;
        const error = Object.assign(new Error(message), { code: 'ETIMEDOUT' });
        attempt.abort(error);
        cancel = timeLimit(GRACE_MILLIS, this.#clock, () => finish({ kind: 'retryable', error }));
      };
      let cancel = timeLimit(this.#timeoutMillis, this.#clock, timedOut);
      const finish = (outcome: Outcome) => {
        cancel();
        signal.removeEventListener('abort', abort);
        resolve(outcome);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#inner
        .send(batch, attempt.signal, hints)
        .then(finish, (error: unknown) => finish({ kind: 'unserializable', error }));
    });
  }
}
