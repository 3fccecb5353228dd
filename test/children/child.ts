/** What the scripts in here share: the way they report, and the processors they make. */

import { writeSync } from 'node:fs';
import type { AnyValue, Logger } from '@opentelemetry/api';
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
  type LogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, type SpillwayOptions } from '../../src/index.ts';

/** To the test that started this process, at once: whatever comes next, the line has left. */
export function report(line: string): void {
  writeSync(3, `${line}\n`);
}

/** The script has no work of its own left: what keeps the process alive from now on is the library's doing. */
export function done(): void {
  report(`done at ${performance.now()}`);
}

process.on('exit', () => report(`exit at ${performance.now()}`));

export interface HangingExporter extends LogRecordExporter {
  exports: number;
}

/** Never calls back, and never finishes anything else either. */
export function hangingExporter(): HangingExporter {
  return {
    exports: 0,
    export() {
      this.exports++;
    },
    forceFlush: () => new Promise(() => {}),
    shutdown: () => new Promise(() => {}),
  };
}

/** A batch waits for company far longer than any of the scenarios last: only an ending can send it. */
export const PATIENT = { scheduledDelayMillis: 60_000, maxExportBatchSize: 100 };

export function spillway(exporter: LogRecordExporter, options: Partial<SpillwayOptions> = {}) {
  return new SpillwayLogRecordProcessor({ ...PATIENT, exporter, ...options });
}

export function stock(exporter: LogRecordExporter): BatchLogRecordProcessor {
  return new BatchLogRecordProcessor({ ...PATIENT, exporter });
}

export function providerWith(...processors: LogRecordProcessor[]): LoggerProvider {
  return new LoggerProvider({ processors });
}

let emitted = 0;

/** The bodies are numbers, from 0 on, over all loggers of the process. */
export function emit(logger: Logger, count = 1): void {
  for (let index = 0; index < count; index++) logger.emit({ body: String(emitted++), severityNumber: 9 });
}

/** Whoever reads it ends the process, in the middle of the record. */
export function bodyThatExits(): AnyValue {
  const body = { first: 'of two' };
  return Object.defineProperty(body, 'second', { enumerable: true, get: () => process.exit(0) });
}
