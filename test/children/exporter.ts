/** The official exporter for those scripts that have a collector: to load it takes the others as long as all else. */

import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';

/** Sends to a collector, and gives up before its own first retry. */
export function exporterTo(url: string): OTLPLogExporter {
  return new OTLPLogExporter({ url, timeoutMillis: 300 });
}
