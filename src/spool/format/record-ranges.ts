/** Arithmetic on ranges of record positions, which are in order and do not overlap. */

import type { RecordRange } from './entry.ts';

export function countRecords(ranges: readonly RecordRange[]): number {
  let sum = 0;
  for (const [, records] of ranges) sum += records;
  return sum;
}

/** `ranges` without `records` positions from `first`. */
export function without(ranges: readonly RecordRange[], first: number, records: number): RecordRange[] {
  const end = first + records;
  const left: RecordRange[] = [];
  for (const [from, count] of ranges) {
    const to = from + count;
    if (from < first) left.push([from, Math.min(to, first) - from]);
    if (to > end) left.push([Math.max(from, end), to - Math.max(from, end)]);
  }
  return left;
}
