/** The limits of a queue, and the events it reports. */

import type { DropReason } from '../common/errors.ts';
import type { SeverityCounts } from '../common/severity-counts.ts';
import type { ShedRule } from './admission-rules.ts';

/** Already validated. */
export interface QueueLimits {
  readonly maxQueueSize: number;
  readonly maxQueueBytes: number;
  readonly maxExportBatchSize: number;
  /** Records with which a batch is due; it can still be merged with others. Default: `maxExportBatchSize`. */
  readonly fullBatchRecords?: number;
  readonly maxExportBatchBytes: number;
  readonly scheduledDelayMillis: number;
  readonly overflow: 'drop-oldest' | 'drop-newest';
  /** Infinity if no severity is protected. */
  readonly protectSeverity: number;
  readonly shed: ShedRule | undefined;
}

export interface QueueListener {
  /** @param wasPassed whether the records had been handed to the exporter before. */
  dropped(reason: DropReason, records: number, wasPassed: boolean, severities: SeverityCounts): void;
  /** A batch was opened, became full, or lost records. */
  wake(): void;
}

export interface Amount {
  readonly records: number;
  readonly bytes: number;
}

/** Limits of one request. Default: none. */
export interface TakeSize {
  readonly maxRecords?: number;
  readonly maxBytes?: number;
}
