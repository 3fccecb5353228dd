/** A model of @opentelemetry/exporter-logs-otlp-http and -proto 0.301: retries of its own, answers that it hides. */

import type { Cancel } from '../subject.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import { HttpClient } from './http-client.ts';
import {
  type OfficialTransport,
  OTLPExportDelegate,
  OTLPExporterError,
  OTLPLogExporter,
  type Sent,
} from './official-exporter.ts';
import type { HttpAnswer } from './replies.ts';
import type { RequestContent } from './request-content.ts';

const DEFAULT_TIMEOUT_MILLIS = 10_000;
const RETRIES = 5;
const FIRST_BACKOFF_MILLIS = 1_000;
const MAX_BACKOFF_MILLIS = 5_000;
const BACKOFF_FACTOR = 1.5;
const JITTER = 0.2;

const RETRYABLE_STATUS = new Set([429, 502, 503, 504]);
const RETRYABLE_CODE = new Set(
  'ECONNRESET ECONNREFUSED EPIPE ETIMEDOUT EAI_AGAIN ENOTFOUND ENETUNREACH EHOSTUNREACH'.split(' '),
);

export interface OfficialHttpOptions {
  /** Milliseconds for an export with its retries. Default 10,000. */
  readonly timeoutMillis?: number;
}

export function officialHttpExporter(
  collector: Collector,
  process: NetworkProcess,
  { timeoutMillis = DEFAULT_TIMEOUT_MILLIS }: OfficialHttpOptions = {},
): OTLPLogExporter {
  const transport = new RetryingTransport(new HttpExporterTransport(collector, process), process);
  return new OTLPLogExporter(
    new OTLPExportDelegate(transport, timeoutMillis, collector, process, 'official-http'),
  );
}

class RetryingTransport implements OfficialTransport {
  readonly _transport: OfficialTransport;
  readonly #process: NetworkProcess;

  constructor(transport: OfficialTransport, process: NetworkProcess) {
    this._transport = transport;
    this.#process = process;
  }

  /** The deadline is one of the wall clock, which may jump; the time for a retry is what was left before the wait. */
  async send(content: RequestContent, timeoutMillis: number): Promise<Sent> {
    const { clock } = this.#process;
    const deadline = clock.wallNow() + timeoutMillis;
    let backoffMillis = FIRST_BACKOFF_MILLIS;
    let sent = await this._transport.send(content, timeoutMillis);
    for (let retries = 0; sent.status === 'retryable' && retries < RETRIES; retries++) {
      const jittered = backoffMillis * (1 + JITTER * (2 * clock.random() - 1));
      const waitMillis = sent.retryInMillis ?? Math.min(jittered, MAX_BACKOFF_MILLIS);
      backoffMillis *= BACKOFF_FACTOR;
      const leftMillis = deadline - clock.wallNow();
      if (waitMillis > leftMillis) return sent;
      await new Promise<void>((resolve) => clock.timer(resolve, waitMillis, true));
      sent = await this._transport.send(content, leftMillis);
    }
    return sent;
  }

  shutdown(): void {
    this._transport.shutdown();
  }
}

class HttpExporterTransport implements OfficialTransport {
  readonly _parameters = { url: 'http://localhost:4318/v1/logs', compression: 'none' };
  readonly #process: NetworkProcess;
  readonly #client: HttpClient;

  constructor(collector: Collector, process: NetworkProcess) {
    this.#process = process;
    this.#client = new HttpClient(collector, process);
  }

  send(content: RequestContent, timeoutMillis: number): Promise<Sent> {
    const { clock } = this.#process;
    return new Promise((resolve) => {
      let half: HttpAnswer | undefined;
      let cancel: Cancel = () => {};
      const end = (sent: Sent) => {
        cancel();
        resolve(sent);
      };
      // Bounds the silence on a connection that is there: while one is being made nothing is bounded but by the kernel.
      const silenceBegins = () => {
        cancel();
        cancel = clock.timer(
          () => {
            abandon();
            end({ status: 'retryable', error: new Error('Request timed out') });
          },
          timeoutMillis,
          true,
        );
      };
      const abandon = this.#client.request(content, {
        connected: silenceBegins,
        answered: (answer, isWhole) => {
          if (isWhole) end(sentOf(answer));
          else {
            half = answer;
            silenceBegins();
          }
        },
        failed: (error) => end(half === undefined ? notSent(error) : cutShort(half, error)),
      });
    });
  }

  /** Connections that are idle stay: nobody closes them. */
  shutdown(): void {}
}

function sentOf(answer: HttpAnswer): Sent {
  const { status, statusText, retryAfter, body } = answer;
  if (status <= 299) return { status: 'success' };
  if (RETRYABLE_STATUS.has(status)) return { status: 'retryable', retryInMillis: waitOf(retryAfter) };
  return {
    status: 'failure',
    error: new OTLPExporterError(statusText, status, Buffer.from(body).toString()),
  };
}

function cutShort({ status, retryAfter }: HttpAnswer, error: Error): Sent {
  if (status <= 299) return { status: 'success' };
  if (!RETRYABLE_STATUS.has(status)) return { status: 'failure', error };
  return { status: 'retryable', error, retryInMillis: waitOf(retryAfter) };
}

function notSent(error: NodeJS.ErrnoException): Sent {
  return RETRYABLE_CODE.has(error.code ?? '') ? { status: 'retryable', error } : { status: 'failure', error };
}

/** @returns -1 for zero seconds: immediately. */
function waitOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const seconds = Number.parseInt(retryAfter, 10);
  if (Number.isInteger(seconds)) return seconds > 0 ? seconds * 1_000 : -1;
  return undefined;
}
