/** A model of an HTTP/1.1 client: a pool of keep-alive connections, one request on each at a time. */

import type { Collector, NetworkProcess, RequestSeen } from './collector.ts';
import type { Connection } from './connection.ts';
import { type HttpAnswer, httpAnswer, type Reply } from './replies.ts';
import type { RequestContent } from './request-content.ts';

const HOST = '127.0.0.1';
const PORT = 4318;

export interface HttpListener {
  /** The connection is there, and the request begins to be written. */
  connected?(): void;
  /** `isWhole` is false where the body was not read to its end, which never comes. */
  answered(answer: HttpAnswer, isWhole: boolean): void;
  /**
   * After `answered` with half an answer, too: its connection ended. `wasIdle`: it had been idle until this request,
   * for which the server had closed it too early.
   */
  failed(error: NodeJS.ErrnoException, wasIdle?: boolean): void;
}

export interface HttpClientOptions {
  /** Connections at a time. Default: any number. */
  readonly limit?: number;
  /** How long an idle connection is kept. Default: until the server closes it. */
  readonly keepAliveMillis?: number;
}

interface Job {
  readonly content: RequestContent;
  /** Gets a connection of its own. */
  readonly isUntouched: boolean;
  isReuse: boolean;
  readonly listener: HttpListener;
  seen: RequestSeen | undefined;
  connection: Connection | undefined;
  isOver: boolean;
}

interface Idle {
  readonly connection: Connection;
  readonly since: number;
}

export class HttpClient {
  readonly #collector: Collector;
  readonly #process: NetworkProcess;
  readonly #limit: number;
  readonly #keepAliveMillis: number;
  readonly #jobs = new Map<Connection, Job>();
  #idle: Idle[] = [];
  #waiting: Job[] = [];

  constructor(collector: Collector, process: NetworkProcess, options: HttpClientOptions = {}) {
    this.#collector = collector;
    this.#process = process;
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY;
    this.#keepAliveMillis = options.keepAliveMillis ?? Number.POSITIVE_INFINITY;
  }

  /**
   * @param isUntouched over a new connection; those that are idle are closed.
   * @returns what gives the request up, and its connection with it; the listener hears nothing more.
   */
  request(content: RequestContent, listener: HttpListener, isUntouched = false): () => void {
    const job: Job = {
      content,
      isUntouched,
      isReuse: false,
      listener,
      seen: undefined,
      connection: undefined,
      isOver: false,
    };
    this.#waiting.push(job);
    this.#next();
    return () => this.#abandon(job);
  }

  /** Closes every connection; nobody hears anything more. */
  destroy(): void {
    for (const job of [...this.#jobs.values(), ...this.#waiting]) this.#abandon(job);
    this.#closeIdle();
  }

  #next(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (first.isUntouched) this.#closeIdle();
      const connection = this.#takeIdle();
      if (connection === undefined && this.#jobs.size >= this.#limit) return;
      const job = this.#waiting.shift() as Job;
      job.seen = this.#collector.begin(this.#process, 'http', job.content);
      if (connection === undefined) this.#connect(job);
      else {
        job.isReuse = true;
        this.#jobs.set(connection, job);
        this.#send(job, connection);
      }
    }
  }

  #closeIdle(): void {
    for (const { connection } of this.#idle) connection.close();
    this.#idle = [];
  }

  /** The one that was used last: it is the least likely to have been closed. */
  #takeIdle(): Connection | undefined {
    const now = this.#collector.clock.now();
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (now - idle.since < this.#keepAliveMillis && idle.connection.looksOpen) return idle.connection;
      idle.connection.close();
    }
    return undefined;
  }

  #connect(job: Job): void {
    const connection: Connection = this.#collector.connect(this.#process, {
      opened: () => this.#send(job, connection),
      failed: (code) => {
        if (job.seen !== undefined) job.seen.answer = code === 'ECONNREFUSED' ? 'refused' : 'lost';
        this.#end(connection);
        job.listener.failed(connectError(code));
        this.#next();
      },
      closed: (code) => this.#closed(connection, code),
    });
    job.connection = connection;
    this.#jobs.set(connection, job);
    // It may be a while until anything else is known.
    if (this.#collector.climate.isHole && job.seen !== undefined) job.seen.answer = 'lost';
  }

  #send(job: Job, connection: Connection): void {
    job.connection = connection;
    job.listener.connected?.();
    if (job.isOver || job.seen === undefined) return;
    if (job.seen.answer === 'lost') job.seen.answer = '';
    connection.send(job.seen, job.content, 'http', (reply) => this.#answered(job, connection, reply));
  }

  #answered(job: Job, connection: Connection, reply: Reply): void {
    if (reply.kind === 'reset' || reply.kind === 'hang') return;
    if (reply.kind === 'half') {
      job.listener.answered(httpAnswer(reply), false);
      return;
    }
    this.#end(connection);
    this.#idle.push({ connection, since: this.#collector.clock.now() });
    job.listener.answered(httpAnswer(reply), true);
    this.#next();
  }

  #closed(connection: Connection, code: 'ECONNRESET' | 'ETIMEDOUT'): void {
    const job = this.#jobs.get(connection);
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection);
    if (job === undefined) return;
    if (job.seen?.answer === '') job.seen.answer = 'reset';
    this.#end(connection);
    const error = Object.assign(new Error(`read ${code}`), { code, syscall: 'read' });
    // Where the server has seen nothing of the request, it had closed the connection before.
    job.listener.failed(error, job.isReuse && job.seen?.answer === 'idle reset');
    this.#next();
  }

  #abandon(job: Job): void {
    if (job.isOver) return;
    job.isOver = true;
    if (job.seen !== undefined) job.seen.abandonedAt = this.#collector.clock.now();
    this.#waiting = this.#waiting.filter((waiting) => waiting !== job);
    if (job.connection !== undefined) {
      this.#jobs.delete(job.connection);
      job.connection.close();
    }
    this.#next();
  }

  #end(connection: Connection): void {
    const job = this.#jobs.get(connection);
    if (job !== undefined) job.isOver = true;
    this.#jobs.delete(connection);
  }
}

/** As Node reports it. */
export function connectError(code: 'ECONNREFUSED' | 'ETIMEDOUT'): NodeJS.ErrnoException {
  return Object.assign(new Error(`connect ${code} ${HOST}:${PORT}`), {
    errno: code === 'ECONNREFUSED' ? -111 : -110,
    code,
    syscall: 'connect',
    address: HOST,
    port: PORT,
  });
}
