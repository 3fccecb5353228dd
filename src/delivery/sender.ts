/** The one verb of delivery, and everything that can come of it. */

import type { LogBatch } from '../queue/log-batch.ts';
import type { Refusal } from './immediate-retries.ts';

/** What became of one attempt to send a batch. Outcomes are data: a sender does not reject. */
export type Outcome =
  /** The destination has it; `rejectedRecords` of it were refused (an OTLP partial success). */
  | { readonly kind: 'delivered'; readonly rejectedRecords: number; readonly message?: string }
  /** It may pass by itself. `retryAfterMillis`: the destination's own wish, not to be called earlier. */
  | {
      readonly kind: 'retryable';
      readonly error: unknown;
      readonly retryAfterMillis?: number;
      /** Whether the destination said that it has no room now. */
      readonly lacksRoom?: boolean;
      /** By a channel that connects when a back-off of its own allows it, and refuses meanwhile whatever it is asked. */
      readonly isUnconnected?: boolean;
    }
  /**
   * Refused in a way that may be about the destination (its configuration, its health) or about this
   * batch. Only the fate of other batches can tell.
   */
  | { readonly kind: 'ambiguous'; readonly error: unknown }
  /** Refused as malformed: one bad record, or a body over a limit that is not admitted to be one. */
  | { readonly kind: 'malformed'; readonly error: unknown }
  /**
   * By the destination or, where `wasSent` is false, by our own limit, which says nothing of the destination.
   * `isSuspected`: it was not said, but only larger requests than any accepted one are refused.
   */
  | {
      readonly kind: 'too_large';
      readonly error: unknown;
      readonly wasSent?: false;
      readonly isSuspected?: boolean;
    }
  /** The exporter threw: it could not make a request of the batch. */
  | { readonly kind: 'unserializable'; readonly error: unknown }
  /** Refused for good. */
  | { readonly kind: 'rejected'; readonly error: unknown };

/** How an attempt is to be made while the destination is in doubt; senders that cannot heed it ignore it. */
export interface AttemptHints {
  /** Not over a connection that was used before: it may lead to what is dead. */
  readonly freshConnection: boolean;
  /** Attempts before that were answered by silence: a destination that has become slow needs more time, not less. */
  readonly silences: number;
}

export interface Sender<B extends LogBatch> {
  /**
   * Sends a batch once.
   * @param signal aborts when the result is no longer wanted; a sender that can cancel then does.
   * @param hints default: the destination is well.
   * @returns a promise that never rejects; it may stay pending for as long as the destination hangs.
   */
  send(batch: B, signal: AbortSignal, hints?: AttemptHints): Promise<Outcome>;
}

/** What an outcome says of the destination's health. @param records in the batch that was sent. */
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
      // One bad record among good ones is an accident; an exporter that throws on everything is broken.
      return records <= 1 ? 'unhealthy' : 'unknown';
  }
}

/** Whether finding out which record is at fault costs requests of a budget. */
export function isBisected(outcome: Outcome): boolean {
  return outcome.kind === 'malformed' || outcome.kind === 'ambiguous';
}

/** What the destination itself said, as far as it shows. */
export function refusalOf(outcome: Outcome): Refusal | undefined {
  if (outcome.kind === 'ambiguous') return 'meant';
  return outcome.kind === 'retryable' && outcome.lacksRoom ? 'room' : undefined;
}

/** Whether it met silence: the time for an answer ran out. */
export function isTimeout(outcome: Outcome): boolean {
  return outcome.kind === 'retryable' && (outcome.error as { code?: unknown } | null)?.code === 'ETIMEDOUT';
}
