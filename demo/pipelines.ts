/** The pipelines that are compared: each gets every record, and sends to a collector of its own. */
import { join } from 'node:path';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import {
  BatchLogRecordProcessor,
  type LogRecordExporter,
  type LogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import { type DataPoint, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from 'otel-spillway';
import { sumOfCounts } from './balance.ts';
import { seconds } from './format.ts';
import {
  type Balance,
  type PerPipeline,
  type PipelineName,
  type PipelineSample,
  pipelineNames,
  tell,
} from './messages.ts';

export interface Pipeline {
  name: PipelineName;
  processor: LogRecordProcessor;
  look(): Promise<Omit<PipelineSample, 'balance'>>;
  /** Absent where the processor keeps no such account. */
  balance?(): Balance;
}

/** Stock, in every option; its queue and its losses are read from the metrics it offers. */
function stock(logsUrl: string): Pipeline {
  const reader = new OnDemandReader();
  const processor = new BatchLogRecordProcessor({
    exporter: new OTLPLogExporter({ url: logsUrl }),
    selfObsMeterProvider: new MeterProvider({ readers: [reader] }),
  });
  return {
    name: 'stock',
    processor,
    look: async () => {
      const queued = sumOf(await reader.points('otel.sdk.processor.log.queue.size'));
      const processed = await reader.points('otel.sdk.processor.log.processed');
      const lost = sumOf(processed.filter((point) => point.attributes['error.type'] !== undefined));
      return { queued: { records: queued }, lost };
    },
  };
}

/** Its own defaults, and a spool with its own, but for the mode. */
function spillway(name: PipelineName, exporter: LogRecordExporter, spoolDirectory: string): Pipeline {
  const processor = new SpillwayLogRecordProcessor({
    exporter,
    // On disk before it is sent: what was logged survives SIGKILL, but for the batch that is still open.
    spool: { directory: join(spoolDirectory, name), mode: 'always' },
    onBreakerStateChange: ({ from, to, nextProbeMillis }) => {
      const probe = nextProbeMillis === undefined ? '' : `, next probe in ${seconds(nextProbeMillis)}`;
      tell({ type: 'news', text: `${name}: breaker ${from} -> ${to}${probe}` });
    },
  });
  return {
    name,
    processor,
    look: async () => {
      const { queued, spooled, dropped, breaker } = processor.stats();
      const lost = sumOfCounts(dropped);
      return { queued: { ...queued }, onDiskBytes: spooled.bytes, lost, breaker: breaker.state };
    },
    balance: () => {
      const { offered, recovered, exported, dropped, queued, inFlight, spooled } = processor.stats();
      return {
        offered,
        recovered,
        exported,
        dropped: { ...dropped },
        queued: queued.records,
        inFlight: inFlight.records,
        spooled: spooled.records,
      };
    },
  };
}

const builders: PerPipeline<(logsUrl: string, spoolDirectory: string) => Pipeline> = {
  stock,
  spillway: (url, directory) => spillway('spillway', new OTLPLogExporter({ url }), directory),
  'spillway-otlp': (url, directory) =>
    spillway('spillway-otlp', new SpillwayOtlpLogExporter({ url }), directory),
};

export function buildPipelines(logsUrls: PerPipeline<string>, spoolDirectory: string): Pipeline[] {
  return pipelineNames.map((name) => builders[name](logsUrls[name], spoolDirectory));
}

class OnDemandReader extends MetricReader {
  async points(metricName: string): Promise<DataPoint<number>[]> {
    const { resourceMetrics } = await this.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const found = metrics.find((metric) => metric.descriptor.name === metricName);
    return (found?.dataPoints ?? []) as DataPoint<number>[];
  }

  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

function sumOf(points: readonly DataPoint<number>[]): number {
  return points.reduce((sum, point) => sum + point.value, 0);
}
