/** Delays the storing of batches whose resources still lack attributes, because on disk they never get them. */

import type { Clock } from '../common/clock.ts';
import { resolved } from '../delivery/pending-resources.ts';
import type { LogBatch } from '../queue/log-batch.ts';

export class LateAttributes {
  readonly #clock: Clock;
  readonly #wake: () => void;
  /** Batches that had to wait; `isOver` is also set when the time limit for attributes has passed. */
  readonly #waits = new WeakMap<LogBatch, { isOver: boolean }>();

  /** @param wake called when a batch need not wait any longer. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** @returns whether the batch may be stored; if not, `wake` follows. */
  haveCome(batch: LogBatch): boolean {
    const known = this.#waits.get(batch);
    if (known !== undefined) return known.isOver;
    const pending = batch.pendingResources;
    if (pending.length === 0) return true;
    const wait = { isOver: false };
    this.#waits.set(batch, wait);
    void resolved(pending, this.#clock).then(() => {
      wait.isOver = true;
      this.#wake();
    });
    return false;
  }
}
