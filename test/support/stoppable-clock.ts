/** A manual clock for a process that is stopped, as by SIGSTOP, and goes on later. */

import { ManualClock } from './manual-clock.ts';

/** A monotonic clock that goes on while the process is stopped: timers are late by that when it is continued. */
export class StoppableClock extends ManualClock {
  #stoppedMillis = 0;

  constructor(startMillis?: number) {
    super(startMillis);
    const running = this.now;
    Object.defineProperty(this, 'now', { value: () => running() + this.#stoppedMillis });
  }

  stop(millis: number): void {
    this.#stoppedMillis += millis;
  }
}
