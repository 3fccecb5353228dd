/** Recovery: whether the destination is well, and if it is not, when it is asked next. */

import type { RetrySettings } from './backoff.ts';
import { ImmediateRetries, type Refusal } from './immediate-retries.ts';

export interface BreakerSettings {
  /** Incidents in a row that open it. */
  readonly failureThreshold: number;
  /** The shortest wait between two probes. */
  readonly resetTimeoutMillis: number;
  /** The longest wait between two probes. */
  readonly maxResetTimeoutMillis: number;
}

export interface RecoverySettings {
  readonly retry: Pick<RetrySettings, 'initialDelayMillis' | 'maxDelayMillis'>;
  /** Undefined: the breaker never opens, and `retry` alone bounds the waits. */
  readonly breaker: BreakerSettings | undefined;
}

/** `closed`: exports go out. `open`: nothing is sent until the next probe. `half-open`: a probe is under way. */
export type BreakerStateName = 'closed' | 'open' | 'half-open';

/** An outage is prolonged by this share of its length at most: there is no doubling to remember. */
const PROLONGATION = 0.25;
/** Where a channel prolongs the outage by a back-off of its own: two clocks must not add up. */
const LONGEST_BESIDE_CHANNEL_MILLIS = 2_000;
/** Jitter only shortens a wait, to this share of it at least, so that a fleet does not return in step. */
const SHORTEST_SHARE = 0.75;
/** Jitter only lengthens what the server asked for, by this share of it … */
const WISH_SLACK = 0.1;
/** … and by this much at most. */
const MAX_WISH_SLACK_MILLIS = 5_000;
/** What the server asks for holds for so long: who asks for more is asked then, as it may be a mistake, or may be over. */
export const MAX_WISH_MILLIS = 300_000;
/** Silence after which a failure says nothing of the incident before: there was nothing to send meanwhile. */
const FORGOTTEN_AFTER_MILLIS = 30_000;
/** A success that takes no longer than this, or than so many times the quickest one, was had without a wait in between. */
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
 * probe is under way.
 */
type State = {
  /** Whether requests may go beside the one that asks. */
  readonly isFree: boolean;
  /** When the destination is asked next. */
  readonly askAt: number;
  readonly isAsking: boolean;
  /** Whether it is asked once more as soon as it has answered. */
  readonly asksAgain: boolean;
} & (
  | { readonly name: 'healthy' | 'recovering' }
  | {
      readonly name: 'doubtful' | 'failing' | 'open';
      /** When the first failure of the incident was seen. */
      readonly since: number;
      /** Failures that count. */
      readonly failures: number;
    }
);

const AT_REST = { isFree: false, askAt: 0, isAsking: false, asksAgain: false } as const;
const HEALTHY: State = { ...AT_REST, name: 'healthy', isFree: true };
const RECOVERING: State = { ...AT_REST, name: 'recovering' };

/**
 * What may be sent now.
 * - `free`: as many requests as the window of the driver allows.
 * - `alone`: one request, and none beside it until it is answered. `isProbe`: it need not carry more than a few
 *   records. `needsFreshConnection`: over a new connection, as the old ones may lead to what is dead.
 * - `not yet`: nothing before `notBefore`; Infinity while an answer is awaited.
 */
export type Permit =
  | { readonly kind: 'free' }
  | { readonly kind: 'alone'; readonly isProbe: boolean; readonly needsFreshConnection: boolean }
  | { readonly kind: 'not yet'; readonly notBefore: number };

/** A request under way, as far as its answer will be judged by when it began. */
export interface Attempt {
  readonly startedAt: number;
  /** Failures that had counted when it began: it counts only if none has since. */
  readonly seen: number;
  /** Jumps of time that had been noticed when it began. */
  readonly jumps: number;
  /** Whether it was sent to find out, and not because all was well. */
  readonly isAsk: boolean;
}

/** What an answer says of the destination. */
export interface Verdict {
  /** `unknown`: nothing, for instance because no request could be made. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  /** The destination's wish: not to be asked for so long. */
  readonly retryAfterMillis?: number | undefined;
  readonly refusal?: Refusal | undefined;
  /** Refused by a channel that waits by itself before it connects again: to ask it costs the destination nothing. */
  readonly isUnconnected?: boolean | undefined;
}

export interface BreakerChange {
  readonly from: BreakerStateName;
  readonly to: BreakerStateName;
  /** When the next probe is sent, on the monotonic clock; undefined unless `to` is `open`. */
  readonly probeAt: number | undefined;
}

const FREE: Permit = { kind: 'free' };
const NOT_YET: Permit = { kind: 'not yet', notBefore: Number.POSITIVE_INFINITY };

/** One clock for back-off, breaker and Retry-After; pure but for the state it holds: time and chance are given to it. */
export class Recovery {
  readonly #settings: RecoverySettings;
  readonly #random: () => number;
  readonly #onChange: ((change: BreakerChange) => void) | undefined;
  #state: State = HEALTHY;
  #seen = 0;
  #jumps = 0;
  /** The destination's wish, which no flush cuts short. */
  #wishedUntil = 0;
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

  /** Whether the destination as a whole fails, and not only what is sent to a part of it. */
  get isFailing(): boolean {
    return this.#state.name === 'failing' || this.#state.name === 'open';
  }

  /** When the destination is asked next, if it fails and is not being asked now. */
  get askAt(): number | undefined {
    const state = this.#state;
    if (!('since' in state) || state.name === 'doubtful' || state.isAsking) return undefined;
    return Math.max(state.askAt, this.#wishedUntil);
  }

  /** When the first failure of the present incident was seen; undefined while there is none. */
  get failingSince(): number | undefined {
    return 'since' in this.#state ? this.#state.since : undefined;
  }

  /** Whether the breaker, and not the server's own wish, keeps the destination from being asked. */
  isWaitingForProbe(now: number): boolean {
    const state = this.#state;
    return state.name === 'open' && state.askAt > Math.max(now, this.#wishedUntil);
  }

  permit(now: number): Permit {
    if (this.#wishedUntil > now) return { kind: 'not yet', notBefore: this.#wishedUntil };
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

  /** A request that `permit` allows begins. */
  begin(now: number): Attempt {
    const isAsk = this.#state.name !== 'healthy';
    this.#enter({ ...this.#state, isAsking: isAsk });
    return { startedAt: now, seen: this.#seen, jumps: this.#jumps, isAsk };
  }

  /** @returns whether it was a failure that counts. */
  end(attempt: Attempt, verdict: Verdict, now: number): boolean {
    const { health, retryAfterMillis } = verdict;
    if (retryAfterMillis !== undefined) this.#heed(retryAfterMillis, now);
    if (health === 'healthy') this.#succeeded(attempt, now);
    else if (health === 'unknown' || attempt.jumps !== this.#jumps) this.#inconclusive(attempt, now);
    else return this.#failed(attempt, verdict, now);
    return false;
  }

  /**
   * Whoever flushes does not wait out a back-off; what the server asked for holds.
   * @param isEnd whether nobody will ask later: an answer that is under way already does not do for it.
   */
  askNow(now: number, isEnd: boolean): void {
    const { isAsking, askAt } = this.#state;
    if (!isAsking) this.#enter({ ...this.#state, askAt: Math.min(askAt, now) });
    else if (isEnd) this.#enter({ ...this.#state, asksAgain: true });
  }

  /**
   * The process did not run for so long (frozen, stopped, asleep): the destination did not fail meanwhile, and what was
   * under way says nothing of it.
   */
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
        // A slow one tells what was: an exporter with retries of its own may have hidden failures behind it.
        if (attempt.isAsk && isQuick) this.#immediateRetries.remember(true, now);
        if (isQuick || this.#isLatest(attempt)) this.#enter(HEALTHY);
        return;
      case 'recovering':
        if (this.#isLatest(attempt)) this.#enter(HEALTHY);
        return;
      case 'failing':
      case 'open':
        if (this.#isLatest(attempt)) this.#enter(RECOVERING);
        // An older request: worth asking, but no proof that the destination is well now.
        else this.#enter({ ...state, askAt: now });
    }
  }

  /** Not one of before a failure, whose answer comes late. */
  #isLatest(attempt: Attempt): boolean {
    return attempt.seen === this.#seen;
  }

  #inconclusive(attempt: Attempt, now: number): void {
    if (this.#isLatest(attempt)) this.#enter({ ...this.#state, isAsking: false, askAt: now });
  }

  /** Requests that were under way together fail together: only the first of them counts. */
  #failed(attempt: Attempt, { refusal, isUnconnected }: Verdict, now: number): boolean {
    if (!this.#isLatest(attempt)) return false;
    this.#seen++;
    const state = this.#state;
    const isNew = !('since' in state) || attempt.startedAt - state.askAt > FORGOTTEN_AFTER_MILLIS;
    const [since, failures] = isNew ? [now, 1] : [state.since, state.failures + 1];
    if (state.name === 'healthy' || state.name === 'doubtful') {
      if (attempt.isAsk) this.#immediateRetries.remember(false, now);
      if (this.#wishedUntil <= now && this.#immediateRetries.allow(failures, refusal, now)) {
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
    const millis = Math.min(retryAfterMillis, MAX_WISH_MILLIS);
    const slack = Math.min(MAX_WISH_SLACK_MILLIS, millis * WISH_SLACK) * this.#random();
    this.#wishedUntil = Math.max(this.#wishedUntil, now + millis + slack);
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
 * The wait after a failure, `elapsedMillis` into an outage: a quarter of that, within bounds, so that an outage of any
 * length is felt for a quarter longer at most.
 *
 * @param random in [0, 1).
 */
export function waitMillis(elapsedMillis: number, least: number, most: number, random: number): number {
  const wait = Math.min(most, Math.max(least, elapsedMillis * PROLONGATION));
  return wait * (SHORTEST_SHARE + (1 - SHORTEST_SHARE) * random);
}
