/** The batches of one priority class, first in, first out: a deque that can be cut at both ends and takes batches back in order. */

import type { LogBatch } from './log-batch.ts';
import type { QueuedBatch } from './queued-batch.ts';

/**
 * Invariant: batches stand in ascending order of age (`isOlderThan`), so the oldest record of the class is the
 * oldest of the first batch. Only the last batch can be open (still admitting records).
 */
export class BatchDeque<B extends LogBatch> {
  // A head index instead of Array.shift(): taking a batch stays O(1) however many there are.
  #items: (QueuedBatch<B> | undefined)[] = [];
  #head = 0;
  /** The one appended last, wherever it is: asked for every record. */
  #newest: QueuedBatch<B> | undefined;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): QueuedBatch<B> | undefined {
    return this.#items[this.#head];
  }

  get last(): QueuedBatch<B> | undefined {
    return this.length > 0 ? this.#items[this.#items.length - 1] : undefined;
  }

  /** The batch that records join. */
  get open(): QueuedBatch<B> | undefined {
    const newest = this.#newest;
    return newest !== undefined && newest.place === 'open' ? newest : undefined;
  }

  *[Symbol.iterator](): Generator<QueuedBatch<B>> {
    for (let index = this.#head; index < this.#items.length; index++) {
      yield this.#items[index] as QueuedBatch<B>;
    }
  }

  append(batch: QueuedBatch<B>): void {
    this.#items.push(batch);
    this.#newest = batch;
  }

  /** Puts a batch back among its elders: almost always at the head. */
  putBack(batch: QueuedBatch<B>): void {
    let index = this.#head;
    while (index < this.#items.length && (this.#items[index] as QueuedBatch<B>).isOlderThan(batch)) {
      index++;
    }
    if (index === this.#head && this.#head > 0) {
      this.#items[--this.#head] = batch;
    } else {
      this.#items.splice(index, 0, batch);
    }
  }

  remove(batch: QueuedBatch<B>): void {
    if (batch === this.first) {
      this.#items[this.#head++] = undefined;
      this.#compact();
    } else if (batch === this.last) {
      this.#items.pop();
    } else {
      const index = this.#items.indexOf(batch, this.#head);
      if (index >= 0) this.#items.splice(index, 1);
    }
  }

  /** Frees the dead slots before the head once they outnumber the living ones, so the cost is O(1) amortised. */
  #compact(): void {
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head > 32 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}
