/** What the models of the official OTLP exporters have in common: the delegate, with its bound on concurrent exports. */

import type { AnyLogRecordExporter } from '../subject.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import { contentOfRecords, type RequestContent } from './request-content.ts';

export type Records = Parameters<AnyLogRecordExporter['export']>[0];
export type Callback = Parameters<AnyLogRecordExporter['export']>[1];

export type Sent =
  | { readonly status: 'success' }
  | { readonly status: 'retryable'; readonly retryInMillis?: number | undefined; readonly error?: Error }
  | { readonly status: 'failure'; readonly error: Error };

export interface OfficialTransport {
  send(content: RequestContent, timeoutMillis: number): Promise<Sent>;
  shutdown(): void;
}

const SUCCESS = 0;
const FAILED = 1;
const CONCURRENCY_LIMIT = 30;

/** As the official one: the status of a refusal is its `code`, the body its `data`. */
export class OTLPExporterError extends Error {
  override readonly name = 'OTLPExporterError';
  readonly code: number | undefined;
  readonly data: string | undefined;

  constructor(message: string, code?: number, data?: string) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

class BoundedQueueExportPromiseHandler {
  readonly _concurrencyLimit: number;
  readonly _sendingPromises: Promise<void>[] = [];

  constructor(concurrencyLimit: number) {
    this._concurrencyLimit = concurrencyLimit;
  }

  hasReachedLimit(): boolean {
    return this._sendingPromises.length >= this._concurrencyLimit;
  }

  /** A promise leaves the queue only after its callback was called. */
  pushPromise(promise: Promise<void>): void {
    this._sendingPromises.push(promise);
    const over = () => void this._sendingPromises.splice(this._sendingPromises.indexOf(promise), 1);
    promise.then(over, over);
  }
}

/** Fields and methods are called as the official one's: our code recognises it by them. */
export class OTLPExportDelegate {
  readonly _transport: OfficialTransport;
  readonly _timeout: number;
  readonly _promiseQueue = new BoundedQueueExportPromiseHandler(CONCURRENCY_LIMIT);
  readonly #collector: Collector;
  readonly #process: NetworkProcess;
  readonly #lane: string;

  constructor(
    transport: OfficialTransport,
    timeoutMillis: number,
    collector: Collector,
    process: NetworkProcess,
    lane: string,
  ) {
    this._transport = transport;
    this._timeout = timeoutMillis;
    this.#collector = collector;
    this.#process = process;
    this.#lane = lane;
  }

  export(records: Records, callback: Callback): void {
    const content = contentOfRecords(records);
    const call = this.#collector.call(this.#process, this.#lane, content);
    const fail = (error: Error) => {
      call.result = String((error as { code?: unknown }).code ?? 'no code');
      callback({ code: FAILED, error });
    };
    if (this._promiseQueue.hasReachedLimit()) {
      call.endedAt = call.at;
      fail(new Error('Concurrent export limit reached'));
      return;
    }
    const sent = this._transport.send(content, this._timeout).then((result) => {
      call.endedAt = this.#collector.clock.now();
      // A retryable failure without an error of its own was a status, which is not told.
      if (result.status === 'retryable')
        fail(result.error ?? new OTLPExporterError('Export failed with retryable status'));
      else if (result.status === 'failure') fail(result.error);
      else {
        call.result = 'success';
        callback({ code: SUCCESS });
      }
    });
    this._promiseQueue.pushPromise(sent);
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this._promiseQueue._sendingPromises);
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    this._transport.shutdown();
  }
}

/** Called as the official ones, all of them. */
export class OTLPLogExporter implements AnyLogRecordExporter {
  readonly _delegate: OTLPExportDelegate;

  constructor(delegate: OTLPExportDelegate) {
    this._delegate = delegate;
  }

  export(records: Records, callback: Callback): void {
    this._delegate.export(records, callback);
  }

  forceFlush(): Promise<void> {
    return this._delegate.forceFlush();
  }

  shutdown(): Promise<void> {
    return this._delegate.shutdown();
  }
}
