/** All calls to a `LogRecordExporter`: `export`, `forceFlush` and `shutdown`, and when `forceFlush` is due. */

import type { LogRecordExporter, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type Clock, settledWithin } from '../common/clock.ts';
import type { RecordBatch } from '../records/record-batch.ts';
import { classify } from './classify.ts';
import { runExporting } from './export-context.ts';
import type { FlushResult } from './flush-requests.ts';
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

/**
 * An exporter may complete an export only when flushed, so it is flushed after each export that begins during a flush or
 * shutdown. It may keep records that it reported as delivered, so it is flushed once more after the last export.
 * Calls overlap only when no caller waits for the earlier one any more.
 */
export class ExporterFlush {
  readonly #flush: () => Promise<void>;
  readonly #clock: Clock;
  #waiting = 0;
  #running: Promise<void> | undefined;
  /** Begins when `#running` ends. */
  #next: Promise<void> | undefined;
  /** Whether an export has begun since the last call. */
  isDue = false;

  /** @param flush calls the exporter; never rejects, but may never end. */
  constructor(flush: () => Promise<void>, clock: Clock) {
    this.#flush = flush;
    this.#clock = clock;
  }

  exporting(): void {
    this.isDue = true;
    if (this.#waiting > 0) void this.#call();
  }

  /** Awaits `flushing` and then one more call, until `deadline` (monotonic clock) or until `hurry` aborts. */
  async during(flushing: Promise<FlushResult>, deadline: number, hurry: AbortSignal): Promise<FlushResult> {
    this.#waiting++;
    try {
      if (this.isDue) void this.#call();
      const result = await flushing;
      // An exporter that waits for the same answer would be as silent.
      if (result === 'silent') return result;
      await settledWithin(this.#call(), deadline - this.#clock.now(), this.#clock, { signal: hurry });
      return result;
    } finally {
      if (--this.#waiting === 0) {
        this.#running = undefined;
        this.#next = undefined;
      }
    }
  }

  /** @returns the end of a call that begins no earlier than now. */
  #call(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    if (this.#next === undefined) {
      const next = this.#running.then(() => {
        if (this.#next !== next) return;
        this.#next = undefined;
        return this.#begin();
      });
      this.#next = next;
    }
    return this.#next;
  }

  #begin(): Promise<void> {
    this.isDue = false;
    const running = this.#flush().then(() => {
      if (this.#running === running && this.#next === undefined) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
