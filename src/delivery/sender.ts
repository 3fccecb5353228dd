/** The one verb of delivery, and everything that can come of it. */

import type { LogBatch } from '../queue/log-batch.ts';

/** What became of one attempt to send a batch. Outcomes are data: a sender does not reject. */
export type Outcome =
  /** The destination has it; `rejectedRecords` of it were refused (an OTLP partial success). */
  | { readonly kind: 'delivered'; readonly rejectedRecords: number; readonly message?: string }
  /** It may pass by itself. `retryAfterMillis`: the destination's own wish, not to be called earlier. */
  | { readonly kind: 'retryable'; readonly error: unknown; readonly retryAfterMillis?: number }
  /**
   * Refused in a way that may be about the destination (its configuration, its health) or about this
   * batch. Only the fate of other batches can tell.
   */
  | { readonly kind: 'ambiguous'; readonly error: unknown }
  /** Refused as malformed: one bad record, or a body over a limit that is not admitted to be one. */
  | { readonly kind: 'malformed'; readonly error: unknown }
  /** By the destination or, where `wasSent` is false, by our own limit, which says nothing of the destination. */
  | { readonly kind: 'too_large'; readonly error: unknown; readonly wasSent?: false }
  /** The exporter threw: it could not make a request of the batch. */
  | { readonly kind: 'unserializable'; readonly error: unknown }
  /** Refused for good. */
  | { readonly kind: 'rejected'; readonly error: unknown };

export interface Sender<B extends LogBatch> {
  /**
   * Sends a batch once.
   * @param signal aborts when the result is no longer wanted; a sender that can cancel then does.
   * @returns a promise that never rejects; it may stay pending for as long as the destination hangs.
   */
  send(batch: B, signal: AbortSignal): Promise<Outcome>;
}

/** What an outcome says of the destination's health: the circuit breaker counts nothing else. */
export function healthOf(outcome: Outcome): 'well' | 'ill' | 'unknown' {
  switch (outcome.kind) {
    case 'delivered':
    case 'malformed':
    case 'rejected':
      return 'well';
    case 'too_large':
      return outcome.wasSent === false ? 'unknown' : 'well';
    case 'retryable':
    case 'ambiguous':
      return 'ill';
    case 'unserializable':
      return 'unknown';
  }
}
