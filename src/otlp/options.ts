/** Every option of the OTLP exporter that is about its requests, with its unit, its default, its range and what happens beyond it. */

import type { MeterProvider } from '@opentelemetry/api';

type Pem = string | Uint8Array;

/**
 * What `tls.connect` of Node takes, under its names. What cannot be used (no PEM, a key that does not fit) fails the
 * construction: the exporter never falls back to the default trust.
 */
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
 * The options of the exporter; none is required. A value of the wrong type or out of range throws `ERR_SPILLWAY_OPTION`
 * at construction. Each environment variable named here has a counterpart for logs alone,
 * `OTEL_EXPORTER_OTLP_LOGS_…`, which wins over it; an option wins over both. A variable with a bad value is reported through
 * `diag.warn` and ignored. The names and the meaning of the variables are those of the specification ("OpenTelemetry
 * Protocol Exporter").
 *
 * Proxies are those of the environment: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or not.
 *
 * @example
 * ```ts
 * new SpillwayOtlpLogExporter({
 *   url: 'https://otlp.example.com/v1/logs',
 *   headers: async () => ({ authorization: `Bearer ${await tokens.current()}` }),
 *   compression: 'gzip',
 * });
 * ```
 */
export interface OtlpLogExporterOptions {
  /**
   * Where requests go, used as it is; anything but an `http:` or `https:` URL is an error. A user and a password in it
   * become Basic authentication. Default `http://localhost:4318/v1/logs`. It wins over env
   * `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, which is used as it is, and `OTEL_EXPORTER_OTLP_ENDPOINT`, to whose path `v1/logs` is
   * appended.
   */
  url?: string;
  /**
   * Headers of each request, or a function that is called for each request and gives them. They are added to those of
   * env `OTEL_EXPORTER_OTLP_HEADERS` (`key=value,key=value`, percent-encoded) and replace the ones of the same name.
   * A name or value that HTTP does not allow is an error, or fails the request where a function gives it. Headers about
   * the body and the connection (`Content-Type`, `Content-Length`, `Connection`, `User-Agent` and such) are ignored with a
   * warning.
   */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);
  /** Default `none`; anything but the two is an error. It wins over env `OTEL_EXPORTER_OTLP_COMPRESSION`, in capitals or not. */
  compression?: 'none' | 'gzip';
  /**
   * Milliseconds one request may take, from asking for its headers to the end of the answer; behind the processor its
   * `exportTimeoutMillis` (30,000 by default) holds as well. Default 10,000, range 0 (no limit) to 2,147,483,647, else an
   * error. It wins over env `OTEL_EXPORTER_OTLP_TIMEOUT`.
   */
  timeoutMillis?: number;
  /**
   * Bytes of the body of a request, before it is compressed. A larger one is not sent: batches are made smaller, and a
   * record that alone is larger is dropped as `record_too_large`. Default 67,108,864 (64 MiB), as the OTLP
   * specification recommends; range 1,024 to 2,147,483,647, else an error.
   */
  maxRequestBytes?: number;
  /**
   * Requests, and so connections, under way concurrently. Default 16, range 1 to 1,000, else an error; behind the
   * processor 64 at most.
   */
  concurrencyLimit?: number;
  /**
   * Bytes that are read of an answer, after decompression; the specification: "Maximum response size". What was sent is
   * not sent again when the answer is longer, whatever its status; it is dropped as `rejected`. Default 4,194,304 (4 MiB),
   * range 1,024 to 1,073,741,824, else an error.
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
  /** The name that the stock exporters have for `meterProvider`, which wins where both are given. */
  selfObsMeterProvider?: MeterProvider;
}
