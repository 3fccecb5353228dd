/** One TCP connection between a simulated process and a simulated collector, and the requests on it. */

import type { Cancel, Clock } from '../subject.ts';
import type { Collector, NetworkProcess, RequestSeen } from './collector.ts';
import type { Protocol, Reply } from './replies.ts';
import type { RequestContent } from './request-content.ts';

/** What the kernel does about a SYN, or about data, that nobody acknowledges: it repeats it, ever more slowly. */
const SYN_REPEAT_MILLIS = 1_000;
const SYN_REPEATS = 6;
const DATA_REPEAT_MILLIS = 200;
const MAX_REPEAT_MILLIS = 120_000;
const DATA_REPEATS = 15;

/** How long after the server closed an idle connection the client may still not know it. */
const CLOSE_IS_KNOWN_MILLIS = 1;

/** What a connection tells its process, in that process's own time: a frozen one hears of it when it thaws. */
export interface ConnectionListener {
  opened(): void;
  /** The connection was not made. */
  failed(code: 'ECONNREFUSED' | 'ETIMEDOUT'): void;
  /** The connection ended, not by `close()`; every request on it has failed. */
  closed(code: 'ECONNRESET' | 'ETIMEDOUT'): void;
}

/** A request on its way; `reply` is undefined until it was judged. */
export interface Exchange {
  readonly connection: Connection;
  readonly seen: RequestSeen;
  readonly content: RequestContent;
  readonly protocol: Protocol;
  readonly answered: (reply: Reply) => void;
  reply: Reply | undefined;
  /** Given up by a client that keeps the connection: nothing comes of it any more. */
  isAbandoned: boolean;
}

export class Connection {
  readonly number: number;
  readonly process: NetworkProcess;
  readonly #collector: Collector;
  readonly #clock: Clock;
  readonly #listener: ConnectionListener;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  /** Closed by the client, which wants to hear nothing more. */
  #isReleased = false;
  /** The server has forgotten it, or a middlebox on the way: nothing comes back. */
  #isForgotten = false;
  #isResetByServer = false;
  #exchanges = 0;
  #usedAt: number;
  /** What waits for the next repetition of data that was swallowed: TCP keeps the order. */
  #stalled: (() => void)[] = [];
  #cancelRepeat: Cancel | undefined;

  constructor(collector: Collector, number: number, process: NetworkProcess, listener: ConnectionListener) {
    this.#collector = collector;
    this.#clock = collector.clock;
    this.number = number;
    this.process = process;
    this.#listener = listener;
    this.#usedAt = this.#clock.now();
    this.#connect(0);
  }

  /** Whether the client has no reason to think that the connection is gone. */
  get looksOpen(): boolean {
    if (this.#state !== 'open') return false;
    return this.#collector.idle?.how !== 'closed' || this.#idleBeyondLimit() < CLOSE_IS_KNOWN_MILLIS;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Calls `done` when the process at the other end has spoken, which TCP alone does not need. */
  handshake(done: () => void): void {
    this.#collector.greet(this, () => this.#tell(done));
  }

  /** Gives one request up and keeps the connection, as HTTP/2 can. */
  abandon(exchange: Exchange): void {
    exchange.isAbandoned = true;
    exchange.seen.abandonedAt = this.#clock.now();
    this.#exchanges--;
    this.#usedAt = this.#clock.now();
  }

  /** Sends a request; what becomes of it is told by `answered`, or by the listener's `closed`. */
  send(
    seen: RequestSeen,
    content: RequestContent,
    protocol: Protocol,
    answered: (reply: Reply) => void,
  ): Exchange {
    const exchange: Exchange = {
      connection: this,
      seen,
      content,
      protocol,
      answered,
      reply: undefined,
      isAbandoned: false,
    };
    seen.connection = this.number;
    if (this.#idleBeyondLimit() >= 0) {
      if (this.#collector.idle?.how === 'closed') {
        seen.answer = 'idle reset';
        this.reset();
        return exchange;
      }
      this.#isForgotten = true;
    }
    this.#exchanges++;
    this.#usedAt = this.#clock.now();
    this.#pass(() => this.#collector.arrive(exchange), seen);
    return exchange;
  }

  /** By the client, which hears nothing more of it. */
  close(): void {
    this.#isReleased = true;
    this.#leave();
  }

  /** By the server: its process is gone, or it has had enough. */
  reset(): void {
    if (this.#state !== 'open') return;
    // Behind a black hole the client finds out when it repeats what was swallowed.
    this.#isResetByServer = true;
    if (this.#stalled.length === 0 && !this.#isForgotten) this.#end('ECONNRESET');
  }

  /** Called by the collector: an answer leaves. */
  deliver(exchange: Exchange, reply: Reply): void {
    this.#pass(() => {
      if (this.#state !== 'open' || exchange.isAbandoned) return;
      exchange.seen.answeredAt = this.#clock.now();
      const isOver = reply.kind !== 'half';
      if (isOver) {
        this.#exchanges--;
        this.#usedAt = this.#clock.now();
      }
      this.#tell(() => {
        if (!exchange.isAbandoned) exchange.answered(reply);
      });
      if (reply.kind === 'half' && reply.end === 'reset') this.#end('ECONNRESET');
    }, exchange.seen);
  }

  #connect(repeats: number): void {
    if (this.#state !== 'connecting') return;
    switch (this.#collector.climate.connect()) {
      case 'open':
        this.#clock.timer(() => this.#opened(repeats), this.#collector.connectMillis);
        break;
      case 'refused':
        this.#fail('ECONNREFUSED');
        break;
      case 'lost':
        if (repeats > SYN_REPEATS) this.#fail('ETIMEDOUT');
        else {
          const again = () => this.#connect(repeats + 1);
          this.#cancelRepeat = this.#clock.timer(again, SYN_REPEAT_MILLIS * 2 ** repeats);
        }
    }
  }

  #opened(repeats: number): void {
    if (this.#state !== 'connecting') return;
    const { climate } = this.#collector;
    if (climate.isHole || climate.isDown) {
      this.#connect(repeats);
      return;
    }
    this.#state = 'open';
    this.#usedAt = this.#clock.now();
    this.#collector.connected(this, 'open');
    this.#tell(() => this.#listener.opened());
  }

  #fail(code: 'ECONNREFUSED' | 'ETIMEDOUT'): void {
    this.#collector.connected(this, code === 'ECONNREFUSED' ? 'refused' : 'lost');
    this.#leave();
    this.#tell(() => this.#listener.failed(code));
  }

  /** Lets something pass the way between client and server, or holds it up as long as the way is closed. */
  #pass(through: () => void, seen: RequestSeen): void {
    if (this.#isForgotten) {
      seen.answer = 'lost';
      return;
    }
    if (this.#stalled.length === 0 && !this.#collector.climate.isHole) {
      through();
      return;
    }
    if (seen.answer === '') seen.answer = 'lost';
    this.#stalled.push(through);
    if (this.#stalled.length === 1) this.#repeat(0);
  }

  #repeat(repeats: number): void {
    if (repeats > DATA_REPEATS) {
      this.#end('ETIMEDOUT');
      return;
    }
    const afterMillis = Math.min(DATA_REPEAT_MILLIS * 2 ** repeats, MAX_REPEAT_MILLIS);
    this.#cancelRepeat = this.#clock.timer(() => {
      if (this.#collector.climate.isHole) this.#repeat(repeats + 1);
      else this.#flush();
    }, afterMillis);
  }

  /** What was swallowed gets through. */
  #flush(): void {
    const stalled = this.#stalled;
    this.#stalled = [];
    if (this.#isResetByServer) this.#end('ECONNRESET');
    else for (const through of stalled) through();
  }

  #end(code: 'ECONNRESET' | 'ETIMEDOUT'): void {
    if (this.#state === 'closed') return;
    this.#leave();
    this.#tell(() => this.#listener.closed(code));
  }

  #leave(): void {
    this.#state = 'closed';
    this.#cancelRepeat?.();
    this.#collector.forget(this);
  }

  #tell(news: () => void): void {
    // In a turn of its own, as I/O has it; a timer would take a millisecond at least.
    this.process.clock.immediate(() => {
      if (!this.#isReleased) news();
    });
  }

  /** Milliseconds since the other side closed, or forgot, what was idle for too long; negative before. */
  #idleBeyondLimit(): number {
    const { idle } = this.#collector;
    if (idle === undefined || this.#exchanges > 0) return Number.NEGATIVE_INFINITY;
    return this.#clock.now() - this.#usedAt - idle.afterMillis;
  }
}
