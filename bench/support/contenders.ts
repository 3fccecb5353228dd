/** Builds the pipelines that are compared, with the same exporter settings: all defaults, and the same collector. */

import { OTLPLogExporter as GrpcExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { BatchLogRecordProcessor, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, type SpillwayOptions, SpillwayOtlpLogExporter } from 'otel-spillway';
import { LimitProcessor } from './limit.ts';
import { type Contender, LIMIT, OTLP, PLAIN, STOCK } from './measure.ts';

/** Options that both processors have, and ours alone. */
type Options = Omit<SpillwayOptions, 'exporter'>;

const EXPORTERS = { protobuf: ProtobufExporter, json: JsonExporter, grpc: GrpcExporter };
export type OfficialExporter = keyof typeof EXPORTERS;

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
  exporter: OfficialExporter = 'protobuf',
): Pipeline {
  const official = () => new EXPORTERS[exporter]({ url });
  switch (contender) {
    case STOCK:
      return {
        processor: new BatchLogRecordProcessor({ exporter: official(), ...common }),
        dropped: () => ({}),
      };
    case PLAIN:
      return ours({ exporter: official(), ...common, ...own });
    case OTLP:
      return ours({ exporter: new SpillwayOtlpLogExporter({ url }), ...common, ...own });
    case LIMIT:
      return { processor: new LimitProcessor(url), dropped: () => ({}) };
  }
}

function ours(options: SpillwayOptions): Pipeline {
  const processor = new SpillwayLogRecordProcessor(options);
  return { processor, dropped: () => ({ ...processor.stats().dropped }) };
}
