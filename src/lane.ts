/** How an exporter's records travel: what its batches are made of and how one is sent. */

import type { Clock } from './clock.ts';
import { type AnyLogRecordExporter, ExporterSender } from './delivery/exporter-sender.ts';
import type { Sender } from './delivery/sender.ts';
import { TimeLimit } from './delivery/time-limit.ts';
import type { LogBatch, OpenBatch } from './queue/log-batch.ts';
import { RecordBatch } from './queue/record-batch.ts';

export interface LaneSettings {
  readonly maxRecordBytes: number;
  readonly exportTimeoutMillis: number;
}

/** The queue fills the batches and the driver sends them; neither knows what they are made of. */
export interface Lane<B extends LogBatch> {
  readonly openBatch: OpenBatch<B>;
  readonly sender: Sender<B>;
}

/** The lane for any `LogRecordExporter`: batches of records, sent by `export()`. */
export function plainLane(
  exporter: AnyLogRecordExporter,
  settings: LaneSettings,
  clock: Clock,
): Lane<RecordBatch> {
  return {
    openBatch: () => new RecordBatch(settings.maxRecordBytes),
    // The time limit is outermost: it has to hold whatever the exporter does, a callback that never comes
    // included. Retry and breaker are not wrappers around this but the driver's, because a batch that has to
    // wait goes back to the queue, where it can be overtaken, evicted, halved or flushed.
    sender: new TimeLimit(new ExporterSender(exporter, clock), settings.exportTimeoutMillis, clock),
  };
}
