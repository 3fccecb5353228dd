/** Sends bytes to the collector by HTTP, once per call, and returns the answer without interpreting it. */

import type { IncomingHttpHeaders } from 'node:http';
import { type Cancel, systemClock, timeLimit } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import { CollectorRoute } from './collector-route.ts';
import type { OtlpConfig } from './config.ts';
import { exchange, gunzipped, gzipped, type HttpAnswer, IdleConnectionClosed } from './http-exchange.ts';
import { concealed, secretsOf, secretsOfAuthorization } from './secrets.ts';
import type { OtlpResponse, OtlpTransport, PostOptions } from './transport.ts';

/** A slow collector gets up to this many additional time limits, so that its requests do not time out for ever. */
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
    // Created before the timer starts, so that loading node:http takes no request time.
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
      // A status that arrived before the timeout or `close()` is used; after the caller's abort nobody waits for it.
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
    // Called synchronously: records that it logs are recognised as part of the export.
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
    { freshConnection = false, connectTimeoutMillis, keepAlive = true }: PostOptions,
  ): Promise<HttpAnswer> {
    const headers = { ...chosen, ...this.#ownHeaders };
    const once = (isUntouched: boolean) =>
      exchange((whenGivenUp) => route.request(headers, whenGivenUp, isUntouched), payload, {
        signal,
        maxResponseBytes: this.#config.maxResponseBytes,
        keepAlive,
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
        // On a new connection: the other idle ones are as old as this one.
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
      // The raw bytes do not belong in a report; the protocol that they reveal does.
      error.spoken = protocolOf(cause.rawPacket);
      delete cause.rawPacket;
    }
    return typeof code === 'string' ? Object.assign(error, { code }) : error;
  }
}

/** `spoken`: the protocol of the server, if it is a known one other than HTTP/1.1. */
class NoAnswer extends Error {
  spoken: ForeignProtocol | undefined;
}

/** Never early: Node counts a timer from the start of the event-loop turn, which may have loaded modules since then. */
function after(millis: number, callback: () => void): Cancel {
  const at = systemClock.now() + millis;
  let cancel: Cancel;
  const wait = () => {
    cancel = timeLimit(at - systemClock.now(), systemClock, () =>
      systemClock.now() < at ? wait() : callback(),
    );
  };
  wait();
  return () => cancel();
}

function untilAborted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject);
  });
}

/** A connection attempt to several addresses fails with an AggregateError that has no message of its own. */
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

/** HTTP/2 without TLS is most likely OTLP/gRPC. */
type ForeignProtocol = 'TLS' | 'HTTP/2';

/** Header of a TLS record: type `alert`, first byte of the version. */
const TLS_ALERT = [0x15, 0x03];
/** Frame type, after three bytes of length: every HTTP/2 server begins with a SETTINGS frame. */
const HTTP2_SETTINGS = 0x04;

/** Recognises a server that does not speak HTTP/1.1. @param bytes of its answer that Node's HTTP parser refused. */
function protocolOf(bytes: unknown): ForeignProtocol | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined;
  if (TLS_ALERT.every((byte, index) => bytes[index] === byte)) return 'TLS';
  return bytes[0] === 0 && bytes[3] === HTTP2_SETTINGS ? 'HTTP/2' : undefined;
}

/** Bounds the number of concurrent requests; others wait in order. */
export class RequestSlots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Takes a slot, which must be released. @returns undefined if one was free. */
  take(signal: AbortSignal): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const proceed = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.delete(proceed);
        reject(signal.reason);
      };
      this.#waiting.add(proceed);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
    } else {
      this.#waiting.delete(next);
      next();
    }
  }
}
