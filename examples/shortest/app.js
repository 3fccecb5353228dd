import { logs, SeverityNumber } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor } from 'otel-spillway';

logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new SpillwayLogRecordProcessor()] }));

const logger = logs.getLogger('shortest');
logger.emit({ severityNumber: SeverityNumber.INFO, severityText: 'INFO', body: 'order stored' });
logger.emit({ severityNumber: SeverityNumber.WARN, severityText: 'WARN', body: 'stock is low' });
// There is no shutdown here: a process that ends by itself takes what is queued with it to the collector.
