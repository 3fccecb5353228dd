/** All segments of this process, oldest first. */

import type { SpoolEntry } from '../format/entry.ts';
import type { Partition } from '../ownership/partition.ts';
import type { Segment } from './segment.ts';

export class SegmentList {
  readonly #segments: Segment[] = [];

  get records(): number {
    return this.#sum((segment) => segment.records);
  }

  get bytes(): number {
    return this.#sum((segment) => segment.bytesOnDisk);
  }

  get bytesInAll(): number {
    return this.#sum((segment) => segment.bytesInAll);
  }

  get oldestUnixMillis(): number | undefined {
    for (const segment of this.#segments) {
      if (segment.records === 0) continue;
      for (const position of segment.ownPositions()) return segment.frames.openedAtUnixMillis(position);
    }
    return undefined;
  }

  /** True also while the scan of the partition may still find one. */
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
   * Gives up a partition that was taken over or is gone. @returns records that the spool alone held.
   * @param lost called with each segment that is gone, before its waiting records are forgotten.
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
      // Entries given out are still in memory.
      if (isTakenOver || segment.records === 0) this.remove(segment);
    }
    return records;
  }

  /** Gives out the oldest waiting frame. */
  next(): SpoolEntry | undefined {
    for (const segment of this.#segments) if (segment.hasWaiting) return segment.next();
    return undefined;
  }

  /** The oldest segment that nobody uses. */
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

/** Partitions in the order of their oldest record, this process's own last. */
function isOlder(segment: Segment, other: Segment): boolean {
  const [one, two] = [segment.partition, other.partition];
  if (one.bornAt !== two.bornAt) return one.bornAt < two.bornAt;
  if (one !== two) return one.order < two.order;
  return segment.sequence < other.sequence;
}
