/** Batches that had better not be written yet: on disk, a resource keeps the attributes that it had. */

import type { Clock } from '../common/clock.ts';
import { resolved } from '../delivery/pending-resources.ts';
import type { LogBatch } from '../queue/log-batch.ts';

export class LateAttributes {
  readonly #clock: Clock;
  readonly #wake: () => void;
  /** Batches that had to wait, and whether that is over: also when their bound of seconds has passed. */
  readonly #waits = new WeakMap<LogBatch, { isOver: boolean }>();

  /** @param wake is called when a batch need not wait any longer. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** @returns whether no attributes are missing, or need be waited for any longer; otherwise the wait has begun. */
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
