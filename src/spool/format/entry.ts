/** Types of the spool's entries and events, and arithmetic on ranges of records. */

import type { SeverityCounts } from '../../common/severity-counts.ts';

export interface NewEntry {
  /** An OTLP `ExportLogsServiceRequest`; must not change until `store` has answered. */
  readonly payload: Uint8Array;
  readonly records: number;
  readonly severities: SeverityCounts;
  /** Admission time of the oldest record, in milliseconds since the Unix epoch. */
  readonly openedAtUnixMillis: number;
  readonly attempts: number;
  readonly isProtected: boolean;
}

/** `[first, count]`: records by their position in the payload. */
export type RecordRange = readonly [first: number, records: number];

/**
 * - `evicted`: deleted to free disk space; a holder in memory still has the records.
 * - `damaged`: could not be read back.
 * - `takenOver`: owned by another process, which will send it.
 */
export type EntryState = 'stored' | 'evicted' | 'damaged' | 'takenOver';

export interface SpoolEntry {
  readonly state: EntryState;
  /** Records of the whole entry as appended. */
  readonly records: number;
  /** On disk. */
  readonly bytes: number;
  readonly openedAtUnixMillis: number;
  readonly attempts: number;
  readonly isProtected: boolean;
  /** Whether another process appended it. */
  readonly isRecovered: boolean;
  /** Unsettled ranges, in order. */
  readonly remaining: readonly RecordRange[];
}

/** Events of the spool, delivered in turns of their own except at the end and by `deliverEvents`. */
export interface SpoolListener {
  /** Records of another process were taken over and wait in the spool. */
  recovered(records: number): void;
  /** Another process has taken entries over. @param records that the spool alone held and no longer counts. */
  takenOver(records: number): void;
  /** Records that only the spool held are lost. @param severities undefined if unknown. */
  dropped(
    reason: 'spool_full' | 'spool_corrupt',
    records: number,
    wasPassed: boolean,
    severities?: SeverityCounts,
  ): void;
  /** An entry waits, or the spool became usable or unusable. */
  wake(): void;
  /** A message for people; the listener limits its rate per topic. */
  warn(topic: string, message: string): void;
}

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
