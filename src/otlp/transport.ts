/** Where OTLP ends and the network begins: bytes go out, and what came back is told as it is. */

export interface PostOptions {
  /** Over a connection that is made for this request; those that are idle are given up. */
  readonly freshConnection?: boolean;
  /** Milliseconds within which there must be a connection, TLS and a proxy's tunnel included. Default: no bound of its own. */
  readonly connectTimeoutMillis?: number;
}

export interface OtlpTransport {
  /**
   * Resolves as soon as the status is known and the body was read as far as that is possible.
   * @param body must not change until this settles.
   * @returns a promise that settles within the time limit of the configuration. It rejects with the reason of `signal`,
   *   or with an error that says why there is no answer; its `code` is that of the cause (`ECONNREFUSED`, `ETIMEDOUT` …),
   *   where that has one.
   */
  post(body: Uint8Array, signal: AbortSignal, options?: PostOptions): Promise<OtlpResponse>;

  /** Ends what is under way, and every connection. */
  close(): Promise<void>;
}

export interface OtlpResponse {
  readonly status: number;
  /** In the server's words, which HTTP does not demand. */
  readonly statusText?: string;
  readonly retryAfter: string | undefined;
  readonly contentType?: string | undefined;
  /** Of a gRPC server that was reached by HTTP/1.1. */
  readonly grpcStatus?: string | undefined;
  readonly grpcMessage?: string | undefined;
  readonly body: Uint8Array;
  /** Whether `body` is all of it. Default `whole`. */
  readonly extent?: BodyExtent;
  /** The URL without what may be secret in it, for messages. */
  readonly endpoint?: string;
  /** Takes out of a text of the server's what the request told it in confidence. */
  readonly conceal?: (text: string) => string;
}

/** `cut`: the connection, the time or the compression ended first. `too long`: longer than `maxResponseBytes`. */
export type BodyExtent = 'whole' | 'cut' | 'too long';
