/** Decides when a batch has been retried for long enough. */

export interface RetrySettings {
  readonly initialDelayMillis: number;
  readonly maxDelayMillis: number;
  /** Counted from the admission or, if that is later, from the start of the outage. Infinity: no limit. */
  readonly maxElapsedMillis: number;
}

export function isExhausted(since: number, now: number, settings: RetrySettings): boolean {
  return now - since >= settings.maxElapsedMillis;
}
