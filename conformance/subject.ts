/** What is tried: a module that makes a processor, also in the child processes of the claims about ends. */

import type { LogRecordExporter, LogRecordProcessor } from '@opentelemetry/sdk-logs';

export interface MakeOptions {
  /** Where the processor's own exporter, or the official one, is to send to. */
  readonly url: string;
  /** Instead of that exporter. */
  readonly exporter?: LogRecordExporter;
  /** A directory that is still there when the process has ended, for processors that can use one. */
  readonly directory?: string;
  readonly scheduledDelayMillis?: number;
  readonly exportTimeoutMillis?: number;
}

export interface Subject {
  /** As the head of its column. */
  readonly name: string;
  /** With its defaults in all that is not given. */
  makeProcessor(options: MakeOptions): LogRecordProcessor;
}
