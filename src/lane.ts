/** How an exporter's records travel: what its batches are made of, how one is sent, and how many at once. */

import type { MeterProvider } from '@opentelemetry/api';
import type { Clock } from './clock.ts';
import { type AnyLogRecordExporter, ExporterSender } from './delivery/exporter-sender.ts';
import type { Sender } from './delivery/sender.ts';
import type { LogBatch, OpenBatch } from './queue/log-batch.ts';
import { RecordBatch } from './queue/record-batch.ts';

export interface LaneSettings {
  readonly maxRecordBytes: number;
  readonly meterProvider: MeterProvider | undefined;
  readonly clock: Clock;
}

/** The queue fills the batches and the driver sends them; neither knows what they are made of. */
export interface Lane<B extends LogBatch> {
  readonly openBatch: OpenBatch<B>;
  readonly sender: Sender<B>;
  /** Exports at once at most, where the options do not say. */
  readonly concurrentExports: number;
  /** Exports at once at first. */
  readonly startingExports: number;
}

/**
 * The method by which an exporter brings a lane of its own. A registered symbol, so that exporter and
 * processor find each other even if they come from two copies of this package.
 */
export const LANE: unique symbol = Symbol.for('otel-spillway.lane.1');

export interface LaneProvider<B extends LogBatch> {
  [LANE](settings: LaneSettings): Lane<B>;
}

/** The lane the exporter brings, or else the plain one: batches of records, sent by `export()`. */
export function laneOf(exporter: AnyLogRecordExporter, settings: LaneSettings): Lane<LogBatch> {
  const own = (exporter as Partial<LaneProvider<LogBatch>>)[LANE];
  if (own !== undefined) return own.call(exporter as AnyLogRecordExporter & LaneProvider<LogBatch>, settings);
  const plain: Lane<RecordBatch> = {
    openBatch: () => new RecordBatch(settings.maxRecordBytes),
    sender: new ExporterSender(exporter, settings.clock),
    // The specification: export is not called concurrently for one exporter.
    concurrentExports: 1,
    // An application that raises it has said that its exporter is made for that.
    startingExports: Number.POSITIVE_INFINITY,
  };
  return plain as Lane<LogBatch>;
}
