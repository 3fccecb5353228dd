/** Asks an exporter for its adapter; others get the plain one, with batches of records sent by `export()`. */

import {
  ADAPTER,
  type AdapterFactory,
  concurrentDefaults,
  PLAIN_DEFAULTS,
} from '../delivery/exporter-adapter.ts';
import { type AnyLogRecordExporter, ExporterSender } from '../delivery/exporter-sender.ts';
import { concurrencyLimitOf } from '../delivery/official-exporter.ts';
import { RecordBatchCodec } from '../otlp/encoding/record-batch-codec.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import { RecordBatch } from '../records/record-batch.ts';

export function adapterFor(exporter: AnyLogRecordExporter): AdapterFactory<LogBatch> {
  const own = (exporter as { readonly [ADAPTER]?: AdapterFactory<LogBatch> })[ADAPTER];
  if (own !== undefined) return own;
  const concurrencyLimit = concurrencyLimitOf(exporter);
  const plain: AdapterFactory<RecordBatch> = {
    defaults: concurrencyLimit === undefined ? PLAIN_DEFAULTS : concurrentDefaults(concurrencyLimit),
    open: ({ maxRecordBytes, clock, exporting }) => ({
      openBatch: () => new RecordBatch(maxRecordBytes),
      sender: new ExporterSender(exporter, clock, exporting, concurrencyLimit),
      codec: new RecordBatchCodec(maxRecordBytes),
      // For an unknown exporter, an application that allows concurrent exports states how many are good.
      startingExports: concurrencyLimit === undefined ? Number.POSITIVE_INFINITY : 1,
    }),
  };
  return plain as AdapterFactory<LogBatch>;
}
