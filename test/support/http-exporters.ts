/** The official OTLP/HTTP exporters, as the tests of real sockets make them. */

import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';

const exporters = { json: JsonExporter, protobuf: ProtobufExporter };

export type HttpEncoding = keyof typeof exporters;
export const HTTP_ENCODINGS = Object.keys(exporters) as HttpEncoding[];

/**
 * Below the exporter's own first retry, which comes after 800 to 1,200 ms: with this timeout it tells of a
 * failure at once instead of sitting it out.
 */
export const IMPATIENT_MILLIS = 300;

/** @param timeoutMillis what the exporter may take for a request and its own retries of it. */
export function httpExporter(
  encoding: HttpEncoding,
  url: string,
  timeoutMillis = IMPATIENT_MILLIS,
): JsonExporter {
  return new exporters[encoding]({ url, timeoutMillis });
}
