/** A model of the own exporter's HTTP transport: bytes in, one answer or one error out. */

import type { OtlpResponse, OtlpTransport } from '../subject.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import { HttpClient } from './http-client.ts';
import type { HttpAnswer } from './replies.ts';
import { contentOf } from './request-content.ts';

const ENDPOINT = 'http://localhost:4318/v1/logs';
const KEEP_ALIVE_MILLIS = 30_000;
const DEFAULT_TIMEOUT_MILLIS = 10_000;
const DEFAULT_CONCURRENCY_LIMIT = 16;

export interface OwnTransportOptions {
  /** Milliseconds for a whole request. Default 10,000. */
  readonly timeoutMillis?: number;
  /** Connections at a time. Default 16. */
  readonly concurrencyLimit?: number;
}

export class SimulatedTransport implements OtlpTransport {
  readonly #collector: Collector;
  readonly #process: NetworkProcess;
  readonly #client: HttpClient;
  readonly #timeoutMillis: number;
  readonly #attempts = new Set<(reason: Error) => void>();
  #closed: Error | undefined;

  constructor(collector: Collector, process: NetworkProcess, options: OwnTransportOptions = {}) {
    this.#collector = collector;
    this.#process = process;
    this.#timeoutMillis = options.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS;
    this.#client = new HttpClient(collector, process, {
      limit: options.concurrencyLimit ?? DEFAULT_CONCURRENCY_LIMIT,
      keepAliveMillis: KEEP_ALIVE_MILLIS,
    });
  }

  async post(body: Uint8Array, signal: AbortSignal): Promise<OtlpResponse> {
    const content = contentOf(body);
    const call = this.#collector.call(this.#process, 'own', content);
    try {
      signal.throwIfAborted();
      if (this.#closed !== undefined) throw this.#closed;
      const answer = await this.#attempt(content, signal);
      call.result = String(answer.status);
      return { ...answer, endpoint: ENDPOINT };
    } catch (error) {
      call.result = (error as { code?: string } | null)?.code ?? 'aborted';
      throw error;
    } finally {
      call.endedAt = this.#collector.clock.now();
    }
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = new Error('the OTLP exporter was shut down');
    for (const end of [...this.#attempts]) end(this.#closed);
    this.#client.destroy();
  }

  #attempt(content: ReturnType<typeof contentOf>, signal: AbortSignal): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      let half: HttpAnswer | undefined;
      const end = () => {
        cancel();
        this.#attempts.delete(giveUp);
        signal.removeEventListener('abort', aborted);
      };
      /** Of a status that came use is made, but for an answer that nobody waits for. */
      const giveUp = (reason: unknown) => {
        end();
        abandon();
        if (half !== undefined && !signal.aborted) resolve(half);
        else reject(reason);
      };
      const aborted = () => giveUp(signal.reason);
      signal.addEventListener('abort', aborted, { once: true });
      this.#attempts.add(giveUp);
      // Like the socket, it keeps the process alive as long as the request is under way.
      const cancel = this.#process.clock.timer(() => giveUp(this.#timeoutError()), this.#timeoutMillis, true);
      const abandon = this.#client.request(content, {
        answered: (answer, isWhole) => {
          if (!isWhole) {
            half = answer;
            return;
          }
          end();
          resolve(answer);
        },
        failed: (error) => {
          end();
          if (half !== undefined) resolve(half);
          else reject(noAnswer(error.message, error));
        },
      });
    });
  }

  #timeoutError(): Error {
    const cause = Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' });
    return noAnswer(`none within ${this.#timeoutMillis} ms`, cause);
  }
}

function noAnswer(reason: string, cause: NodeJS.ErrnoException): Error {
  return Object.assign(new Error(`no answer from ${ENDPOINT}: ${reason}`, { cause }), { code: cause.code });
}
