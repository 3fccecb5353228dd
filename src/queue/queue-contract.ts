/** What the queue is told when it is built, and what it tells its owner. */

import type { DropReason } from '../common/errors.ts';
import type { SeverityCounts } from '../common/severity-counts.ts';
import type { ShedRule } from './admission-rules.ts';

/** The bounds and rules of a queue; validated by whoever builds it. */
export interface QueueLimits {
  readonly maxQueueSize: number;
  readonly maxQueueBytes: number;
  readonly maxExportBatchSize: number;
  readonly maxExportBatchBytes: number;
  readonly scheduledDelayMillis: number;
  readonly overflow: 'drop-oldest' | 'drop-newest';
  /** Infinity when no severity is protected. */
  readonly protectSeverity: number;
  readonly shed: ShedRule | undefined;
}

/** What the queue tells its owner: of records it lost, and that the loop has something new to look at. */
export interface QueueListener {
  /** `wasPassed`: the records had been handed to the exporter before, and had come back. */
  dropped(reason: DropReason, records: number, wasPassed: boolean, severities: SeverityCounts): void;
  /** A batch was opened, became full, or lost records. */
  wake(): void;
}

export interface Amount {
  readonly records: number;
  readonly bytes: number;
}

/** What a request may have, as far as the destination is known. */
export interface TakeSize {
  /** Default: any number. */
  readonly maxRecords?: number;
  /** Default: any number. */
  readonly maxBytes?: number;
}
