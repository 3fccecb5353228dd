/** Says in words how an outage goes for a processor with a breaker, from its first failure until all is caught up. */
import type { BreakerView } from '../view.ts';
import type { Moment, Say } from './narrator.ts';
import { causeOf, plural, seconds } from './words.ts';

/** What is still to be sent after an outage is less than what is logged in this time. */
const CAUGHT_UP_SECONDS = 2.5;

interface Outage {
  /** The one before is not caught up with: what has been said of it need not be said again. */
  isMore: boolean;
  sinceMillis: number;
  failuresBefore: number;
  lostBefore: number;
  /** The most that waited. */
  most: number;
  /** Failures until the breaker opened; undefined while it has not. */
  failuresAtOpening: number | undefined;
  /** Says anew how often it was asked. */
  retell: ((text: string) => void) | undefined;
}

export class OutageStory {
  readonly #say: Say;
  #outage: Outage | undefined;
  #failures = 0;
  #catchingUp: { sinceMillis: number; lostBefore: number } | undefined;

  constructor(say: Say) {
    this.#say = say;
  }

  /** The process is gone. */
  end(): void {
    this.#outage = undefined;
    this.#catchingUp = undefined;
    this.#failures = 0;
  }

  get isTold(): boolean {
    return this.#outage !== undefined;
  }

  observe(moment: Moment, breaker: BreakerView): void {
    const { failedExports, lastError } = moment.sample;
    if (breaker.failingMillis !== undefined) {
      const cause = causeOf(lastError);
      const outage = this.#outage ?? this.#begin(moment, breaker, cause);
      outage.most = Math.max(outage.most, moment.sample.waiting + moment.onDisk);
      this.#goOn(outage, moment, breaker, cause);
    } else if (this.#outage !== undefined) {
      this.#isBack(this.#outage, moment);
    } else if (this.#catchingUp !== undefined) {
      this.#catchUp(this.#catchingUp, moment);
    }
    this.#failures = failedExports;
  }

  #begin({ nowMillis, lost }: Moment, { state, failingMillis = 0 }: BreakerView, cause: string): Outage {
    const isMore = this.#catchingUp !== undefined;
    this.#outage = {
      isMore,
      sinceMillis: nowMillis - failingMillis,
      failuresBefore: this.#failures,
      lostBefore: this.#catchingUp?.lostBefore ?? lost,
      most: 0,
      failuresAtOpening: undefined,
      retell: undefined,
    };
    this.#catchingUp = undefined;
    if (state === 'closed' && !isMore) {
      const when = cause === 'HTTP 429' ? ' when Retry-After allows it' : '';
      this.#say('waiting', `Exports fail: ${cause}. What is logged waits, and is tried again${when}.`);
    }
    return this.#outage;
  }

  #goOn(outage: Outage, { sample }: Moment, { state, nextProbeMillis }: BreakerView, cause: string): void {
    const { failedExports } = sample;
    const next = nextProbeMillis === undefined ? '' : ` Asks again in ${seconds(nextProbeMillis)}.`;
    if (outage.failuresAtOpening === undefined) {
      if (state === 'closed') return;
      outage.failuresAtOpening = failedExports;
      const failures = plural(failedExports - outage.failuresBefore, 'failed request');
      this.#say('waiting', `Breaker opened after ${failures}: ${cause}.${next}`);
    } else if (failedExports > this.#failures) {
      const times = failedExports - outage.failuresAtOpening;
      const asked = times === 1 ? 'Asked again' : `Asked again, ${times} times by now`;
      const text = `${asked}: still ${cause}.${next}`;
      if (outage.retell === undefined) outage.retell = this.#say('waiting', text);
      else outage.retell(text);
    }
  }

  #isBack(outage: Outage, { nowMillis }: Moment): void {
    const { isMore, failuresAtOpening, sinceMillis, most, lostBefore } = outage;
    this.#catchingUp = { sinceMillis: nowMillis, lostBefore };
    this.#outage = undefined;
    if (isMore && failuresAtOpening === undefined) return;
    const breaker = failuresAtOpening === undefined ? 'The' : 'Breaker closed: the';
    const after = seconds(nowMillis - sinceMillis);
    this.#say(
      'delivered',
      `${breaker} collector answers again, ${after} after the first failure. ${plural(most, 'record')} had to wait.`,
    );
  }

  #catchUp(
    { sinceMillis, lostBefore }: { sinceMillis: number; lostBefore: number },
    { nowMillis, sample, onDisk, lost, rate }: Moment,
  ): void {
    if (onDisk > 0 || sample.waiting > rate * CAUGHT_UP_SECONDS) return;
    const isLost = lost > lostBefore;
    const loss = isLost ? `${plural(lost - lostBefore, 'record')} lost meanwhile.` : 'Nothing was lost.';
    this.#say(
      isLost ? 'lost' : 'delivered',
      `Caught up ${seconds(nowMillis - sinceMillis)} later: all that waited is delivered. ${loss}`,
    );
    this.#catchingUp = undefined;
  }
}
