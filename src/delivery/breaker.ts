/** The circuit breaker: stops calling a destination that keeps failing, and probes it with growing patience. */

export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly failureThreshold: number;
  /** How long it stays open the first time. */
  readonly resetTimeoutMillis: number;
  /** How long it stays open at most: the time doubles each time a probe fails. */
  readonly maxResetTimeoutMillis: number;
}

export type BreakerStateName = 'closed' | 'open' | 'half-open';

/**
 * closed ── failureThreshold failures in a row ──▶ open ── probe sent ──▶ half-open
 *    ▲                                              ▲                        │
 *    │                                              └────── probe fails ─────┤
 *    └──────────────── any answer that shows the destination well ───────────┘
 */
type State =
  | { readonly name: 'closed'; readonly failures: number }
  | { readonly name: 'open'; readonly probeAt: number; readonly resetMillis: number }
  | { readonly name: 'half-open'; readonly probeAt: number; readonly resetMillis: number };

export interface BreakerChange {
  readonly from: BreakerStateName;
  readonly to: BreakerStateName;
  /** When the next probe may be sent, on the monotonic clock; undefined unless `to` is `open`. */
  readonly probeAt: number | undefined;
}

/** What the breaker allows now: any batch, one small batch as a probe, or nothing before a time. */
export type Permit = 'send' | 'probe' | { readonly notBefore: number };

/** Without settings it counts nothing and always allows. */
export class CircuitBreaker {
  readonly #settings: BreakerSettings | undefined;
  readonly #onChange: (change: BreakerChange) => void;
  #state: State = { name: 'closed', failures: 0 };

  constructor(settings: BreakerSettings | undefined, onChange: (change: BreakerChange) => void) {
    this.#settings = settings;
    this.#onChange = onChange;
  }

  get state(): BreakerStateName {
    return this.#state.name;
  }

  /** When the next probe is sent, unless it is asked for earlier; undefined unless open. */
  get probeAt(): number | undefined {
    return this.#state.name === 'open' ? this.#state.probeAt : undefined;
  }

  /** @param asksAnyway whether the next probe goes before its time. */
  permit(now: number, asksAnyway = false): Permit {
    switch (this.#state.name) {
      case 'closed':
        return 'send';
      case 'open':
        return asksAnyway || this.#state.probeAt <= now ? 'probe' : { notBefore: this.#state.probeAt };
      case 'half-open':
        // One probe at a time: its result ends this state.
        return { notBefore: Number.POSITIVE_INFINITY };
    }
  }

  /** The probe that `permit` allowed is on its way. */
  probing(): void {
    if (this.#state.name === 'open') {
      this.#enter({ ...this.#state, name: 'half-open' });
    }
  }

  /** The destination answered as one that is well. */
  succeeded(): void {
    this.#enter({ name: 'closed', failures: 0 });
  }

  /** The probe ended without a word from the destination: the next one may go at once. */
  inconclusive(now: number): void {
    if (this.#state.name === 'half-open') {
      this.#enter({ name: 'open', probeAt: now, resetMillis: this.#state.resetMillis });
    }
  }

  /** @param notBefore the destination's own wish on the monotonic clock, which can only lengthen the wait. */
  failed(now: number, notBefore = 0): void {
    const settings = this.#settings;
    if (settings === undefined) return;
    const state = this.#state;
    switch (state.name) {
      case 'closed':
        if (state.failures + 1 < settings.failureThreshold) {
          this.#enter({ name: 'closed', failures: state.failures + 1 });
        } else {
          this.#open(now, settings.resetTimeoutMillis, notBefore);
        }
        return;
      case 'half-open':
        // A probe that went before its time leaves the next one where it was.
        if (state.probeAt > now)
          this.#enter({ ...state, name: 'open', probeAt: Math.max(state.probeAt, notBefore) });
        else this.#open(now, Math.min(state.resetMillis * 2, settings.maxResetTimeoutMillis), notBefore);
        return;
      case 'open':
        // An export begun before the breaker opened; all that it can say that is new is the destination's wish.
        this.#enter({ ...state, probeAt: Math.max(state.probeAt, notBefore) });
        return;
    }
  }

  #open(now: number, resetMillis: number, notBefore: number): void {
    this.#enter({ name: 'open', probeAt: Math.max(now + resetMillis, notBefore), resetMillis });
  }

  /** The only place where the state changes. */
  #enter(next: State): void {
    const from = this.#state.name;
    this.#state = next;
    if (from !== next.name) this.#onChange({ from, to: next.name, probeAt: this.probeAt });
  }
}
