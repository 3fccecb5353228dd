/** A service whose metrics go both ways: it is scraped, and sends them by OTLP. Logs at a rate until it is ended. */

import { metrics } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { type IMetricReader, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter, shutdownOnSignals } from 'otel-spillway';
import { emitRange } from '../bench/support/pace.ts';
import { JOB, METRICS_EVERY_MILLIS, type MeteredPlan, type ToMetered } from './prometheus-plan.ts';

const TICK_MILLIS = 10;

const plan = JSON.parse(process.argv[2] as string) as MeteredPlan;
const resource = resourceFromAttributes({ 'service.name': JOB, 'service.instance.id': plan.name });

const readers = [new PrometheusExporter({ host: '127.0.0.1', port: plan.metricsPort })] as IMetricReader[];
if (plan.metricsUrl !== undefined) {
  readers.push(
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: plan.metricsUrl }),
      exportIntervalMillis: METRICS_EVERY_MILLIS,
      exportTimeoutMillis: METRICS_EVERY_MILLIS,
    }),
  );
}
const meters = new MeterProvider({ resource, readers });
metrics.setGlobalMeterProvider(meters);

const processor = new SpillwayLogRecordProcessor({
  exporter: new SpillwayOtlpLogExporter({ url: plan.logsUrl }),
  ...plan.options,
});
const provider = new LoggerProvider({ resource, processors: [processor] });
const logger = provider.getLogger('service');

const { burstRecords = 0, recordsPerSecond } = plan;
emitRange(logger, 0, burstRecords);
let emitted = burstRecords;
const startMillis = performance.now();
const timer = setInterval(() => {
  const due = burstRecords + Math.floor(((performance.now() - startMillis) / 1_000) * recordsPerSecond);
  emitRange(logger, emitted, due);
  emitted = due;
}, TICK_MILLIS);

shutdownOnSignals(provider, { before: () => clearInterval(timer) });
shutdownOnSignals(meters);
process.on('message', (_: ToMetered) => clearInterval(timer));
process.on('disconnect', () => process.exit(1));
process.send?.('started');
