/** One HTTP request on one connection: writes it, and reads the answer as far as it comes. */

import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../common/clock.ts';
import type { BodyExtent } from './transport.ts';

/** Interim answers (1xx) that a server may send before the answer; nobody has use for even one of them. */
const MAX_INTERIM_ANSWERS = 20;
/** No server gives up a connection for idleness sooner. */
const MIN_IDLE_MILLIS = 500;
/** A close that crossed the request on its way is known after one round trip, which is not longer than this. */
const MAX_CROSSING_MILLIS = 1_000;

/** When the last answer on a connection had ended. */
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
 * The connection was closed while it was idle, as far as can be known, and the request was too late.
 *
 * A server that gives up an idle connection does not know of the request that is on its way, and TCP does not tell how
 * much of it was read. That nothing of it can have been processed is taken for certain when
 * - the connection had been used before, and then idle for as long as the shortest of the usual limits,
 * - and ended without one byte of an answer,
 * - before all of the request was handed to the system, of which nobody can make anything, or so soon that the news of
 *   the end may have been under way before the request arrived.
 *
 * A server that fails while it works on the request, and does so that fast, is taken for this, too. Its failure is the
 * answer to the second attempt then, which has a connection of its own and is the last; and what it got twice it would
 * have got twice from the attempt that follows a failure, for delivery is at least once.
 */
export class IdleConnectionClosed extends Error {}

export interface ExchangeLimits {
  /** Its reason is the failure. After the status it ends the reading only. */
  readonly signal: AbortSignal;
  readonly maxResponseBytes: number;
  /** Gives the failure where there is no connection in time. */
  readonly connect?: { readonly timeoutMillis: number; readonly error: () => Error } | undefined;
}

/** Remembers how to end the making of a connection, should its request be given up. */
export type WhenGivenUp = (cancel: (error: Error) => void) => void;

/** @param open makes the request, without sending anything yet. */
export function exchange(
  open: (whenGivenUp: WhenGivenUp) => ClientRequest,
  payload: Uint8Array,
  { signal, maxResponseBytes, connect }: ExchangeLimits,
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
      // One that has no connection yet does not tell whoever is making it.
      cancelConnection(error);
      request.destroy();
    };
    const settle = (extent: BodyExtent) => {
      if (answer === undefined) return;
      // What has arrived may wait for its turn still: this makes it come as `data`.
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
      // Whatever is still to be written or read belongs to nobody, and its connection to no other request.
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

    // Stays: a request that was given up may fail once more.
    request.on('error', end);
    request.on('socket', (assigned) => {
      socket = assigned;
      bytesBefore = assigned.bytesRead;
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
      cancelConnectTimer = systemClock.timer(() => fail(connect.error()), connect.timeoutMillis);
    }
    request.end(payload);
  });
}
