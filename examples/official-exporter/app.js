import { logs, SeverityNumber } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

// It retries by itself for as long, and the processor hears of a failure only then.
const exporter = new OTLPLogExporter({ timeoutMillis: 2_000 });
const provider = new LoggerProvider({ processors: [new SpillwayLogRecordProcessor({ exporter })] });
logs.setGlobalLoggerProvider(provider);
shutdownOnSignals(provider);

const logger = logs.getLogger('official-exporter');
logger.emit({ severityNumber: SeverityNumber.INFO, severityText: 'INFO', body: 'order stored' });
