/** Turns the answer of a collector into an outcome, by its status, `Retry-After` and body. */

import { classifyHttp, isConfigurationStatus } from '../delivery/classify.ts';
import type { Outcome } from '../delivery/sender.ts';
import { isInOtlp, partialSuccessOf, reasonIn, shown, typeOf } from './response-body.ts';
import type { OtlpResponse } from './transport.ts';

const MAX_STATUS_TEXT_LENGTH = 50;
const MAX_TYPE_LENGTH = 80;

/** @param demandsOtlp whether a success must be in OTLP: for callers that then delete the only copy. */
export function outcomeOf(response: OtlpResponse, now: () => number, demandsOtlp = false): Outcome {
  const { status } = response;
  if (response.extent === 'too long') {
    // Never retried, whatever the status, as the specification demands.
    return { kind: 'rejected', error: errorOf(response, 'an answer longer than maxResponseBytes') };
  }
  if (status >= 200 && status <= 299) {
    const success = partialSuccessOf(response);
    if (success !== undefined && (!demandsOtlp || isInOtlp(response)))
      return { kind: 'delivered', ...success };
    const type = shown(typeOf(response), response, MAX_TYPE_LENGTH) || 'without a content type';
    // Not a collector's answer, so it says nothing about the batch.
    return { kind: 'ambiguous', error: errorOf(response, `no answer of OTLP, ${type}`) };
  }
  return classifyHttp(status, errorOf(response), retryAfterMillis(response.retryAfter, now()));
}

/** A request without an answer may have arrived; it is retried, as delivery is at least once. */
export function outcomeOfFailure(error: unknown): Outcome {
  return { kind: 'retryable', error };
}

/** `code` is the status, as in the errors of the official exporters. */
function errorOf(response: OtlpResponse, finding?: string): Error {
  const { status, endpoint } = response;
  const statusText = shown(response.statusText, response, MAX_STATUS_TEXT_LENGTH);
  const reason = reasonIn(response);
  const isRepetition = reason === `${status} ${statusText}` || reason === statusText;
  const message = [
    `HTTP ${status}${statusText ? ` ${statusText}` : ''}`,
    endpoint ? ` from ${endpoint}` : '',
    finding ? ` (${finding})` : '',
    isConfigurationStatus(status) ? ' (likely a configuration error)' : '',
    reason && !isRepetition ? `: ${reason}` : '',
  ].join('');
  return Object.assign(new Error(message), { code: status });
}

/** More than a day is as much as a day. */
const MAX_RETRY_AFTER_MILLIS = 86_400_000;

const SECONDS = /^\d+$/;
/** `Sun, 06 Nov 1994 08:49:37 GMT` and `Sunday, 06-Nov-94 08:49:37 GMT`. */
const DATE = /^[a-z]{3,9}, \d{2}[ -][a-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/i;
/** `Sun Nov  6 08:49:37 1994`, implicitly in GMT. */
const ASCTIME_DATE = /^[a-z]{3} [a-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/i;

/** @returns milliseconds from `epochMillis` on, 0 for a past date; undefined if it is neither a number nor a date. */
export function retryAfterMillis(value: string | undefined, epochMillis: number): number | undefined {
  const text = value?.trim() ?? '';
  const millis = SECONDS.test(text) ? Number(text) * 1_000 : dateMillis(text) - epochMillis;
  return Number.isNaN(millis) ? undefined : Math.min(Math.max(millis, 0), MAX_RETRY_AFTER_MILLIS);
}

function dateMillis(text: string): number {
  if (DATE.test(text)) return Date.parse(text);
  // Date.parse would guess at any other format.
  return ASCTIME_DATE.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
