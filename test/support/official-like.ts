/** An exporter with the shape of the official OTLP ones, whose exports a test answers. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { AnyLogRecordExporter } from '../../src/index.ts';
import { type ExportCall, ScriptedExporter } from './scripted-exporter.ts';

type Callback = Parameters<AnyLogRecordExporter['export']>[1];

/** A promise leaves it only after its callback was called, as in the official ones. */
class BoundedQueue {
  readonly _sendingPromises: Promise<void>[] = [];
  readonly _concurrencyLimit: number;

  constructor(concurrencyLimit: number) {
    this._concurrencyLimit = concurrencyLimit;
  }

  pushPromise(promise: Promise<void>): void {
    this._sendingPromises.push(promise);
    void promise.then(() => this._sendingPromises.splice(this._sendingPromises.indexOf(promise), 1));
  }

  hasReachedLimit(): boolean {
    return this._sendingPromises.length >= this._concurrencyLimit;
  }
}

class Delegate {
  readonly _promiseQueue: BoundedQueue;
  readonly scripted = new ScriptedExporter('hang');
  refusals = 0;

  constructor(concurrencyLimit: number) {
    this._promiseQueue = new BoundedQueue(concurrencyLimit);
  }

  export(records: ReadableLogRecord[], callback: Callback): void {
    if (this._promiseQueue.hasReachedLimit()) {
      this.refusals++;
      callback({ code: 1, error: new Error('Concurrent export limit reached') });
      return;
    }
    const answered = new Promise<Parameters<Callback>[0]>((resolve) => {
      this.scripted.export(records, resolve);
    });
    this._promiseQueue.pushPromise(answered.then(callback));
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

class Base implements AnyLogRecordExporter {
  readonly _delegate: Delegate;

  constructor(delegate: Delegate) {
    this._delegate = delegate;
  }

  export(records: ReadableLogRecord[], callback: Callback): void {
    this._delegate.export(records, callback);
  }

  forceFlush(): Promise<void> {
    return this._delegate.forceFlush();
  }

  shutdown(): Promise<void> {
    return this._delegate.shutdown();
  }
}

export class OfficialLike extends Base {
  constructor(concurrencyLimit: number) {
    super(new Delegate(concurrencyLimit));
  }

  get calls(): readonly ExportCall[] {
    return this._delegate.scripted.calls;
  }

  /** Calls that were not answered yet. */
  get open(): readonly ExportCall[] {
    return this.calls.filter(({ isAnswered }) => !isAnswered());
  }

  /** Calls beyond the limit. */
  get refusals(): number {
    return this._delegate.refusals;
  }
}
