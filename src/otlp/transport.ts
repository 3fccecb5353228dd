/** The interface between OTLP and the network: sends bytes, returns the answer without interpreting it. */

export interface PostOptions {
  /** Opens a new connection for this request and closes the idle ones. */
  readonly freshConnection?: boolean;
  /** Milliseconds to connect, including TLS and a proxy's tunnel. Default: no limit but that of the request. */
  readonly connectTimeoutMillis?: number;
  /** Keeps the process alive until the answer. Default true; false where whoever waits for it does so. */
  readonly keepAlive?: boolean;
  /** Preceding requests that timed out; each adds one time limit to that of this request. Default 0. */
  readonly silences?: number;
}

export interface OtlpTransport {
  /**
   * Resolves once the status is known and the body has been read as far as possible.
   * @param body must not change until the promise settles.
   * @returns a promise that settles within the configured time limit. It rejects with the reason of `signal`, or with
   *   an error whose `code` is that of its cause, if that has one (`ECONNREFUSED`, `ETIMEDOUT` …).
   */
  post(body: Uint8Array, signal: AbortSignal, options?: PostOptions): Promise<OtlpResponse>;

  /** Aborts all requests and closes all connections. */
  close(): Promise<void>;
}

export interface OtlpResponse {
  readonly status: number;
  /** The server's reason phrase, which is optional in HTTP. */
  readonly statusText?: string;
  readonly retryAfter: string | undefined;
  readonly contentType?: string | undefined;
  /** From a gRPC server that was reached by HTTP/1.1. */
  readonly grpcStatus?: string | undefined;
  readonly grpcMessage?: string | undefined;
  readonly body: Uint8Array;
  /** Default `whole`. */
  readonly extent?: BodyExtent;
  /** The URL without secrets, for messages. */
  readonly endpoint?: string;
  /** Removes the secrets of the request from a text of the server. */
  readonly conceal?: (text: string) => string;
}

/** `cut`: the connection failed, time ran out, or decompression failed. `too long`: longer than `maxResponseBytes`. */
export type BodyExtent = 'whole' | 'cut' | 'too long';
