/** Pauses in long series of calls to the file system, in which a finished process can end. */

import type { Clock } from '../../common/clock.ts';

/** Calls keep the process alive, and there may be thousands of partitions. */
const PARTITIONS_BETWEEN_PAUSES = 8;
/** A timer that does not keep the process alive. */
const PAUSE_MILLIS = 1;

export class Pauses {
  readonly #clock: Pick<Clock, 'timer'>;
  #partitions = 0;

  constructor(clock: Pick<Clock, 'timer'>) {
    this.#clock = clock;
  }

  /** Call it after each partition. */
  async afterPartition(): Promise<void> {
    if (++this.#partitions % PARTITIONS_BETWEEN_PAUSES > 0) return;
    await new Promise<void>((resolve) => void this.#clock.timer(resolve, PAUSE_MILLIS));
  }
}
