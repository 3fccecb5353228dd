/** A platform that lets a process run while it has a request to answer, and stops it 1 ms after the answer. */
import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export type Contender = 'stock' | 'stock, flushed' | 'spillway';
/** `before`: the answer waits for the flush, as in Lambda. `after`: the platform waits, as with `waitUntil`. */
export type FlushTime = 'before' | 'after';
export type Message = { readonly port: number } | { readonly idle: number };

const STOPPED_AFTER_MILLIS = 1;

export class Instance {
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #waitsForIdle: boolean;
  readonly #agent = new Agent({ keepAlive: true });
  #requests = 0;

  private constructor(child: ChildProcess, port: number, waitsForIdle: boolean) {
    this.#child = child;
    this.#port = port;
    this.#waitsForIdle = waitsForIdle;
  }

  static async start(
    contender: Contender,
    flushTime: FlushTime,
    collectorUrl: string,
    flushTimeoutMillis = 500,
  ): Promise<Instance> {
    const path = new URL('service.ts', import.meta.url).pathname;
    const child = fork(path, [contender, flushTime, String(flushTimeoutMillis), collectorUrl], {
      execArgv: [],
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new Instance(child, port, flushTime === 'after');
  }

  /** So many concurrent requests, and then no more time. @returns the milliseconds that each spent in its flush. */
  async cycle(requests: number, stoppedMillis: number): Promise<number[]> {
    this.#child.kill('SIGCONT');
    const from = this.#requests;
    this.#requests += requests;
    const idle = this.#waitsForIdle ? this.#isIdle(this.#requests) : undefined;
    const answers = Array.from({ length: requests }, (_, index) => this.#request(from + index));
    const flushMillis = await Promise.all(answers);
    await idle;
    await sleep(STOPPED_AFTER_MILLIS);
    this.#child.kill('SIGSTOP');
    await sleep(stoppedMillis);
    return flushMillis;
  }

  /** Nobody needs it any more: it is not continued before. */
  async discard(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    this.#agent.destroy();
  }

  async #request(number: number): Promise<number> {
    const request = get({ port: this.#port, path: `/${number}`, agent: this.#agent });
    const [response] = await once(request, 'response');
    return Number(await text(response));
  }

  async #isIdle(served: number): Promise<void> {
    for await (const [message] of on(this.#child, 'message')) if (message.idle === served) return;
  }
}
