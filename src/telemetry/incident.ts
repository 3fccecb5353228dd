/** Reports an outage: a warning when it begins or opens the breaker, an error when it lasts, an info when it ends. */

import type { Cancel, Clock } from '../common/clock.ts';

/** A destination that has accepted nothing for this time is an error. */
const LASTING_MILLIS = 30_000;
/** An incident ends after this time without a failure; failures before that still belong to it. */
const OVER_AFTER_MILLIS = 10_000;

type Say = (level: 'error' | 'warn' | 'info', message: string) => void;

interface Outage {
  readonly since: number;
  cause: string;
  /** Time of the first failure since the last success; undefined while exports succeed. */
  failingSince: number | undefined;
  recoveredAt: number;
  isOpeningSaid: boolean;
  isErrorSaid: boolean;
}

/** However often an outage comes and goes, each message about it appears once. */
export class Incident {
  readonly #say: Say;
  readonly #clock: Clock;
  #outage: Outage | undefined;
  /** Set when the breaker opens, until the failure that opened it is reported. */
  #opening: string | undefined;
  #cancel: Cancel = () => {};

  constructor(say: Say, clock: Clock) {
    this.#say = say;
    this.#clock = clock;
  }

  /** Describes the current failure; undefined while exports succeed. */
  get cause(): string | undefined {
    const outage = this.#outage;
    if (outage?.failingSince === undefined) return undefined;
    return `exports have failed for ${seconds(this.#clock.now() - outage.since)}: ${outage.cause}`;
  }

  /** Reported with the next failure, which is the one that opened the breaker. `nextProbe` is in words. */
  opened(nextProbe: string): void {
    this.#opening = nextProbe;
  }

  /** Whether the next failure must be passed to `failed`, whatever its kind. */
  get isOpening(): boolean {
    return this.#opening !== undefined;
  }

  failed(message: string, cause: string): void {
    const now = this.#clock.now();
    const isFirst = this.#outage === undefined;
    this.#outage ??= {
      since: now,
      cause,
      failingSince: undefined,
      recoveredAt: now,
      isOpeningSaid: false,
      isErrorSaid: false,
    };
    const outage = this.#outage;
    outage.cause = cause;
    if (outage.failingSince === undefined) {
      outage.failingSince = now;
      this.#cancel();
      this.#cancel = this.#clock.timer(() => this.#lasted(), LASTING_MILLIS);
    }
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening !== undefined && !outage.isOpeningSaid) {
      outage.isOpeningSaid = true;
      this.#say('warn', `the circuit breaker is open: ${this.cause}; ${opening}`);
    } else if (isFirst) {
      this.#say('warn', message);
    }
  }

  succeeded(): void {
    const outage = this.#outage;
    this.#opening = undefined;
    if (outage?.failingSince === undefined) return;
    outage.failingSince = undefined;
    outage.recoveredAt = this.#clock.now();
    this.#cancel();
    this.#cancel = this.#clock.timer(() => this.#end(), OVER_AFTER_MILLIS);
  }

  /** Reports the end of an outage that is over. */
  close(): void {
    this.#cancel();
    if (this.#outage?.failingSince === undefined) this.#end();
  }

  #lasted(): void {
    const outage = this.#outage;
    if (outage === undefined || outage.isErrorSaid) return;
    outage.isErrorSaid = true;
    this.#say('error', `nothing has been delivered for ${seconds(LASTING_MILLIS)}: ${outage.cause}`);
  }

  #end(): void {
    const outage = this.#outage;
    if (outage === undefined) return;
    this.#outage = undefined;
    this.#say('info', `exports work again: they failed for ${seconds(outage.recoveredAt - outage.since)}`);
  }
}

function seconds(millis: number): string {
  return `${Math.round(millis / 1_000)} s`;
}
