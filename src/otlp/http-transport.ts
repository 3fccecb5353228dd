/** Sends bytes to the collector by HTTP, once per call, and tells what came back. It knows nothing of OTLP's answers. */

import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import { systemClock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { type CollectorRoute, openRoute } from './collector-route.ts';
import type { OtlpConfig } from './otlp-config.ts';

/** The limit of the OTLP specification for what a client reads of a response. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

// Works in a thread of its own.
const gzip = promisify(gzipWithCallback);

export interface OtlpResponse {
  readonly status: number;
  /** In the server's words, which HTTP does not demand. */
  readonly statusText?: string;
  readonly retryAfter: string | undefined;
  readonly contentType?: string | undefined;
  /** Not all of it where it is too long or was cut short: what counts is the status. */
  readonly body: Uint8Array;
  /** The URL without what may be secret in it, for messages. */
  readonly endpoint?: string;
}

/** What the exporter needs of a transport; the tests have others. */
export type OtlpTransport = Pick<HttpTransport, 'post' | 'close'>;

export class HttpTransport {
  readonly #config: OtlpConfig;
  readonly #endpoint: string;
  readonly #ownHeaders: Readonly<Record<string, string>>;
  readonly #closing = new AbortController();
  readonly #attempts = new Set<AbortController>();
  readonly #route: Promise<CollectorRoute>;

  constructor(config: OtlpConfig) {
    this.#config = config;
    this.#endpoint = config.url.origin + config.url.pathname;
    this.#ownHeaders = {
      'content-type': 'application/x-protobuf',
      ...(config.compression === 'gzip' && { 'content-encoding': 'gzip' }),
      'user-agent': config.userAgent,
    };
    // One listener for each connection is no leak.
    setMaxListeners(0, this.#closing.signal);
    this.#route = openRoute(config, this.#closing.signal);
    // Whoever posts is told.
    this.#route.catch(() => {});
  }

  /**
   * Resolves as soon as the status is known and the body was read as far as that is possible.
   * @param body must not change until this settles.
   * @returns a promise that settles within `timeoutMillis`, the function for the headers included. It rejects with
   *   the reason of `signal`, or with an error that says why there is no answer; its `code` is that of the cause
   *   (`ECONNREFUSED`, `ETIMEDOUT` …), where that has one.
   */
  async post(body: Uint8Array, signal: AbortSignal): Promise<OtlpResponse> {
    signal.throwIfAborted();
    const attempt = new AbortController();
    const abort = () => attempt.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const cancelTimer = systemClock.timer(
      () => attempt.abort(this.#timeoutError()),
      this.#config.timeoutMillis,
    );
    this.#attempts.add(attempt);
    try {
      if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
      const response = await untilAborted(this.#send(body, attempt.signal), attempt.signal);
      const received = await read(response.body);
      // Of a status that came before it ran out of time, or was closed, use is made; not of one nobody waits for.
      signal.throwIfAborted();
      return {
        status: response.statusCode,
        statusText: response.statusText,
        retryAfter: first(response.headers['retry-after']),
        contentType: first(response.headers['content-type']),
        body: received,
        endpoint: this.#endpoint,
      };
    } finally {
      this.#attempts.delete(attempt);
      cancelTimer();
      signal.removeEventListener('abort', abort);
    }
  }

  /** Ends what is under way, and every connection. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const reason = new Error('the OTLP exporter was shut down');
    for (const attempt of this.#attempts) attempt.abort(reason);
    const destroyed = this.#route.then(
      ({ dispatcher }) => dispatcher.destroy(reason),
      () => {},
    );
    this.#closing.abort(reason);
    await destroyed;
  }

  async #send(body: Uint8Array, signal: AbortSignal) {
    // Called here, not in a turn of its own: what it logs is part of the export.
    const chosen = this.#config.headers();
    const headers = isPromise(chosen) ? await chosen : chosen;
    const payload = this.#config.compression === 'gzip' ? await gzip(body) : body;
    const { dispatcher, origin, path, headers: routeHeaders } = await this.#route;
    signal.throwIfAborted();
    try {
      return await dispatcher.request({
        origin,
        path,
        method: 'POST',
        headers: { ...routeHeaders, ...headers, ...this.#ownHeaders },
        body: payload,
        signal,
      });
    } catch (cause) {
      throw this.#noAnswer(reasonOf(cause), cause);
    }
  }

  #timeoutError(): Error {
    const cause = Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' });
    return this.#noAnswer(`none within ${this.#config.timeoutMillis} ms`, cause);
  }

  #noAnswer(reason: string, cause: unknown): Error {
    const code = (cause as { code?: unknown } | null)?.code;
    const error = new Error(`no answer from ${this.#endpoint}: ${reason}`, { cause });
    return typeof code === 'string' ? Object.assign(error, { code }) : error;
  }
}

/** Rejects when the signal aborts, whether or not the work can be cancelled: making a connection cannot. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

/** Reads a body as far as it comes, and no further than the limit. */
function read(body: Readable): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const done = () => resolve(Buffer.concat(chunks));
    body.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > MAX_RESPONSE_BYTES) body.destroy();
      else chunks.push(chunk);
    });
    body.on('end', done).on('error', done).on('close', done);
  });
}

/** A connection tried at several addresses fails with one error that has no message, and one for each of them. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T>).then === 'function';
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
