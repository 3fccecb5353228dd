/** Whether a failure is tried again immediately, as one of two upstreams may be dead: that is learnt by trying. */

/** So many answers to immediate retries are remembered, for so long … */
const REMEMBERED_RETRIES = 16;
const REMEMBERED_MILLIS = 60_000;
/** … and before so many are known it is given the benefit of the doubt. */
const DOUBTFUL_RETRIES = 4;
/** The share of immediate retries that have to succeed. */
const PAYING_SHARE = 0.2;
/** Failures in a row of which the last is not retried immediately: where that pays, where that is not known … */
const MISSES_WHERE_IT_PAYS = 8;
const MISSES_WHERE_UNKNOWN = 3;
/** … and where it does not. */
const MISSES_WHERE_POINTLESS = 2;

/**
 * Where the destination itself answered, asking again immediately is of less use. `room`: it has none now; `meant`: an
 * answer that will hardly be another one in a moment (credentials, address).
 */
export type Refusal = 'room' | 'meant';

export class ImmediateRetries {
  readonly #failureThreshold: number;
  readonly #answers: { readonly at: number; readonly succeeded: boolean }[] = [];

  /** @param failureThreshold failures in a row with which the breaker opens. Default: it never does. */
  constructor(failureThreshold = Number.POSITIVE_INFINITY) {
    this.#failureThreshold = failureThreshold;
  }

  /** @param misses failures in a row, this one included. */
  allow(misses: number, refusal: Refusal | undefined, now: number): boolean {
    if (this.pay(refusal, now)) return misses < MISSES_WHERE_IT_PAYS;
    if (refusal === 'meant' || misses >= this.#failureThreshold) return false;
    if (this.#answers.length < DOUBTFUL_RETRIES) return misses < MISSES_WHERE_UNKNOWN;
    return refusal === undefined && misses < MISSES_WHERE_POINTLESS;
  }

  /** Whether they have paid of late. Who says that there is no room is believed, unless several have shown otherwise. */
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
