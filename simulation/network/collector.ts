/** A simulated collector and the way to it: takes requests as its weather has it, and is the witness of a run. */

import type { Clock } from '../subject.ts';
import { Arrivals } from './arrivals.ts';
import { Climate } from './climate.ts';
import { Connection, type ConnectionListener, type Exchange } from './connection.ts';
import { ACCEPTED, type Protocol, type Reply } from './replies.ts';
import type { RequestContent } from './request-content.ts';
import { HEALTHY, type Weather } from './weather.ts';

/** A process as the network sees it. Its clock may stand still, and then goes on; after a kill nothing fires. */
export interface NetworkProcess {
  readonly id: string;
  readonly clock: Clock;
}

/** What was tried on the network, in order of its beginning. Filled in as it goes on. */
export interface RequestSeen {
  readonly at: number;
  readonly process: string;
  readonly protocol: Protocol;
  readonly bytes: number;
  readonly ids: readonly number[];
  /** 0 before there is one. */
  connection: number;
  /**
   * '' while nothing is known, else a status (`'200'`; for gRPC `'grpc 14'`), `'refused'`, `'reset'`, `'idle reset'` (closed before the request came), `'hang'`,
   * `'half 200'`, or `'lost'` for what was swallowed on the way.
   */
  answer: string;
  /** When the answer reached the client. */
  answeredAt: number | undefined;
  /** When the data was stored, whatever became of the answer. */
  takenAt: number | undefined;
  /** So many records, from the first on. */
  taken: number;
  /** Until when the answer asked not to be asked again. */
  waitUntil: number | undefined;
  /** When the client gave it up. */
  abandonedAt: number | undefined;
}

/** What an exporter was asked to send, whether or not it came as far as the network. */
export interface CallSeen {
  readonly at: number;
  readonly process: string;
  readonly lane: string;
  readonly bytes: number;
  readonly records: number;
  endedAt: number | undefined;
  /** What its caller was told, in a word: a status, a code, `'thrown'`. */
  result: string;
}

export interface ConnectSeen {
  readonly at: number;
  readonly process: string;
  readonly connection: number;
  /** `''` as long as it is neither made nor given up. */
  outcome: '' | 'open' | 'refused' | 'lost';
}

export interface CollectorOptions {
  /** Time to make a connection. Default 1. */
  readonly connectMillis?: number;
  /** Connections that were idle for so long are closed by the server, or forgotten by something on the way. */
  readonly idle?: { readonly afterMillis: number; readonly how: 'closed' | 'forgotten' };
}

export class Collector {
  readonly clock: Clock;
  readonly connectMillis: number;
  readonly idle: CollectorOptions['idle'];
  readonly requests: RequestSeen[] = [];
  readonly connects: ConnectSeen[] = [];
  readonly calls: CallSeen[] = [];
  readonly arrivals = new Arrivals();
  #climate: Climate;
  readonly #open = new Set<Connection>();
  /** Requests that nothing answers for now. */
  #parked: Exchange[] = [];
  /** Those that wait for the first words of a process that hangs. */
  #sleepers: (() => void)[] = [];

  constructor(clock: Clock, weather: Weather = HEALTHY, options: CollectorOptions = {}) {
    this.clock = clock;
    this.connectMillis = options.connectMillis ?? 1;
    this.idle = options.idle;
    this.#climate = new Climate(weather, clock);
  }

  get weather(): Weather {
    return this.#climate.weather;
  }

  /** Felt immediately by what is under way: connections are reset, what was parked goes on. */
  set weather(weather: Weather) {
    this.#climate = new Climate(weather, this.clock);
    const parked = this.#parked;
    this.#parked = [];
    const sleepers = this.#sleepers;
    this.#sleepers = [];
    if (weather.kind === 'down') {
      for (const connection of [...this.#open]) connection.reset();
      for (const { seen } of parked) seen.answer = 'reset';
      return;
    }
    for (const wake of sleepers) wake();
    for (const exchange of parked) {
      if (exchange.reply === undefined) this.arrive(exchange);
      else this.#answer(exchange);
    }
  }

  /** Every arrival of a record, in order of time. */
  receivedAt(recordId: string): readonly number[] {
    return this.arrivals.ofText(recordId);
  }

  // What follows is for the network's own parts.

  get climate(): Climate {
    return this.#climate;
  }

  connect(process: NetworkProcess, listener: ConnectionListener): Connection {
    const connection = this.connects.length + 1;
    this.connects.push({ at: this.clock.now(), process: process.id, connection, outcome: '' });
    return new Connection(this, connection, process, listener);
  }

  connected(connection: Connection, outcome: 'open' | 'refused' | 'lost'): void {
    (this.connects[connection.number - 1] as ConnectSeen).outcome = outcome;
    if (outcome === 'open') this.#open.add(connection);
  }

  forget(connection: Connection): void {
    this.#open.delete(connection);
  }

  /** A client that has connected waits for the server's first words; a TLS port has none for it. */
  greet(connection: Connection, spoken: () => void): void {
    const { weather } = this;
    if (this.#climate.isHung) this.#sleepers.push(() => this.greet(connection, spoken));
    else if (weather.kind === 'wrong-address' && weather.how === 400) connection.reset();
    else if (!connection.isClosed) spoken();
  }

  /** A client begins to try. */
  begin(process: NetworkProcess, protocol: Protocol, { bytes, ids }: RequestContent): RequestSeen {
    const seen: RequestSeen = {
      at: this.clock.now(),
      process: process.id,
      protocol,
      bytes,
      ids,
      connection: 0,
      answer: '',
      answeredAt: undefined,
      takenAt: undefined,
      taken: 0,
      waitUntil: undefined,
      abandonedAt: undefined,
    };
    this.requests.push(seen);
    return seen;
  }

  call(process: NetworkProcess, lane: string, { bytes, ids }: RequestContent): CallSeen {
    const call: CallSeen = {
      at: this.clock.now(),
      process: process.id,
      lane,
      bytes,
      records: ids.length,
      endedAt: undefined,
      result: '',
    };
    this.calls.push(call);
    return call;
  }

  /** A request has come through in full. */
  arrive(exchange: Exchange): void {
    const { connection, content, protocol, seen } = exchange;
    if (connection.isClosed || exchange.isAbandoned) return;
    const { reply, taken, afterMillis } = this.#climate.judge(content, protocol);
    seen.taken = taken;
    if (taken > 0) {
      seen.takenAt = this.clock.now();
      this.arrivals.add(content.ids, taken, seen.takenAt);
    }
    if (reply.kind === 'hang') {
      seen.answer = 'hang';
      // What was stored is acknowledged if the collector ever goes on.
      if (taken > 0) exchange.reply = ACCEPTED;
      this.#parked.push(exchange);
      return;
    }
    exchange.reply = reply;
    this.clock.timer(() => this.#answer(exchange), afterMillis);
  }

  #answer(exchange: Exchange): void {
    const { connection, seen, protocol } = exchange;
    const reply = exchange.reply as Reply;
    if (connection.isClosed || exchange.isAbandoned) {
      if (seen.answer === '') seen.answer = 'reset';
      return;
    }
    if (this.#climate.isHung) {
      seen.answer = 'hang';
      this.#parked.push(exchange);
      return;
    }
    seen.answer = nameOf(reply, protocol);
    if (reply.kind === 'reset') {
      seen.answeredAt = this.clock.now();
      connection.reset();
      return;
    }
    if (reply.kind === 'refuse' && reply.retryAfterMillis !== undefined) {
      seen.waitUntil = this.clock.now() + reply.retryAfterMillis;
    }
    connection.deliver(exchange, reply);
  }
}

function nameOf(reply: Reply, protocol: Protocol): string {
  switch (reply.kind) {
    case 'accept':
      return protocol === 'http' ? '200' : 'grpc 0';
    case 'refuse':
      return protocol === 'http' ? String(reply.status) : `grpc ${reply.grpc}`;
    case 'web-page':
      return '200 page';
    case 'half':
      return `half ${reply.status}`;
    default:
      return reply.kind;
  }
}
