/** What goes into the spool, and what is known of it there. */

import type { SeverityCounts } from '../../common/severity-counts.ts';

/** A batch to be kept. */
export interface NewEntry {
  /** An OTLP `ExportLogsServiceRequest`; not to be changed until `store` has answered. */
  readonly payload: Uint8Array;
  readonly records: number;
  readonly severities: SeverityCounts;
  /** When its oldest record was admitted, milliseconds since the Unix epoch. */
  readonly openedAtUnixMillis: number;
  /** How often it was handed to the exporter so far. */
  readonly attempts: number;
  readonly isProtected: boolean;
}

/** Records of an entry that are not done with: `[first, count]`, by their position in the payload. */
export type RecordRange = readonly [first: number, records: number];

/**
 * - `stored`: on disk.
 * - `evicted`: its disk space was needed; whoever holds its records in memory still has them.
 * - `damaged`: it could not be read back.
 * - `takenOver`: another process thought this one dead and took it over: it is that one's to send.
 */
export type EntryState = 'stored' | 'evicted' | 'damaged' | 'takenOver';

/** One batch in the spool. */
export interface SpoolEntry {
  readonly state: EntryState;
  /** Of the whole entry, as it was appended. */
  readonly records: number;
  /** On disk. */
  readonly bytes: number;
  readonly openedAtUnixMillis: number;
  readonly attempts: number;
  readonly isProtected: boolean;
  /** Whether it was found in the spool rather than appended by this process. */
  readonly isRecovered: boolean;
  /** What is not settled, in order. Empty when the entry is done with. */
  readonly remaining: readonly RecordRange[];
}

/** What the spool tells of its work. Called from turns of the spool's own, never from inside a call to it. */
export interface SpoolListener {
  /** Records that another process left are this one's now, and wait in the spool. */
  recovered(records: number): void;
  /**
   * Entries are another process's now, and their state is `takenOver`. `records` is how many of their records
   * were held by the spool alone: they are in its counts no more.
   */
  takenOver(records: number): void;
  /** Records that were held by the spool alone are lost; without `severities` where those are not known. */
  dropped(
    reason: 'spool_full' | 'spool_corrupt',
    records: number,
    wasPassed: boolean,
    severities?: SeverityCounts,
  ): void;
  /** There is an entry to replay, or the spool has become usable, or unusable. */
  wake(): void;
  /** Something people should know of; rate-limited by the listener, once per topic. */
  warn(topic: string, message: string): void;
}
