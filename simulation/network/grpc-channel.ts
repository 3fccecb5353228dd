/**
 * A model of a channel of @grpc/grpc-js to one address: connects on demand, and after a failure only when its
 * back-off has passed; until then, and until it is connected again, every call fails immediately.
 *
 * ```
 *  idle ──call──▶ connecting ──opened──▶ ready ──connection lost──▶ idle
 *                     └──failed──▶ failing ──opened──▶ ready
 * ```
 */

import type { Cancel } from '../subject.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import type { Connection, Exchange } from './connection.ts';
import { type GrpcStatus, grpcStatus } from './grpc-status.ts';
import { connectError } from './http-client.ts';
import { GRPC, type Reply } from './replies.ts';
import type { RequestContent } from './request-content.ts';

const FIRST_BACKOFF_MILLIS = 1_000;
const MAX_BACKOFF_MILLIS = 120_000;
const BACKOFF_FACTOR = 1.6;
const JITTER = 0.2;
/** A channel without a call for so long lets go of its connection, and of its back-off. */
const IDLE_MILLIS = 30 * 60_000;

interface Call {
  readonly content: RequestContent;
  readonly ended: (status: GrpcStatus) => void;
  exchange: Exchange | undefined;
  cancelDeadline: Cancel;
  isOver: boolean;
}

export class GrpcChannel {
  readonly #collector: Collector;
  readonly #process: NetworkProcess;
  #state: 'idle' | 'connecting' | 'ready' | 'failing' = 'idle';
  #connection: Connection | undefined;
  /** What waits for a connection. */
  #waiting: Call[] = [];
  readonly #active = new Set<Call>();
  #lastError = '';
  #backoffMillis = FIRST_BACKOFF_MILLIS;
  /** From the beginning of an attempt to connect to the earliest next one. */
  #cancelBackoff: Cancel | undefined;
  #isAttempting = false;
  #activeAt = 0;
  #isClosed = false;

  constructor(collector: Collector, process: NetworkProcess) {
    this.#collector = collector;
    this.#process = process;
  }

  /** @param ended is called once, with code 0 for success. */
  call(content: RequestContent, deadlineMillis: number, ended: (status: GrpcStatus) => void): void {
    const { clock } = this.#process;
    const call: Call = { content, ended, exchange: undefined, cancelDeadline: () => {}, isOver: false };
    const expired = () => {
      const details = `Deadline exceeded after ${(deadlineMillis / 1_000).toFixed(3)}s`;
      this.#end(call, { code: GRPC.DEADLINE_EXCEEDED, details });
    };
    call.cancelDeadline = clock.timer(expired, deadlineMillis, true);
    this.#forgetIfIdle();
    if (this.#state === 'ready' && !this.#connection?.looksOpen) this.#lost();
    switch (this.#state) {
      case 'ready':
        this.#send(call, this.#connection as Connection);
        break;
      case 'failing':
        clock.immediate(() => this.#end(call, this.#unavailable()));
        break;
      case 'idle':
        this.#waiting.push(call);
        this.#state = 'connecting';
        this.#attempt();
        break;
      case 'connecting':
        this.#waiting.push(call);
    }
  }

  /** Calls that wait for a connection fail; those on it go on until they end. */
  close(): void {
    this.#isClosed = true;
    this.#cancelBackoff?.();
    const details = 'Channel closed before call started';
    for (const call of this.#waiting.splice(0)) this.#end(call, { code: GRPC.UNAVAILABLE, details });
    if (this.#active.size === 0) this.#connection?.close();
  }

  #forgetIfIdle(): void {
    const now = this.#collector.clock.now();
    const isIdle = now - this.#activeAt >= IDLE_MILLIS && this.#active.size + this.#waiting.length === 0;
    this.#activeAt = now;
    if (!isIdle) return;
    this.#cancelBackoff?.();
    this.#connection?.close();
    this.#connection = undefined;
    this.#isAttempting = false;
    this.#backoffMillis = FIRST_BACKOFF_MILLIS;
    this.#state = 'idle';
  }

  #attempt(): void {
    const { clock } = this.#process;
    this.#isAttempting = true;
    this.#cancelBackoff = clock.timer(() => {
      this.#cancelBackoff = undefined;
      if (!this.#isAttempting && this.#state === 'failing') this.#attempt();
    }, this.#backoffMillis);
    const next = Math.min(this.#backoffMillis * BACKOFF_FACTOR, MAX_BACKOFF_MILLIS);
    this.#backoffMillis = next * (1 + JITTER * (2 * clock.random() - 1));
    const connection: Connection = this.#collector.connect(this.#process, {
      // The connection is of use when the server has sent its settings.
      opened: () => connection.handshake(() => this.#opened(connection)),
      failed: (code) => this.#failed(`Error: ${connectError(code).message}`),
      closed: (code) => {
        if (this.#isAttempting) this.#failed(code === 'ECONNRESET' ? 'read ECONNRESET' : `read ${code}`);
        else this.#lost();
      },
    });
    this.#connection = connection;
  }

  #opened(connection: Connection): void {
    this.#isAttempting = false;
    this.#cancelBackoff?.();
    this.#cancelBackoff = undefined;
    this.#backoffMillis = FIRST_BACKOFF_MILLIS;
    if (this.#isClosed) {
      connection.close();
      return;
    }
    this.#state = 'ready';
    for (const call of this.#waiting.splice(0)) this.#send(call, connection);
  }

  #failed(error: string): void {
    this.#isAttempting = false;
    this.#connection = undefined;
    if (this.#isClosed) return;
    this.#state = 'failing';
    this.#lastError = error;
    for (const call of this.#waiting.splice(0)) this.#end(call, this.#unavailable());
    // An attempt that took longer than the back-off is followed by the next one immediately.
    if (this.#cancelBackoff === undefined) this.#process.clock.immediate(() => this.#attempt());
  }

  #lost(): void {
    this.#connection = undefined;
    this.#state = 'idle';
    for (const call of [...this.#active]) {
      if (call.exchange?.seen.answer === '') call.exchange.seen.answer = 'reset';
      this.#end(call, { code: GRPC.UNAVAILABLE, details: 'Connection dropped' });
    }
  }

  #send(call: Call, connection: Connection): void {
    const seen = this.#collector.begin(this.#process, 'grpc', call.content);
    this.#active.add(call);
    call.exchange = connection.send(seen, call.content, 'grpc', (reply) => this.#answered(call, reply));
  }

  #answered(call: Call, reply: Reply): void {
    // Half an answer, or none: the deadline or the end of the connection decides.
    if (reply.kind === 'accept' || reply.kind === 'refuse' || reply.kind === 'web-page') {
      call.exchange = undefined;
      this.#end(call, grpcStatus(reply));
    }
  }

  #end(call: Call, status: GrpcStatus): void {
    if (call.isOver) return;
    call.isOver = true;
    this.#activeAt = this.#collector.clock.now();
    call.cancelDeadline();
    this.#waiting = this.#waiting.filter((waiting) => waiting !== call);
    this.#active.delete(call);
    const { exchange } = call;
    if (exchange !== undefined && !exchange.connection.isClosed) exchange.connection.abandon(exchange);
    if (this.#isClosed && this.#active.size === 0) this.#connection?.close();
    call.ended(status);
  }

  #unavailable(): GrpcStatus {
    const details = `No connection established. Last error: ${this.#lastError}. Resolution note: `;
    return { code: GRPC.UNAVAILABLE, details };
  }
}
