/** For how long a batch is tried again. */

export interface RetrySettings {
  readonly initialDelayMillis: number;
  readonly maxDelayMillis: number;
  /** Counted from a batch's admission, or from the beginning of the outage if that came later; Infinity to try for ever. */
  readonly maxElapsedMillis: number;
}

/** Whether what fails since `since` has been tried for long enough. */
export function isExhausted(since: number, now: number, settings: RetrySettings): boolean {
  return now - since >= settings.maxElapsedMillis;
}
