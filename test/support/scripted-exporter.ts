/** An exporter that does what a test tells it, and remembers what it was given. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { AnyLogRecordExporter } from '../../src/index.ts';

type Callback = Parameters<AnyLogRecordExporter['export']>[1];
type Result = Parameters<Callback>[0];

/** One call of `export()`: a test may answer it whenever, and as often, as it likes. */
export interface ExportCall {
  readonly records: readonly ReadableLogRecord[];
  readonly bodies: readonly unknown[];
  succeed(): void;
  fail(error?: unknown): void;
  isAnswered(): boolean;
}

/** What to do with a call: answer at once, throw, or keep it open. */
export type Behaviour = 'succeed' | 'hang' | { readonly fail: unknown } | { readonly throw: unknown };

export class ScriptedExporter implements AnyLogRecordExporter {
  readonly calls: ExportCall[] = [];
  /** Bodies of the records in calls that were answered with success. */
  readonly delivered: unknown[] = [];
  /** Answers in turn; the last one stays. */
  script: Behaviour[];
  /** Decides by the records, where set; undefined falls back to the script. */
  decide: ((records: readonly ReadableLogRecord[]) => Behaviour | undefined) | undefined;
  onShutdown: () => Promise<void> = () => Promise.resolve();
  onForceFlush: () => Promise<void> = () => Promise.resolve();
  shutdowns = 0;
  forceFlushes = 0;
  concurrent = 0;
  peakConcurrent = 0;

  constructor(...script: Behaviour[]) {
    this.script = script.length > 0 ? script : ['succeed'];
  }

  export(records: ReadableLogRecord[], callback: Callback): void {
    const behaviour =
      this.decide?.(records) ?? (this.script.length > 1 ? this.script.shift() : this.script[0]) ?? 'succeed';
    this.peakConcurrent = Math.max(this.peakConcurrent, ++this.concurrent);
    let answered = false;
    const answer = (result: Result, deliver: boolean) => {
      if (!answered) {
        answered = true;
        this.concurrent--;
        if (deliver) for (const { body } of records) this.delivered.push(body);
      }
      callback(result);
    };
    const call: ExportCall = {
      records,
      bodies: records.map(({ body }) => body),
      succeed: () => answer({ code: 0 }, true),
      fail: (error) => answer({ code: 1, error: error as Error }, false),
      isAnswered: () => answered,
    };
    this.calls.push(call);
    if (behaviour === 'succeed') call.succeed();
    else if (typeof behaviour === 'object' && 'fail' in behaviour) call.fail(behaviour.fail);
    else if (typeof behaviour === 'object') {
      this.concurrent--;
      throw behaviour.throw;
    }
  }

  get lastCall(): ExportCall {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error('the exporter was not called');
    return call;
  }

  forceFlush(): Promise<void> {
    this.forceFlushes++;
    return this.onForceFlush();
  }

  shutdown(): Promise<void> {
    this.shutdowns++;
    return this.onShutdown();
  }
}

/** As the official OTLP/HTTP exporters report a status. */
export function httpError(status: number): Error {
  return Object.assign(new Error(`HTTP ${status}`), { name: 'OTLPExporterError', code: status });
}
