import { createServer } from 'node:http';
import { logs, metrics, SeverityNumber } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

const processor = new SpillwayLogRecordProcessor();
const provider = new LoggerProvider({ processors: [processor] });
logs.setGlobalLoggerProvider(provider);
shutdownOnSignals(provider);

// Before the processor or after it: it finds the global MeterProvider either way.
const prometheus = new PrometheusExporter({ preventServerStart: true });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [prometheus] }));

const logger = logs.getLogger('shop');

const server = createServer((request, response) => {
  if (request.url === '/metrics') {
    prometheus.getMetricsRequestHandler(request, response);
  } else if (request.url === '/health') {
    const health = processor.health();
    response.writeHead(health.status === 'failing' ? 503 : 200).end(JSON.stringify(health));
  } else {
    logger.emit({ severityNumber: SeverityNumber.INFO, severityText: 'INFO', body: 'request served' });
    response.end('ok\n');
  }
});
const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`listening on http://localhost:${port}`));
