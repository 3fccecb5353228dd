/** Turns what a collector answered, or that it did not, into an outcome. */

import { classifyHttp, isConfigurationStatus } from '../delivery/classify.ts';
import type { Outcome } from '../delivery/sender.ts';
import type { OtlpResponse } from './http-transport.ts';
import { partialSuccessOf, readable, reasonIn } from './response-body.ts';
import { retryAfterMillis } from './retry-after.ts';

/** @param now milliseconds since the Unix epoch, for a Retry-After that is a date. */
export function outcomeOf(response: OtlpResponse, now: () => number): Outcome {
  const { status } = response;
  if (status >= 200 && status <= 299) return { kind: 'delivered', ...partialSuccessOf(response) };
  // As the official exporters do, the status goes into `code`.
  const error = Object.assign(new Error(messageFor(response)), { code: status });
  return classifyHttp(status, error, retryAfterMillis(response.retryAfter, now()));
}

/** For a request that got no answer. It may have arrived all the same: delivery is at least once. */
export function outcomeOfFailure(error: unknown): Outcome {
  return { kind: 'retryable', error };
}

function messageFor(response: OtlpResponse): string {
  const { status, statusText, endpoint } = response;
  const reason = reasonIn(response);
  return [
    `HTTP ${status}${statusText ? ` ${readable(statusText, 50)}` : ''}`,
    endpoint ? ` from ${endpoint}` : '',
    isConfigurationStatus(status) ? ' (likely a configuration error)' : '',
    reason ? `: ${reason}` : '',
  ].join('');
}
