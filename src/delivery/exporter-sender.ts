/** Everything that calls a `LogRecordExporter`: batches are sent through it, its `forceFlush` and `shutdown` are bounded. */

import type { LogRecordExporter, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { Clock } from '../common/clock.ts';
import type { RecordBatch } from '../records/record-batch.ts';
import { classify } from './classify.ts';
import { runExporting } from './export-context.ts';
import { resolved } from './pending-resources.ts';
import type { Outcome, Sender } from './sender.ts';

/**
 * A `LogRecordExporter` of any release: `forceFlush` became part of the interface only in sdk-logs 0.215.
 */
export type AnyLogRecordExporter = Pick<LogRecordExporter, 'export' | 'shutdown'> &
  Partial<Pick<LogRecordExporter, 'forceFlush'>>;

const SUCCESS = 0;

export class ExporterSender implements Sender<RecordBatch> {
  readonly #exporter: AnyLogRecordExporter;
  readonly #clock: Clock;
  readonly #exporting: () => void;

  /** @param exporting is told that the exporter was given records. */
  constructor(exporter: AnyLogRecordExporter, clock: Clock, exporting: () => void) {
    this.#exporter = exporter;
    this.#clock = clock;
    this.#exporting = exporting;
  }

  async send(batch: RecordBatch): Promise<Outcome> {
    const records = batch.toArray();
    const pending = batch.pendingResources;
    if (pending.length > 0) await resolved(pending, this.#clock);
    return this.#export(records);
  }

  #export(records: ReadableLogRecord[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const threw = (error: unknown) => resolve({ kind: 'unserializable', error });
      try {
        // A promise settles once, so a callback that comes twice, or after a throw, changes nothing.
        const returned: unknown = runExporting(() =>
          this.#exporter.export(records, (result) => {
            resolve(
              result?.code === SUCCESS ? { kind: 'delivered', rejectedRecords: 0 } : classify(result?.error),
            );
          }),
        );
        // The interface returns nothing, but an async function satisfies it, and then rejects.
        if (returned instanceof Promise) returned.catch(threw);
        this.#exporting();
      } catch (error) {
        threw(error);
      }
    });
  }
}

/**
 * Resolves when the exporter is done, which may be never. Never rejects.
 * @param failed is told what the exporter threw or rejected with.
 */
export function callExporter(
  exporter: AnyLogRecordExporter,
  method: 'forceFlush' | 'shutdown',
  failed: (error: unknown) => void,
): Promise<void> {
  // Inside a promise chain a synchronous throw becomes a rejection.
  return Promise.resolve()
    .then(() => runExporting(() => exporter[method]?.()))
    .catch(failed);
}
