/** Batches of one priority class, first in, first out: a deque trimmed at both ends that takes batches back in order. */

import type { LogBatch } from './log-batch.ts';
import type { QueuedBatch } from './queued-batch.ts';

/** Invariant: oldest batch first (`isOlderThan`), so it has the oldest record; only the last one can be open. */
export class BatchDeque<B extends LogBatch> {
  // A head index instead of Array.shift() keeps taking a batch at O(1).
  #items: (QueuedBatch<B> | undefined)[] = [];
  #head = 0;
  /** The batch appended last, even after its removal; read for every record. */
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

  /** Inserts a batch in order of age: almost always at the head. */
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

  /** Frees dead slots before the head once they outnumber the living ones: O(1) amortised. */
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

interface Holder<B extends LogBatch> extends Iterable<QueuedBatch<B>> {
  remove(batch: QueuedBatch<B>): unknown;
}

/** Removes batches that another process has taken over and will send. @returns the number of removed records. */
export function dropTakenOver<B extends LogBatch>(...holders: readonly Holder<B>[]): number {
  let records = 0;
  for (const holder of holders) {
    for (const batch of [...holder]) {
      if (!batch.isTakenOver) continue;
      holder.remove(batch);
      batch.end();
      records += batch.contents.records;
    }
  }
  return records;
}
