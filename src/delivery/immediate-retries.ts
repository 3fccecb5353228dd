/** Decides about immediate retries: they help if one of several upstreams is dead, which earlier retries show. */

/** Number of remembered answers to immediate retries, and how long they are remembered. */
const REMEMBERED_RETRIES = 16;
const REMEMBERED_MILLIS = 60_000;
/** With fewer answers, immediate retries get the benefit of the doubt. */
const DOUBTFUL_RETRIES = 4;
const PAYING_SHARE = 0.2;
/** The number of consecutive failures from which immediate retries stop. */
const MISSES_WHERE_IT_PAYS = 8;
const MISSES_WHERE_UNKNOWN = 3;
const MISSES_WHERE_POINTLESS = 2;

/** The destination's own refusal, seldom worth an immediate retry: lack of `room`, or `meant` (credentials, address). */
export type Refusal = 'room' | 'meant';

export class ImmediateRetries {
  readonly #failureThreshold: number;
  readonly #answers: { readonly at: number; readonly succeeded: boolean }[] = [];

  /** @param failureThreshold consecutive failures that open the breaker. Default: it never opens. */
  constructor(failureThreshold = Number.POSITIVE_INFINITY) {
    this.#failureThreshold = failureThreshold;
  }

  /** @param misses consecutive failures, including this one. */
  allow(misses: number, refusal: Refusal | undefined, now: number): boolean {
    if (this.pay(refusal, now)) return misses < MISSES_WHERE_IT_PAYS;
    if (refusal === 'meant' || misses >= this.#failureThreshold) return false;
    if (this.#answers.length < DOUBTFUL_RETRIES) return misses < MISSES_WHERE_UNKNOWN;
    return refusal === undefined && misses < MISSES_WHERE_POINTLESS;
  }

  /** Whether recent immediate retries succeeded often enough. A refusal is believed until several answers contradict it. */
  pay(refusal: Refusal | undefined, now: number): boolean {
    const answers = this.#answers;
    while (answers[0] !== undefined && now - answers[0].at > REMEMBERED_MILLIS) answers.shift();
    if (refusal !== undefined && answers.length < DOUBTFUL_RETRIES) return false;
    const succeeded = answers.filter((answer) => answer.succeeded).length;
    return succeeded > 0 && succeeded >= answers.length * PAYING_SHARE;
  }

  remember(succeeded: boolean, now: number): void {
    this.#answers.push({ at: now, succeeded });
    if (this.#answers.length > REMEMBERED_RETRIES) this.#answers.shift();
  }
}
