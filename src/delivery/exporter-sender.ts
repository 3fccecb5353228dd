/** All calls to a `LogRecordExporter`: `export`, `forceFlush` and `shutdown`. */

import type { LogRecordExporter, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { Clock } from '../common/clock.ts';
import type { RecordBatch } from '../records/record-batch.ts';
import { classify } from './classify.ts';
import { runExporting } from './export-context.ts';
import { resolved } from './pending-resources.ts';
import type { Outcome, Sender } from './sender.ts';

/** A `LogRecordExporter` of any release: `forceFlush` became part of the interface only in sdk-logs 0.215. */
export type AnyLogRecordExporter = Pick<LogRecordExporter, 'export' | 'shutdown'> &
  Partial<Pick<LogRecordExporter, 'forceFlush'>>;

const SUCCESS = 0;

export class ExporterSender implements Sender<RecordBatch> {
  readonly #exporter: AnyLogRecordExporter;
  readonly #clock: Clock;
  readonly #exporting: () => void;
  readonly #concurrencyLimit: number;
  /** Exports without an answer, with those that were given up: an exporter may still be busy with them. */
  #unanswered = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param concurrencyLimit the exporter fails a call beyond so many concurrent ones. */
  constructor(
    exporter: AnyLogRecordExporter,
    clock: Clock,
    exporting: () => void,
    concurrencyLimit = Number.POSITIVE_INFINITY,
  ) {
    this.#exporter = exporter;
    this.#clock = clock;
    this.#exporting = exporting;
    this.#concurrencyLimit = concurrencyLimit;
  }

  async send(batch: RecordBatch, signal: AbortSignal): Promise<Outcome> {
    const records = batch.toArray();
    const pending = batch.pendingResources;
    if (pending.length > 0) await resolved(pending, this.#clock);
    while (this.#unanswered >= this.#concurrencyLimit) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (signal.aborted) return { kind: 'retryable', error: signal.reason };
    }
    this.#unanswered++;
    const outcome = await this.#export(records);
    // The exporter's own count falls just after its callback.
    this.#clock.immediate(this.#answered);
    return outcome;
  }

  readonly #answered = (): void => {
    this.#unanswered--;
    for (const proceed of this.#waiting.splice(0)) proceed();
  };

  #export(records: ReadableLogRecord[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const threw = (error: unknown) => resolve({ kind: 'unserializable', error });
      try {
        // A promise settles once: a second callback, or one after a throw, changes nothing.
        const returned: unknown = runExporting(() =>
          this.#exporter.export(records, (result) => {
            resolve(
              result?.code === SUCCESS ? { kind: 'delivered', rejectedRecords: 0 } : classify(result?.error),
            );
          }),
        );
        // The interface returns nothing, but an async function satisfies it and may reject.
        if (returned instanceof Promise) returned.catch(threw);
        this.#exporting();
      } catch (error) {
        threw(error);
      }
    });
  }
}

/** Resolves when the exporter's method has ended, which may be never; never rejects. @param failed receives its error. */
export function callExporter(
  exporter: AnyLogRecordExporter,
  method: 'forceFlush' | 'shutdown',
  failed: (error: unknown) => void,
): Promise<void> {
  // In a promise chain a synchronous throw becomes a rejection.
  return Promise.resolve()
    .then(() => runExporting(() => exporter[method]?.()))
    .catch(failed);
}
