/** All segments that this process holds, oldest first: what it gives out, and what it can do without. */

import type { SpoolEntry } from '../format/entry.ts';
import type { Partition } from '../ownership/partition.ts';
import type { Segment } from './segment.ts';

export class SegmentList {
  readonly #segments: Segment[] = [];

  /** Records held by the spool alone. */
  get records(): number {
    return this.#sum((segment) => segment.records);
  }

  get bytes(): number {
    return this.#sum((segment) => segment.bytesOnDisk);
  }

  /** With what it takes to acknowledge everything. */
  get bytesInAll(): number {
    return this.#sum((segment) => segment.bytesInAll);
  }

  /** Of what the spool alone holds: of the first segment with any of it. */
  get oldestUnixMillis(): number | undefined {
    for (const segment of this.#segments) {
      if (segment.records === 0) continue;
      for (const position of segment.ownPositions()) return segment.frames.openedAtUnixMillis(position);
    }
    return undefined;
  }

  /** Whether there is any segment of a partition, or may be one that was not found yet. */
  mayHave(partition: Partition): boolean {
    return !partition.isScanned || this.#segments.some((segment) => segment.partition === partition);
  }

  add(...segments: readonly Segment[]): void {
    for (const segment of segments) {
      let at = this.#segments.length;
      while (at > 0 && isOlder(segment, this.#segments[at - 1] as Segment)) at--;
      this.#segments.splice(at, 0, segment);
    }
  }

  remove(segment: Segment): void {
    const at = this.#segments.indexOf(segment);
    if (at >= 0) this.#segments.splice(at, 1);
  }

  /**
   * A partition is another process's, or its files are gone.
   * @param lost is told of each segment whose files are gone, while what waits in it is still known.
   * @returns how many records were held by the spool alone.
   */
  leave(partition: Partition, isTakenOver: boolean, lost: (segment: Segment) => void): number {
    let records = 0;
    for (const segment of this.#segments.filter((one) => one.partition === partition)) {
      records += segment.records;
      if (isTakenOver) segment.fate = 'takenOver';
      else {
        lost(segment);
        segment.markGone();
      }
      // What is given out is in the memory of whoever has it.
      if (isTakenOver || segment.records === 0) this.remove(segment);
    }
    return records;
  }

  /** The oldest frame that waits; it is given out. */
  next(): SpoolEntry | undefined {
    for (const segment of this.#segments) if (segment.hasWaiting) return segment.next();
    return undefined;
  }

  /** The oldest segment of which nothing is in use. */
  get evictable(): Segment | undefined {
    return this.#segments.find((segment) => segment.isEvictable);
  }

  [Symbol.iterator](): Iterator<Segment> {
    return this.#segments.values();
  }

  #sum(of: (segment: Segment) => number): number {
    let sum = 0;
    for (const segment of this.#segments) sum += of(segment);
    return sum;
  }
}

/** Partitions by the age of what is in them, those of this process last. */
function isOlder(segment: Segment, other: Segment): boolean {
  const [one, two] = [segment.partition, other.partition];
  if (one.bornAt !== two.bornAt) return one.bornAt < two.bornAt;
  if (one !== two) return one.order < two.order;
  return segment.sequence < other.sequence;
}
