/** What a batch is to the queue and the driver: a bounded run of records whose form only the exporter's adapter knows. */

import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { SeverityCounts } from '../common/severity-counts.ts';

/**
 * The record `onEmit` is given. Taken from the processor's own signature because the name of the type
 * differs between the releases of sdk-logs that are supported.
 */
export type EmittedRecord = Parameters<LogRecordProcessor['onEmit']>[0];

/**
 * Records in the order of their admission.
 *
 * `records` and `bytes` are exact at every moment: the limits of the queue are sums of them. The methods
 * that remove a record return its size so that the caller can give back exactly what was taken.
 */
export interface LogBatch {
  /** How many records the batch holds. */
  readonly records: number;
  /** What those records weigh, in the unit of the adapter: estimated heap bytes, or bytes on the wire. */
  readonly bytes: number;
  /** The resources in here that do not have all their attributes yet. Never throws. */
  readonly pendingResources: readonly EmittedRecord['resource'][];
  /**
   * Takes in a record as it is now; what happens to it afterwards no longer matters.
   * @returns its size in bytes.
   * @throws whatever reading the record throws; the batch is then as it was.
   */
  add(record: EmittedRecord): number;
  /** Removes the oldest record and returns its size, 0 when there is none. */
  shift(): number;
  /** Removes the newest record and returns its size, 0 when there is none. */
  pop(): number;
  /** Takes in the records of the batch that follows this one, of the same kind; that one is not used any more. */
  append(next: LogBatch): void;
  /** Moves the oldest `records` records into a new batch, which is returned; this one keeps the rest. */
  split(records: number): LogBatch;
  /** The severity number of the record at this end, 0 when it has none or there is no record. */
  severityAt(end: BatchEnd): number;
  /** All records by their severity. Looks at each of them. */
  severities(): SeverityCounts;
  /**
   * Puts the records into the order in which a request has them: resource by resource, and scope by scope
   * within each, in the order in which those first appeared. It remains the order of what is split off and of what is
   * left when records are removed. `bytes` stays as it is.
   */
  regroup(): void;
}

export type BatchEnd = 'oldest' | 'newest';

/** Opens an empty batch: the one thing an adapter gives to the queue. */
export type OpenBatch<B extends LogBatch> = () => B;

/** Turns batches into bytes that can be kept outside of the process, and back. */
export interface BatchCodec<B extends LogBatch> {
  /**
   * Regroups the batch first, so that its record `i` is record `i` of what is returned: an OTLP
   * `ExportLogsServiceRequest`, which may share the memory of the batch and is then good until that changes.
   */
  encode(batch: B): Uint8Array;
  /**
   * The records of a request in their order. Nothing of the payload is kept.
   * @throws RangeError when it is no such request.
   */
  decode(payload: Uint8Array): B;
}
