/** The adapter between an exporter and the pipeline: its form of batches, its sender, and its defaults. */

import type { MeterProvider } from '@opentelemetry/api';
import type { Clock } from '../common/clock.ts';
import type { BatchCodec, LogBatch, OpenBatch } from '../queue/log-batch.ts';
import type { Sender } from './sender.ts';

export interface AdapterSettings {
  readonly maxRecordBytes: number;
  readonly meterProvider: MeterProvider | undefined;
  readonly clock: Clock;
  /** Called when `export()` was given records: the exporter may keep them until it is flushed. */
  readonly exporting: () => void;
}

/** The queue fills batches and the driver sends them; neither knows their contents. */
export interface ExporterAdapter<B extends LogBatch> {
  readonly openBatch: OpenBatch<B>;
  readonly sender: Sender<B>;
  readonly codec: BatchCodec<B>;
  /** Initial limit of concurrent exports; it then adapts to the destination. */
  readonly startingExports: number;
}

export interface AdapterDefaults {
  readonly maxExportBatchSize: number;
  /** Records with which a batch is due: it grows to `maxExportBatchSize` while it has to wait. Default: the latter. */
  readonly fullBatchRecords?: number;
  readonly maxConcurrentExports: number;
  /** Concurrent exports that the exporter refuses to exceed; undefined if it sets no limit. */
  readonly concurrencyLimit?: number;
  /** Limit for the bytes of a batch; undefined if the exporter sets none. */
  readonly maxRequestBytes?: number;
}

export interface AdapterFactory<B extends LogBatch> {
  readonly defaults: AdapterDefaults;
  open(settings: AdapterSettings): ExporterAdapter<B>;
}

/** The property that holds an exporter's adapter factory. A registered symbol works across two copies of this package. */
export const ADAPTER: unique symbol = Symbol.for('otel-spillway.adapter.1');

export const MAX_CONCURRENT_EXPORTS = 64;

/** A batch is due as soon as one of the stock processor would be, and grows while exports stall. */
const FULL_BATCH_RECORDS = 512;

/** The specification forbids concurrent `export` calls of one exporter. */
export const PLAIN_DEFAULTS: AdapterDefaults = {
  maxExportBatchSize: 4_096,
  fullBatchRecords: FULL_BATCH_RECORDS,
  maxConcurrentExports: 1,
};

/**
 * Less is serialised in one go than where exports must wait for each other, so that the event loop is free sooner.
 * @param concurrencyLimit of an exporter that is known to allow so many concurrent calls.
 */
export function concurrentDefaults(concurrencyLimit: number): AdapterDefaults {
  return {
    maxExportBatchSize: 1_024,
    fullBatchRecords: FULL_BATCH_RECORDS,
    maxConcurrentExports: concurrencyLimit,
    concurrencyLimit,
  };
}
