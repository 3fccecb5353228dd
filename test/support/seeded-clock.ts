/** A manual clock whose chance differs from call to call, and is the same each time. */

import { ManualClock } from './manual-clock.ts';

export class SeededClock extends ManualClock {
  #state: number;

  constructor(seed: number, startMillis = 0) {
    super(startMillis);
    this.#state = seed;
    Object.defineProperty(this, 'random', { value: () => this.#next() });
  }

  #next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }
}
