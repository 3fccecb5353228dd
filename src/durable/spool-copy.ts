/** A batch's copy in the spool, shared by the parts that the batch is split into. */

import type { DiskCopy } from '../queue/disk-copy.ts';
import type { SpoolEntry } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';

export class SpoolCopy implements DiskCopy {
  readonly entry: SpoolEntry;
  readonly #spool: Spool;
  readonly #base: number;
  /** How many parts of the batch are in memory and not done with. */
  #parts = 1;

  /** @param base the batch's `offset` when it was stored: its first record is the first of the entry. */
  constructor(spool: Spool, entry: SpoolEntry, base: number) {
    this.#spool = spool;
    this.entry = entry;
    this.#base = base;
  }

  get isStored(): boolean {
    return this.entry.state === 'stored';
  }

  get isEvicted(): boolean {
    return this.entry.state === 'evicted';
  }

  /** Whether another process has taken it over, and will send it. */
  get isTakenOver(): boolean {
    return this.entry.state === 'takenOver';
  }

  get isReleasable(): boolean {
    return this.isStored && this.#parts === 1;
  }

  maySend(now: number): boolean {
    return this.#spool.maySend(this.entry, now);
  }

  split(): void {
    this.#parts++;
  }

  settle(offset: number, records: number): void {
    this.#spool.settle(this.entry, offset - this.#base, records);
    this.#partEnded();
  }

  release(): void {
    this.#partEnded();
  }

  #partEnded(): void {
    if (--this.#parts === 0 && this.entry.remaining.length > 0) this.#spool.release(this.entry);
  }
}
