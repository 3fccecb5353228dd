/** The exporters that speak OTLP over HTTP, ours and the official ones, behind the processor and in front of a collector. */

import type { SpillwayOptions } from '../../src/index.ts';
import { HTTP_ENCODINGS, httpExporter, IMPATIENT_MILLIS } from './http-exporters.ts';
import { LivePipeline } from './live-pipeline.ts';
import { otlpPipeline } from './otlp-pipeline.ts';

type Options = Omit<SpillwayOptions, 'exporter'>;

export interface HttpExporter {
  /** As a test's name says it. */
  readonly exporter: string;
  readonly isOurs: boolean;
  /** Milliseconds the exporter may take for one export; by default too few for retries of its own. */
  pipeline(collector: { readonly logsUrl: string }, options?: Options, exporterMillis?: number): LivePipeline;
}

const ours: HttpExporter = {
  exporter: 'the own exporter',
  isOurs: true,
  pipeline: (collector, options, timeoutMillis = 10_000) =>
    otlpPipeline(collector, { ...options, otlp: { timeoutMillis } }),
};

const official = HTTP_ENCODINGS.map(
  (encoding): HttpExporter => ({
    exporter: `the official ${encoding} exporter`,
    isOurs: false,
    pipeline: ({ logsUrl }, options, exporterMillis = IMPATIENT_MILLIS) =>
      new LivePipeline({ exporter: httpExporter(encoding, logsUrl, exporterMillis), ...options }),
  }),
);

export const HTTP_EXPORTERS: readonly HttpExporter[] = [ours, ...official];
