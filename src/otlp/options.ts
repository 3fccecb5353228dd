/** Every option of the OTLP exporter that is about its requests, with its unit, its default and its range. */

import type { MeterProvider } from '@opentelemetry/api';

type Pem = string | Uint8Array;

/** As `tls.connect` of Node has them. */
export interface OtlpTlsOptions {
  /** Certificates to trust, as PEM, instead of those that Node trusts. */
  ca?: Pem | Pem[];
  /** The client's own certificate chain, as PEM. */
  cert?: Pem;
  /** The private key of `cert`, as PEM. */
  key?: Pem;
  /** What `key` is encrypted with. */
  passphrase?: string;
  /** The name the collector's certificate must have. Default: the host of the URL. */
  servername?: string;
}

/**
 * Of each environment variable named here there is one for logs alone, `OTEL_EXPORTER_OTLP_LOGS_…`, which
 * goes first. An option goes before both.
 */
export interface OtlpLogExporterOptions {
  /**
   * Where requests go, used as it is. Default `http://localhost:4318/v1/logs`; env `OTEL_EXPORTER_OTLP_ENDPOINT`, to
   * whose path `v1/logs` is appended, and `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, which is used as it is.
   */
  url?: string;
  /**
   * Headers of each request, or a function that is called for each request and gives them. They are added to those of
   * env `OTEL_EXPORTER_OTLP_HEADERS` (`key=value,key=value`, percent-encoded) and replace the ones of the same name.
   */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);
  /** Default `none`, env `OTEL_EXPORTER_OTLP_COMPRESSION`, in capitals or not. */
  compression?: 'none' | 'gzip';
  /**
   * Milliseconds one request may take; behind the processor its `exportTimeoutMillis` holds as well. Default 10,000, env
   * `OTEL_EXPORTER_OTLP_TIMEOUT`, range 0 (no limit) to 2,147,483,647.
   */
  timeoutMillis?: number;
  /**
   * Bytes of the body of a request, before it is compressed. A larger one is not sent: batches are made smaller, and a
   * record that alone is larger is dropped as `record_too_large`. Default 64 MiB (67,108,864), as the OTLP
   * specification recommends, range 1,024 to 2,147,483,647.
   */
  maxRequestBytes?: number;
  /** Requests, and so connections, at once at most. Default 16, range 1 to 1,000. */
  concurrencyLimit?: number;
  /**
   * Bytes that are read of an answer, after decompression; the specification: "Maximum response size". What was sent is
   * not sent again when the answer is longer, whatever its status; it is dropped as `rejected`. Default 4,194,304 (4 MiB),
   * range 1,024 to 1,073,741,824.
   */
  maxResponseBytes?: number;
  /** @internal Whether an answer with status 200 is a failure unless it is in OTLP: for `spool replay`, which then deletes. */
  demandsOtlp?: boolean;
  /** Goes before the exporter's own name in the header `User-Agent`. Default: nothing. */
  userAgent?: string;
  /**
   * For an `https:` URL. Default: the files named by env `OTEL_EXPORTER_OTLP_CERTIFICATE`,
   * `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE` and `OTEL_EXPORTER_OTLP_CLIENT_KEY`, of which none is read when this is given.
   * The files are read again when they have changed; what cannot be used is reported, and the connections go on being
   * made with what was there before. What cannot be used from the start fails the construction.
   */
  tls?: OtlpTlsOptions;
  /** Where the exporter reports itself. Default: the global MeterProvider, also when it is registered later. */
  meterProvider?: MeterProvider;
  /** The name that the stock exporters have for `meterProvider`. */
  selfObsMeterProvider?: MeterProvider;
}
