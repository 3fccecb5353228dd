/** An exporter that counts what it is given and does what a claim wants. */

import type { LogRecordExporter, ReadableLogRecord } from '@opentelemetry/sdk-logs';

export class PlainExporter implements LogRecordExporter {
  onExport: () => Promise<void> = () => Promise.resolve();
  onFlush: () => Promise<void> = () => Promise.resolve();
  calls = 0;
  records = 0;
  peak = 0;
  #underWay = 0;

  export(batch: ReadableLogRecord[], done: Parameters<LogRecordExporter['export']>[1]): void {
    this.calls++;
    this.peak = Math.max(this.peak, ++this.#underWay);
    void this.onExport().then(() => {
      this.#underWay--;
      this.records += batch.length;
      done({ code: 0 });
    });
  }

  forceFlush(): Promise<void> {
    return this.onFlush();
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}
