/** Asks an exporter for its adapter; any other one gets the plain one: batches of records, sent by `export()`. */

import { ADAPTER, type AdapterFactory, PLAIN_DEFAULTS } from '../delivery/exporter-adapter.ts';
import { type AnyLogRecordExporter, ExporterSender } from '../delivery/exporter-sender.ts';
import { RecordBatchCodec } from '../otlp/encoding/record-batch-codec.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import { RecordBatch } from '../records/record-batch.ts';

/** The adapter the exporter brings, or else the plain one: batches of records, sent by `export()`. */
export function adapterFor(exporter: AnyLogRecordExporter): AdapterFactory<LogBatch> {
  const own = (exporter as { readonly [ADAPTER]?: AdapterFactory<LogBatch> })[ADAPTER];
  if (own !== undefined) return own;
  const plain: AdapterFactory<RecordBatch> = {
    defaults: PLAIN_DEFAULTS,
    open: ({ maxRecordBytes, clock, exporting }) => ({
      openBatch: () => new RecordBatch(maxRecordBytes),
      sender: new ExporterSender(exporter, clock, exporting),
      codec: new RecordBatchCodec(maxRecordBytes),
      // An application that allows more than one has said that its exporter is made for that.
      startingExports: Number.POSITIVE_INFINITY,
    }),
  };
  return plain as AdapterFactory<LogBatch>;
}
