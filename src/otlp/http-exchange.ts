/** Exchanges one HTTP request and its answer on one connection; compresses the one and decompresses the other. */

import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import { systemClock, timeLimit } from '../common/clock.ts';
import type { BodyExtent } from './transport.ts';

/** Interim answers (1xx) have no use here; more than this fail the request. */
const MAX_INTERIM_ANSWERS = 20;
/** No server closes an idle connection sooner. */
const MIN_IDLE_MILLIS = 500;
/** A close that crossed the request is noticed after one round trip, which takes less than this. */
const MAX_CROSSING_MILLIS = 1_000;

const idleSince = new WeakMap<Socket, number>();

export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
  readonly extent: BodyExtent;
}

/**
 * The server closed an idle connection before the request arrived, as far as a client can know: the connection had been
 * idle for at least the shortest of the usual limits, it ended without one byte of an answer, and either the request
 * was incomplete, or the end came so soon that it may have crossed the request.
 *
 * A server that fails on a request this fast is mistaken for one that closed. The second attempt, on a new connection,
 * is the last and reports the failure; any retry would have sent the request twice as well (at-least-once delivery).
 */
export class IdleConnectionClosed extends Error {}

export interface ExchangeLimits {
  /** Its reason becomes the error; once the status is known, it only ends the reading of the body. */
  readonly signal: AbortSignal;
  readonly maxResponseBytes: number;
  /** Whether the connection keeps the process alive; one that is being opened does so in any case. */
  readonly keepAlive: boolean;
  readonly connect?: { readonly timeoutMillis: number; readonly error: () => Error } | undefined;
}

/** Registers a function that aborts the opening of a connection if its request is given up. */
export type WhenGivenUp = (cancel: (error: Error) => void) => void;

/** @param open creates the request without sending it. */
export function exchange(
  open: (whenGivenUp: WhenGivenUp) => ClientRequest,
  payload: Uint8Array,
  { signal, maxResponseBytes, keepAlive, connect }: ExchangeLimits,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let cancelConnection = (_error: Error) => {};
    const request = open((cancel) => {
      cancelConnection = cancel;
    });
    const startedAt = systemClock.now();
    const chunks: Buffer[] = [];
    let socket: Socket | undefined;
    let bytesBefore = 0;
    let receivedBytes = 0;
    let interimAnswers = 0;
    let answer: IncomingMessage | undefined;
    let cancelConnectTimer = () => {};

    const release = () => {
      cancelConnectTimer();
      signal.removeEventListener('abort', abort);
    };
    const fail = (error: Error) => {
      release();
      reject(error);
      // A request without a connection does not abort the one that is being opened.
      cancelConnection(error);
      request.destroy();
    };
    const settle = (extent: BodyExtent) => {
      if (answer === undefined) return;
      // Data that has arrived may still be buffered: `read` emits it as `data`.
      if (extent === 'cut') answer.read();
      release();
      if (socket !== undefined) idleSince.set(socket, systemClock.now());
      resolve({
        status: answer.statusCode ?? 0,
        statusText: answer.statusMessage ?? '',
        headers: answer.headers,
        trailers: answer.trailers,
        body: Buffer.concat(chunks),
        extent,
      });
      // A connection with unread or unwritten bytes must not be reused.
      if (extent !== 'whole' || !request.writableFinished) request.destroy();
    };
    const end = (error: Error) => {
      if (answer !== undefined) settle('cut');
      else fail(isIdleClose(error) ? new IdleConnectionClosed(error.message, { cause: error }) : error);
    };
    const isIdleClose = (error: NodeJS.ErrnoException) =>
      socket !== undefined &&
      request.reusedSocket &&
      startedAt - (idleSince.get(socket) ?? startedAt) >= MIN_IDLE_MILLIS &&
      (error.code === 'ECONNRESET' || error.code === 'EPIPE') &&
      socket.bytesRead === bytesBefore &&
      (!request.writableFinished || systemClock.now() - startedAt < MAX_CROSSING_MILLIS);
    const abort = () => end(signal.reason);

    // Never removed: a request that was given up may emit another error.
    request.on('error', end);
    request.on('socket', (assigned) => {
      socket = assigned;
      bytesBefore = assigned.bytesRead;
      if (!keepAlive) unref(assigned);
      if (request.reusedSocket) cancelConnectTimer();
      else assigned.once('encrypted' in assigned ? 'secureConnect' : 'connect', cancelConnectTimer);
    });
    request.on('information', () => {
      if (++interimAnswers > MAX_INTERIM_ANSWERS) request.destroy(new Error('interim answers without end'));
    });
    request.on('response', (incoming) => {
      if ((incoming.statusCode ?? 0) < 200) return void request.destroy(new Error('a status that is none'));
      answer = incoming;
      incoming.on('data', (chunk: Buffer) => {
        receivedBytes += chunk.length;
        if (receivedBytes > maxResponseBytes) return settle('too long');
        chunks.push(chunk);
      });
      incoming.on('end', () => settle(incoming.complete ? 'whole' : 'cut'));
      incoming.on('error', end);
      incoming.on('close', () => settle('cut'));
    });
    signal.addEventListener('abort', abort, { once: true });
    if (connect !== undefined) {
      cancelConnectTimer = timeLimit(connect.timeoutMillis, systemClock, () => fail(connect.error()));
    }
    request.end(payload);
  });
}

/** Each of several addresses of a host is tried with a handle of its own. */
function unref(socket: Socket): void {
  socket.unref();
  if (socket.connecting) socket.on('connectionAttempt', () => socket.unref());
}

/** zlib's error code for output beyond `maxOutputLength`. */
const TOO_LONG = 'ERR_BUFFER_TOO_LARGE';

/** Outside of the main thread, like {@link gunzipped}. */
export function gzipped(body: Uint8Array): Promise<Uint8Array> {
  return promisify(process.getBuiltinModule('node:zlib').gzip)(body);
}

/** Servers may compress unasked (RFC 9110, section 12.5.3). An undecodable body becomes an empty one that is `cut`. */
export async function gunzipped(
  { headers, body, extent }: HttpAnswer,
  maxBytes: number,
): Promise<Pick<HttpAnswer, 'body' | 'extent'>> {
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (body.length === 0 || encoding === 'identity' || extent === 'too long') return { body, extent };
  const { unzip, brotliDecompress } = process.getBuiltinModule('node:zlib');
  try {
    const inflate = promisify<Buffer, ZlibOptions, Buffer>(encoding === 'br' ? brotliDecompress : unzip);
    return { body: await inflate(body, { maxOutputLength: maxBytes }), extent };
  } catch (error) {
    const isTooLong = (error as NodeJS.ErrnoException).code === TOO_LONG;
    return { body: Buffer.alloc(0), extent: isTooLong ? 'too long' : 'cut' };
  }
}
