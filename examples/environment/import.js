import { logs, SeverityNumber } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor } from 'otel-spillway';

// Without an exporter it is the package's own, and the environment says where to and how.
const processor = new SpillwayLogRecordProcessor();
const provider = new LoggerProvider({ processors: [processor] });
logs.setGlobalLoggerProvider(provider);

const logger = logs.getLogger('import');
for (let row = 1; row <= 2_000; row++) {
  logger.emit({
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body: 'row imported',
    attributes: { 'import.row': row, 'import.table': 'orders' },
  });
}
await provider.shutdown();

const { offered, exported, dropped } = processor.stats();
console.log(`logged ${offered}, exported ${exported}, rejected by the collector ${dropped.rejected}`);
