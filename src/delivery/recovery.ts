/** Tracks whether the destination is healthy and decides when a failing one is asked next. */

import type { RetrySettings } from './disposition.ts';
import { ImmediateRetries, type Refusal } from './immediate-retries.ts';

export interface BreakerSettings {
  /** Consecutive incidents that open the breaker. */
  readonly failureThreshold: number;
  /** Shortest and longest wait between two probes. */
  readonly resetTimeoutMillis: number;
  readonly maxResetTimeoutMillis: number;
}

export interface RecoverySettings {
  readonly retry: Pick<RetrySettings, 'initialDelayMillis' | 'maxDelayMillis'>;
  /** Undefined: the breaker never opens, and only `retry` bounds the waits. */
  readonly breaker: BreakerSettings | undefined;
}

/** `closed`: exports are sent. `open`: nothing is sent until the next probe. `half-open`: a probe is in progress. */
export type BreakerStateName = 'closed' | 'open' | 'half-open';

/** A wait prolongs an outage by at most this share of its length, so no doubling delay has to be remembered. */
const PROLONGATION = 0.25;
/** Longest wait while a gRPC channel backs off as well: the two waits must not add up. */
const LONGEST_BESIDE_CHANNEL_MILLIS = 2_000;
/** Jitter only shortens a wait, to no less than this share, so that a fleet does not return in step. */
const SHORTEST_SHARE = 0.75;
/** Jitter only lengthens a delay that the server requested, by at most this share of it … */
const REQUESTED_DELAY_JITTER = 0.1;
/** … and by at most this much. */
const MAX_REQUESTED_DELAY_JITTER_MILLIS = 5_000;
/** Longest delay that a server can request: a longer one may be a mistake, or be obsolete by then. */
export const MAX_REQUESTED_DELAY_MILLIS = 300_000;
/** A failure starts a new incident if nothing was sent for this long after the destination could be asked. */
const FORGOTTEN_AFTER_MILLIS = 30_000;
/** A success within this time, or within this factor of the quickest one, hides no failed attempt. */
const QUICK_MILLIS = 700;
const QUICK_FACTOR = 3;

/**
 * healthy ──failure, tried again immediately──▶ doubtful ──failure, not tried again immediately──▶ failing(since, askAt)
 *    ▲  ▲──────────────success──────────────────┘  ▲ │                                              │   │ one request at a
 *    │                                             └─┘ failure, tried again immediately             │   │ time, at askAt
 *    │                                                                                              │   ▼ failures = threshold
 *    └──second success── recovering ◀────────────────────success alone──────────────────────────────┴─ open(since, askAt)
 *                          └──failure──▶ failing                        one probe of a few records, at askAt
 *
 * The public names: healthy, doubtful, failing and recovering are `closed`; open is `open`, and `half-open` while its
 * probe is in progress.
 */
type State = {
  /** Whether requests may be sent beside the one that tests the destination. */
  readonly isFree: boolean;
  readonly askAt: number;
  readonly isAsking: boolean;
  /** Whether the destination is asked again immediately after its answer. */
  readonly asksAgain: boolean;
} & (
  | { readonly name: 'healthy' | 'recovering' }
  | {
      readonly name: 'doubtful' | 'failing' | 'open';
      /** When the first failure of the incident was observed. */
      readonly since: number;
      /** Failures of the incident; concurrent ones count once. */
      readonly failures: number;
    }
);

const AT_REST = { isFree: false, askAt: 0, isAsking: false, asksAgain: false } as const;
const HEALTHY: State = { ...AT_REST, name: 'healthy', isFree: true };
const RECOVERING: State = { ...AT_REST, name: 'recovering' };

/**
 * - `free`: as many requests as the concurrency limit of the driver allows.
 * - `alone`: one request, with no other until its answer. `isProbe`: a few records suffice. `needsFreshConnection`: used
 *   connections may lead to a dead upstream.
 * - `not yet`: nothing before `notBefore`; Infinity while an answer is awaited.
 */
export type Permit =
  | { readonly kind: 'free' }
  | { readonly kind: 'alone'; readonly isProbe: boolean; readonly needsFreshConnection: boolean }
  | { readonly kind: 'not yet'; readonly notBefore: number };

/** When requests are allowed, as far as time alone decides. */
export function notBeforeOf(permit: Permit): number {
  return permit.kind === 'not yet' ? permit.notBefore : 0;
}

/** A request in progress, with the state at its start, by which its answer is judged. */
export interface Attempt {
  readonly startedAt: number;
  /** Failures counted before it began: its own counts only if no other was added since. */
  readonly seen: number;
  /** Time jumps noticed before it began. */
  readonly jumps: number;
  /** Whether it was sent to test the destination. */
  readonly isAsk: boolean;
}

export interface Verdict {
  /** `unknown`: the answer says nothing, for instance because no request could be made. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  readonly retryAfterMillis?: number | undefined;
  readonly refusal?: Refusal | undefined;
  /** Refused by a channel that backs off on its own: asking it costs the destination nothing. */
  readonly isUnconnected?: boolean | undefined;
}

export interface BreakerChange {
  readonly from: BreakerStateName;
  readonly to: BreakerStateName;
  /** Time of the next probe on the monotonic clock; undefined unless `to` is `open`. */
  readonly probeAt: number | undefined;
}

const FREE: Permit = { kind: 'free' };
const NOT_YET: Permit = { kind: 'not yet', notBefore: Number.POSITIVE_INFINITY };

/** One state machine for back-off, breaker and Retry-After. Deterministic: callers pass in time and randomness. */
export class Recovery {
  readonly #settings: RecoverySettings;
  readonly #random: () => number;
  readonly #onChange: ((change: BreakerChange) => void) | undefined;
  #state: State = HEALTHY;
  #seen = 0;
  #jumps = 0;
  /** End of the delay requested by the destination, which no flush shortens. */
  #delayedUntil = 0;
  #quickestMillis = Number.POSITIVE_INFINITY;
  readonly #immediateRetries: ImmediateRetries;

  constructor(settings: RecoverySettings, random: () => number, onChange?: (change: BreakerChange) => void) {
    this.#settings = settings;
    this.#immediateRetries = new ImmediateRetries(settings.breaker?.failureThreshold);
    this.#random = random;
    this.#onChange = onChange;
  }

  get breaker(): BreakerStateName {
    const state = this.#state;
    if (state.name !== 'open') return 'closed';
    return state.isAsking ? 'half-open' : 'open';
  }

  /** Whether the destination as a whole fails, not only one of its upstreams. */
  get isFailing(): boolean {
    return this.#state.name === 'failing' || this.#state.name === 'open';
  }

  /** When the destination is asked next; undefined unless it fails and no answer is awaited. */
  get askAt(): number | undefined {
    const state = this.#state;
    if (!('since' in state) || state.name === 'doubtful' || state.isAsking) return undefined;
    return Math.max(state.askAt, this.#delayedUntil);
  }

  /** When the first failure of the current incident was observed; undefined without one. */
  get failingSince(): number | undefined {
    return 'since' in this.#state ? this.#state.since : undefined;
  }

  /** Whether the breaker, and not a delay requested by the server, prevents the next request. */
  isWaitingForProbe(now: number): boolean {
    const state = this.#state;
    return state.name === 'open' && state.askAt > Math.max(now, this.#delayedUntil);
  }

  permit(now: number): Permit {
    if (this.#delayedUntil > now) return { kind: 'not yet', notBefore: this.#delayedUntil };
    const state = this.#state;
    if (state.isFree) return FREE;
    if (state.isAsking) return NOT_YET;
    if (state.askAt > now) return { kind: 'not yet', notBefore: state.askAt };
    return {
      kind: 'alone',
      isProbe: state.name === 'open',
      needsFreshConnection: state.name !== 'recovering',
    };
  }

  /** Starts a request that `permit` allows. */
  begin(now: number): Attempt {
    const isAsk = this.#state.name !== 'healthy';
    this.#enter({ ...this.#state, isAsking: isAsk });
    return { startedAt: now, seen: this.#seen, jumps: this.#jumps, isAsk };
  }

  /** @returns whether it is a failure that counts. */
  end(attempt: Attempt, verdict: Verdict, now: number): boolean {
    const { health, retryAfterMillis } = verdict;
    if (retryAfterMillis !== undefined) this.#heed(retryAfterMillis, now);
    if (health === 'healthy') this.#succeeded(attempt, now);
    else if (health === 'unknown' || this.isInterrupted(attempt)) this.#inconclusive(attempt, now);
    else return this.#failed(attempt, verdict, now);
    return false;
  }

  /** Skips the back-off, but not the server's delay. @param isEnd asks once more after a request that is in progress. */
  askNow(now: number, isEnd: boolean): void {
    const { isAsking, askAt } = this.#state;
    if (!isAsking) this.#enter({ ...this.#state, askAt: Math.min(askAt, now) });
    else if (isEnd) this.#enter({ ...this.#state, asksAgain: true });
  }

  /** Whether the process did not run during the attempt. */
  isInterrupted(attempt: Attempt): boolean {
    return attempt.jumps !== this.#jumps;
  }

  /** The process did not run for `byMillis`: that is no outage, and failures of requests in progress prove nothing. */
  timeJumped(byMillis: number, now: number): void {
    this.#jumps++;
    const state = this.#state;
    if (!('since' in state)) return;
    this.#enter({ ...state, since: Math.min(now, state.since + byMillis), askAt: now });
  }

  #succeeded(attempt: Attempt, now: number): void {
    const state = this.#state;
    const millis = now - attempt.startedAt;
    this.#quickestMillis = Math.min(this.#quickestMillis, millis);
    const isQuick = millis <= Math.max(QUICK_MILLIS, this.#quickestMillis * QUICK_FACTOR);
    switch (state.name) {
      case 'healthy':
      case 'doubtful':
        // A slow success may hide failures that the exporter retried itself.
        if (attempt.isAsk && isQuick) this.#immediateRetries.remember(true, now);
        if (isQuick || this.#isLatest(attempt)) this.#enter(HEALTHY);
        return;
      case 'recovering':
        if (this.#isLatest(attempt)) this.#enter(HEALTHY);
        return;
      case 'failing':
      case 'open':
        if (this.#isLatest(attempt)) this.#enter(RECOVERING);
        // An answer to an older request: worth asking again, but no proof that the destination is healthy now.
        else this.#enter({ ...state, askAt: now });
    }
  }

  /** Whether no failure was counted since the attempt began. */
  #isLatest(attempt: Attempt): boolean {
    return attempt.seen === this.#seen;
  }

  #inconclusive(attempt: Attempt, now: number): void {
    if (this.#isLatest(attempt)) this.#enter({ ...this.#state, isAsking: false, askAt: now });
  }

  /** Concurrent requests fail together: only the first counts. */
  #failed(attempt: Attempt, { refusal, isUnconnected }: Verdict, now: number): boolean {
    if (!this.#isLatest(attempt)) return false;
    this.#seen++;
    const state = this.#state;
    const isNew = !('since' in state) || attempt.startedAt - state.askAt > FORGOTTEN_AFTER_MILLIS;
    const [since, failures] = isNew ? [now, 1] : [state.since, state.failures + 1];
    if (state.name === 'healthy' || state.name === 'doubtful') {
      if (attempt.isAsk) this.#immediateRetries.remember(false, now);
      if (this.#delayedUntil <= now && this.#immediateRetries.allow(failures, refusal, now)) {
        const isFree = failures === 1 && this.#immediateRetries.pay(refusal, now);
        this.#enter({ ...AT_REST, name: 'doubtful', since, failures, askAt: now, isFree });
        return true;
      }
    }
    const longest = isUnconnected ? LONGEST_BESIDE_CHANNEL_MILLIS : Number.POSITIVE_INFINITY;
    this.#fail(since, failures, now, state.asksAgain, longest);
    return true;
  }

  #fail(since: number, failures: number, now: number, asksAgain: boolean, longestMillis: number): void {
    const { retry, breaker } = this.#settings;
    const isOpen = breaker !== undefined && failures >= breaker.failureThreshold;
    const [least, most] = isOpen
      ? [breaker.resetTimeoutMillis, breaker.maxResetTimeoutMillis]
      : [retry.initialDelayMillis, retry.maxDelayMillis];
    const millis = waitMillis(
      now - since,
      least,
      Math.min(most, Math.max(least, longestMillis)),
      this.#random(),
    );
    const askAt = asksAgain ? now : now + millis;
    const name = isOpen ? 'open' : 'failing';
    this.#enter({ ...AT_REST, name, since, failures, askAt });
  }

  #heed(retryAfterMillis: number, now: number): void {
    const millis = Math.min(retryAfterMillis, MAX_REQUESTED_DELAY_MILLIS);
    const slack =
      Math.min(MAX_REQUESTED_DELAY_JITTER_MILLIS, millis * REQUESTED_DELAY_JITTER) * this.#random();
    this.#delayedUntil = Math.max(this.#delayedUntil, now + millis + slack);
  }

  /** The only place where the state changes. */
  #enter(next: State): void {
    const from = this.breaker;
    this.#state = next;
    const to = this.breaker;
    if (from !== to) this.#onChange?.({ from, to, probeAt: to === 'open' ? this.askAt : undefined });
  }
}

/**
 * A quarter of the outage so far, within bounds, so that a long outage is prolonged by a quarter at most.
 * @param random in [0, 1).
 */
export function waitMillis(elapsedMillis: number, least: number, most: number, random: number): number {
  const wait = Math.min(most, Math.max(least, elapsedMillis * PROLONGATION));
  return wait * (SHORTEST_SHARE + (1 - SHORTEST_SHARE) * random);
}
