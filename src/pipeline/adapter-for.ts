/** Asks an exporter for its adapter; others get the plain one, with batches of records sent by `export()`. */

import { ADAPTER, type AdapterFactory, PLAIN_DEFAULTS } from '../delivery/exporter-adapter.ts';
import { type AnyLogRecordExporter, ExporterSender } from '../delivery/exporter-sender.ts';
import { RecordBatchCodec } from '../otlp/encoding/record-batch-codec.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import { RecordBatch } from '../records/record-batch.ts';

export function adapterFor(exporter: AnyLogRecordExporter): AdapterFactory<LogBatch> {
  const own = (exporter as { readonly [ADAPTER]?: AdapterFactory<LogBatch> })[ADAPTER];
  if (own !== undefined) return own;
  const plain: AdapterFactory<RecordBatch> = {
    defaults: PLAIN_DEFAULTS,
    open: ({ maxRecordBytes, clock, exporting }) => ({
      openBatch: () => new RecordBatch(maxRecordBytes),
      sender: new ExporterSender(exporter, clock, exporting),
      codec: new RecordBatchCodec(maxRecordBytes),
      // An application that allows concurrent exports states that its exporter supports them.
      startingExports: Number.POSITIVE_INFINITY,
    }),
  };
  return plain as AdapterFactory<LogBatch>;
}
