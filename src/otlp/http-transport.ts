/** Sends bytes to the collector by HTTP, once per call, and tells what came back. It knows nothing of OTLP's answers. */

import type { IncomingHttpHeaders } from 'node:http';
import { type Cancel, systemClock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import { CollectorRoute } from './collector-route.ts';
import { gunzipped, gzipped } from './compression.ts';
import type { OtlpConfig } from './config.ts';
import { type ForeignProtocol, protocolOf } from './foreign-protocol.ts';
import { exchange, type HttpAnswer, IdleConnectionClosed } from './http-exchange.ts';
import { RequestSlots } from './request-slots.ts';
import { concealed, secretsOf, secretsOfAuthorization } from './secrets.ts';
import type { OtlpResponse, OtlpTransport, PostOptions } from './transport.ts';

/** A collector that has become slow is given up to so many times more than the time limit, so that it is not aborted for ever. */
const MAX_EXTENSIONS = 5;

type Headers = Readonly<Record<string, string>>;

export class HttpTransport implements OtlpTransport {
  readonly #config: OtlpConfig;
  readonly #endpoint: string;
  readonly #ownHeaders: Headers;
  readonly #slots: RequestSlots;
  readonly #attempts = new Set<AbortController>();
  #route: CollectorRoute | undefined;
  #closed: Error | undefined;

  constructor(config: OtlpConfig) {
    this.#config = config;
    const { origin, pathname } = config.url;
    const through = config.proxy === undefined ? '' : ` through the proxy ${config.proxy.origin}`;
    this.#endpoint = origin + pathname + through;
    this.#ownHeaders = {
      'content-type': 'application/x-protobuf',
      ...(config.compression === 'gzip' && { 'content-encoding': 'gzip' }),
      'user-agent': config.userAgent,
    };
    this.#slots = new RequestSlots(config.concurrencyLimit);
  }

  async post(body: Uint8Array, signal: AbortSignal, options: PostOptions = {}): Promise<OtlpResponse> {
    signal.throwIfAborted();
    if (this.#closed !== undefined) throw this.#closed;
    // Loaded by whoever is the first to need it, and not in the time that a request has.
    this.#route ??= new CollectorRoute(this.#config);
    const attempt = new AbortController();
    const abort = () => attempt.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timeoutMillis = this.#config.timeoutMillis * (1 + Math.min(options.silences ?? 0, MAX_EXTENSIONS));
    const cancelTimer = after(timeoutMillis, () =>
      attempt.abort(this.#lateError(`none within ${timeoutMillis} ms`)),
    );
    this.#attempts.add(attempt);
    try {
      const response = await this.#send(this.#route, body, attempt.signal, options);
      // Of a status that came before it ran out of time, or was closed, use is made; not of one nobody waits for.
      signal.throwIfAborted();
      return response;
    } finally {
      this.#attempts.delete(attempt);
      cancelTimer();
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = new Error('the OTLP exporter was shut down');
    for (const attempt of this.#attempts) attempt.abort(this.#closed);
    this.#route?.close();
  }

  async #send(
    route: CollectorRoute,
    body: Uint8Array,
    signal: AbortSignal,
    options: PostOptions,
  ): Promise<OtlpResponse> {
    // Called here, not in a turn of its own: what it logs is part of the export.
    const chosen = this.#config.headers();
    const headers = isPromise(chosen) ? await untilAborted(chosen, signal) : chosen;
    const payload = this.#config.compression === 'gzip' ? await untilAborted(gzipped(body), signal) : body;
    const looked = this.#config.tls.refresh?.();
    if (looked !== undefined) await untilAborted(looked, signal);
    const waited = this.#slots.take(signal);
    if (waited !== undefined) await waited;
    let answer: HttpAnswer;
    try {
      answer = await this.#exchange(route, headers, payload, signal, options);
    } finally {
      this.#slots.release();
    }
    return this.#responseOf(answer, headers);
  }

  async #exchange(
    route: CollectorRoute,
    chosen: Headers,
    payload: Uint8Array,
    signal: AbortSignal,
    { freshConnection = false, connectTimeoutMillis }: PostOptions,
  ): Promise<HttpAnswer> {
    const headers = { ...chosen, ...this.#ownHeaders };
    const once = (isUntouched: boolean) =>
      exchange((whenGivenUp) => route.request(headers, whenGivenUp, isUntouched), payload, {
        signal,
        maxResponseBytes: this.#config.maxResponseBytes,
        connect:
          connectTimeoutMillis === undefined
            ? undefined
            : {
                timeoutMillis: connectTimeoutMillis,
                error: () => this.#lateError(`no connection within ${connectTimeoutMillis} ms`),
              },
      });
    try {
      try {
        return await once(freshConnection);
      } catch (error) {
        if (!(error instanceof IdleConnectionClosed)) throw error;
        // Its neighbours are as old as it was.
        return await once(true);
      }
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw cause instanceof NoAnswer ? cause : this.#noAnswer(reasonOf(cause), cause);
    }
  }

  async #responseOf(answer: HttpAnswer, chosen: Headers): Promise<OtlpResponse> {
    const { status, statusText, headers, trailers } = answer;
    const { body, extent } = await gunzipped(answer, this.#config.maxResponseBytes);
    return {
      status,
      statusText,
      retryAfter: headers['retry-after'],
      contentType: headers['content-type'],
      grpcStatus: single(headers, 'grpc-status') ?? trailers['grpc-status'],
      grpcMessage: single(headers, 'grpc-message') ?? trailers['grpc-message'],
      body,
      extent,
      endpoint: this.#endpoint,
      conceal: (text) => concealed(text, this.#secrets(chosen)),
    };
  }

  #secrets(chosen: Headers): string[] {
    const { url, proxy } = this.#config;
    return [...secretsOf(url, chosen), ...secretsOfAuthorization(proxy?.authorization)];
  }

  #lateError(reason: string): Error {
    return this.#noAnswer(reason, Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }));
  }

  #noAnswer(reason: string, cause: unknown): Error {
    const code = (cause as { code?: unknown } | null)?.code;
    const error = new NoAnswer(`no answer from ${this.#endpoint}: ${reason}`, { cause });
    if (cause instanceof Error && 'rawPacket' in cause) {
      // What a server sends that speaks no HTTP is no part of the report, but what it is tells what to do.
      error.spoken = protocolOf(cause.rawPacket);
      delete cause.rawPacket;
    }
    return typeof code === 'string' ? Object.assign(error, { code }) : error;
  }
}

/** Why there is no answer; `spoken`, where the server speaks another protocol that is known. */
class NoAnswer extends Error {
  spoken: ForeignProtocol | undefined;
}

/** Not early: for Node a timer begins with the turn of the event loop, which may have loaded modules since then. */
function after(millis: number, callback: () => void): Cancel {
  const at = systemClock.now() + millis;
  let cancel: Cancel;
  const wait = () => {
    cancel = systemClock.timer(() => (systemClock.now() < at ? wait() : callback()), at - systemClock.now());
  };
  wait();
  return () => cancel();
}

/** Rejects when the signal aborts, whether or not the work can be cancelled. */
function untilAborted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject);
  });
}

/** A connection tried at several addresses fails with one error that has no message, and one for each of them. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T>).then === 'function';
}

function single(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
