/** Builds the pipelines that are compared, with the same exporter settings: all defaults, and the same collector. */

import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { BatchLogRecordProcessor, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, type SpillwayOptions, SpillwayOtlpLogExporter } from 'otel-spillway';
import { type Contender, OTLP, PLAIN, STOCK } from './measure.ts';

/** Options that both processors have, and ours alone. */
type Options = Omit<SpillwayOptions, 'exporter'>;

export interface Pipeline {
  readonly processor: LogRecordProcessor;
  /** What the processor says it has lost, where it keeps count. */
  readonly dropped: () => Record<string, number>;
}

export function buildPipeline(
  contender: Contender,
  url: string,
  common: Pick<Options, 'maxQueueSize' | 'selfObsMeterProvider'> = {},
  own: Options = {},
): Pipeline {
  switch (contender) {
    case STOCK:
      return {
        processor: new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url }), ...common }),
        dropped: () => ({}),
      };
    case PLAIN:
      return ours({ exporter: new OTLPLogExporter({ url }), ...common, ...own });
    case OTLP:
      return ours({ exporter: new SpillwayOtlpLogExporter({ url }), ...common, ...own });
  }
}

function ours(options: SpillwayOptions): Pipeline {
  const processor = new SpillwayLogRecordProcessor(options);
  return { processor, dropped: () => ({ ...processor.stats().dropped }) };
}
