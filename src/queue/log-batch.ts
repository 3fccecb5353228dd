/** The interface of batches for queue and driver; only the exporter's adapter knows their form. */

import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { SeverityCounts } from '../common/severity-counts.ts';

/** Taken from the signature of `onEmit`: the name of the type differs between supported releases of sdk-logs. */
export type EmittedRecord = Parameters<LogRecordProcessor['onEmit']>[0];

/** Records in order of admission. `records` and `bytes` are always exact: the queue's limits are sums of them. */
export interface LogBatch {
  readonly records: number;
  /** In the adapter's unit: estimated heap bytes, or bytes on the wire. */
  readonly bytes: number;
  /** Resources whose attributes have not all resolved. Never throws. */
  readonly pendingResources: readonly EmittedRecord['resource'][];
  /** Copies a record. @returns its size in bytes. @throws errors of reading the record; the batch is then unchanged. */
  add(record: EmittedRecord): number;
  /** Removes the oldest record. @returns its size, 0 if there was none. */
  shift(): number;
  /** Removes the newest record. @returns its size, 0 if there was none. */
  pop(): number;
  /** Takes over the records of the following batch, of the same kind, which must not be used afterwards. */
  append(next: LogBatch): void;
  /** Moves the oldest `records` records into a new batch. */
  split(records: number): LogBatch;
  /** 0 if the record has no severity number, or there is no record. */
  severityAt(end: BatchEnd): number;
  /** Reads every record. */
  severities(): SeverityCounts;
  /**
   * Sorts the records as a request has them: by resource, then by scope, in order of first appearance. The order survives
   * splits and removals; `bytes` does not change.
   */
  regroup(): void;
}

export interface Amount {
  readonly records: number;
  readonly bytes: number;
}

/** Limits of one request. Default: none. */
export interface TakeSize {
  readonly maxRecords?: number;
  readonly maxBytes?: number;
  /** Whether other batches will have to wait for an export to end: the request may then be larger than a full batch. */
  readonly othersWait?: boolean;
}

export type BatchEnd = 'oldest' | 'newest';

export type OpenBatch<B extends LogBatch> = () => B;

export interface BatchCodec<B extends LogBatch> {
  /**
   * Regroups the batch first, so that its record `i` is record `i` of the result: an OTLP `ExportLogsServiceRequest` that
   * may share the batch's memory and is valid until the batch changes.
   */
  encode(batch: B): Uint8Array;
  /** The records in order, independent of the payload's memory. @throws RangeError if it is no such request. */
  decode(payload: Uint8Array): B;
}
