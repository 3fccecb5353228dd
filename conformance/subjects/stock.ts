/** The SDK's own processor, with the official exporter. */

import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { MakeOptions } from '../subject.ts';

export const name = 'BatchLogRecordProcessor';

export function makeProcessor({ url, exporter, directory: _, ...times }: MakeOptions) {
  return new BatchLogRecordProcessor({ exporter: exporter ?? new OTLPLogExporter({ url }), ...times });
}
