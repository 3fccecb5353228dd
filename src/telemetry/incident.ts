/** Tells people of an outage: a warning when it begins and when the breaker opens, an error when it lasts, a word when it is over. */

import type { Cancel, Clock } from '../common/clock.ts';

/** A destination that has taken nothing for so long is an error. */
const LASTING_MILLIS = 30_000;
/** After so much health the incident is over: what fails again before is still the same one. */
const OVER_AFTER_MILLIS = 10_000;

type Say = (level: 'error' | 'warn' | 'info', message: string) => void;

/** From the first failure until {@link OVER_AFTER_MILLIS} of health. */
interface Outage {
  readonly since: number;
  cause: string;
  /** The first failure since the last success; undefined while exports succeed. */
  failingSince: number | undefined;
  recoveredAt: number;
  isOpeningSaid: boolean;
  isErrorSaid: boolean;
}

/** However often an outage comes and goes, each thing is said of it once. */
export class Incident {
  readonly #say: Say;
  readonly #clock: Clock;
  #outage: Outage | undefined;
  /** Set by a breaker that has opened, until the failure is known that made it. */
  #opening: string | undefined;
  #cancel: Cancel = () => {};

  constructor(say: Say, clock: Clock) {
    this.#say = say;
    this.#clock = clock;
  }

  /** What fails, and for how long; undefined while nothing does. */
  get cause(): string | undefined {
    const outage = this.#outage;
    if (outage?.failingSince === undefined) return undefined;
    return `exports have failed for ${seconds(this.#clock.now() - outage.since)}: ${outage.cause}`;
  }

  /**
   * The breaker has opened: told with the failure that is reported next, which is the one that opened it.
   * @param nextProbe in words.
   */
  opened(nextProbe: string): void {
    this.#opening = nextProbe;
  }

  /** Whether the failure that is reported next is to be told here, whatever it is. */
  get isOpening(): boolean {
    return this.#opening !== undefined;
  }

  /** An attempt failed in a way that speaks against the destination. */
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

  /** Records got through, or the breaker has closed. */
  succeeded(): void {
    const outage = this.#outage;
    this.#opening = undefined;
    if (outage?.failingSince === undefined) return;
    outage.failingSince = undefined;
    outage.recoveredAt = this.#clock.now();
    this.#cancel();
    this.#cancel = this.#clock.timer(() => this.#end(), OVER_AFTER_MILLIS);
  }

  /** Says what is left to say. */
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
