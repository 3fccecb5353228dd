/** A model of the own exporter's HTTP transport: bytes in, one answer or one error out. */

import type { OtlpResponse, OtlpTransport, PostOptions } from '../subject.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import { HttpClient } from './http-client.ts';
import type { HttpAnswer } from './replies.ts';
import { contentOf, type RequestContent } from './request-content.ts';

const ENDPOINT = 'http://localhost:4318/v1/logs';
const KEEP_ALIVE_MILLIS = 30_000;
const DEFAULT_TIMEOUT_MILLIS = 10_000;
const DEFAULT_CONCURRENCY_LIMIT = 16;
/** After silences a request is given so many times more of its time at most. */
const MAX_EXTENSIONS = 5;

export interface OwnTransportOptions {
  /** Milliseconds for a whole request. Default 10,000. */
  readonly timeoutMillis?: number;
  /** Connections at a time. Default 16. */
  readonly concurrencyLimit?: number;
}

/** As much as the transport tells of an answer. */
interface Answer extends HttpAnswer {
  readonly endpoint: string;
  /** Whether the body is all of it. */
  readonly extent: 'whole' | 'cut';
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

  async post(body: Uint8Array, signal: AbortSignal, options: PostOptions = {}): Promise<OtlpResponse> {
    const content = contentOf(body);
    const call = this.#collector.call(this.#process, 'own', content);
    try {
      signal.throwIfAborted();
      if (this.#closed !== undefined) throw this.#closed;
      const answer = await this.#attempt(content, signal, options);
      // A web page is told as what it is.
      const isPage = answer.status === 200 && answer.contentType?.startsWith('text/html');
      call.result = isPage ? 'page' : String(answer.status);
      return answer;
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

  #attempt(content: RequestContent, signal: AbortSignal, options: PostOptions): Promise<Answer> {
    const { clock } = this.#process;
    return new Promise((resolve, reject) => {
      let half: HttpAnswer | undefined;
      let abandon = () => {};
      let cancelConnect = () => {};
      const end = () => {
        cancel();
        cancelConnect();
        this.#attempts.delete(giveUp);
        signal.removeEventListener('abort', aborted);
      };
      /** Of a status that came use is made, but for an answer that nobody waits for. */
      const giveUp = (reason: unknown) => {
        end();
        abandon();
        if (half !== undefined && !signal.aborted) resolve({ ...half, endpoint: ENDPOINT, extent: 'cut' });
        else reject(reason);
      };
      const aborted = () => giveUp(signal.reason);
      signal.addEventListener('abort', aborted, { once: true });
      this.#attempts.add(giveUp);
      // Like the socket, it keeps the process alive as long as the request is under way.
      const timeoutMillis = this.#timeoutMillis * (1 + Math.min(options.silences ?? 0, MAX_EXTENSIONS));
      const late = () => giveUp(timeoutError(`none within ${timeoutMillis} ms`));
      const cancel = clock.timer(late, timeoutMillis, true);
      const send = (isUntouched: boolean, isLast: boolean) => {
        const { connectTimeoutMillis: millis } = options;
        if (millis !== undefined) {
          const unconnected = () => giveUp(timeoutError(`no connection within ${millis} ms`));
          cancelConnect = clock.timer(unconnected, millis, true);
        }
        abandon = this.#client.request(
          content,
          {
            connected: () => cancelConnect(),
            answered: (answer, isWhole) => {
              if (!isWhole) {
                half = answer;
                return;
              }
              end();
              resolve({ ...answer, endpoint: ENDPOINT, extent: 'whole' });
            },
            failed: (error, wasIdle) => {
              // What met the end of an idle connection was not seen by the server.
              if (wasIdle && !isLast) {
                send(true, true);
                return;
              }
              end();
              if (half !== undefined) resolve({ ...half, endpoint: ENDPOINT, extent: 'cut' });
              else reject(noAnswer(error.message, error));
            },
          },
          isUntouched,
        );
      };
      send(options.freshConnection ?? false, false);
    });
  }
}

function timeoutError(reason: string): Error {
  return noAnswer(reason, Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }));
}

function noAnswer(reason: string, cause: NodeJS.ErrnoException): Error {
  return Object.assign(new Error(`no answer from ${ENDPOINT}: ${reason}`, { cause }), { code: cause.code });
}
