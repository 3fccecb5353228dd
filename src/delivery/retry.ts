/** How long to wait before the next attempt: exponential back-off with jitter, as pure arithmetic. */

export interface RetrySettings {
  readonly initialDelayMillis: number;
  readonly maxDelayMillis: number;
  /** Counted from a batch's admission, or from the beginning of the outage if that came later; Infinity to try for ever. */
  readonly maxElapsedMillis: number;
}

/**
 * The delay after the `failures`-th failure in a row: doubling from `initialDelayMillis` up to
 * `maxDelayMillis`, of which the upper half is random, so that many processes that lost the same
 * collector do not return to it in step.
 *
 * @param failures 1 or more.
 * @param random in [0, 1).
 */
export function backoffMillis(
  failures: number,
  settings: Pick<RetrySettings, 'initialDelayMillis' | 'maxDelayMillis'>,
  random: number,
): number {
  // 2^1023 is the largest power of two a double holds.
  const doubled = settings.initialDelayMillis * 2 ** Math.min(failures - 1, 1000);
  return Math.min(settings.maxDelayMillis, doubled) * (0.5 + random / 2);
}

/** Whether what fails since `since` has been tried for long enough. */
export function isExhausted(since: number, now: number, settings: RetrySettings): boolean {
  return now - since >= settings.maxElapsedMillis;
}
