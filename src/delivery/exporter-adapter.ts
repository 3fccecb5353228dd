/** How an exporter's records travel: what its batches are made of, how one is sent, and how many at once. */

import type { MeterProvider } from '@opentelemetry/api';
import type { Clock } from '../common/clock.ts';
import type { BatchCodec, LogBatch, OpenBatch } from '../queue/log-batch.ts';
import type { Sender } from './sender.ts';

export interface AdapterSettings {
  readonly maxRecordBytes: number;
  readonly meterProvider: MeterProvider | undefined;
  readonly clock: Clock;
  /** Is told that the exporter's `export()` was given records: it may keep them until it is flushed. */
  readonly exporting: () => void;
}

/** The queue fills the batches and the driver sends them; neither knows what they are made of. */
export interface ExporterAdapter<B extends LogBatch> {
  readonly openBatch: OpenBatch<B>;
  readonly sender: Sender<B>;
  readonly codec: BatchCodec<B>;
  /** Exports at once at first; from there on as many as the destination can take. */
  readonly startingExports: number;
}

/** What an exporter works best with, where the options do not say. */
export interface AdapterDefaults {
  readonly maxExportBatchSize: number;
  readonly maxConcurrentExports: number;
  /** Bytes of a batch that the exporter can send at most; undefined where it does not say. */
  readonly maxRequestBytes?: number;
}

/** What an exporter gives to the processor that owns it. */
export interface AdapterFactory<B extends LogBatch> {
  readonly defaults: AdapterDefaults;
  open(settings: AdapterSettings): ExporterAdapter<B>;
}

/**
 * The property by which an exporter brings an adapter of its own. A registered symbol, so that exporter and
 * processor find each other even if they come from two copies of this package.
 */
export const ADAPTER: unique symbol = Symbol.for('otel-spillway.adapter.1');

/** The upper end of the range of `maxConcurrentExports`. */
export const MAX_CONCURRENT_EXPORTS = 64;

/** As the stock processor has them; the specification: export is not called concurrently for one exporter. */
export const PLAIN_DEFAULTS: AdapterDefaults = { maxExportBatchSize: 512, maxConcurrentExports: 1 };
