import { logs, SeverityNumber } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

const processor = new SpillwayLogRecordProcessor({
  // Sent while the tool works, rather than at its end.
  scheduledDelayMillis: 10,
  // What the collector has not taken by then is on disk, and the next run sends it.
  shutdown: { timeoutMillis: 5 },
  spool: { directory: process.env.SPOOL_DIRECTORY ?? 'spool', maxBytes: 16 * 1024 * 1024 },
});
const provider = new LoggerProvider({ processors: [processor] });
logs.setGlobalLoggerProvider(provider);
// Ctrl+C ends the tool as ever, a moment later.
shutdownOnSignals(provider);

const logger = logs.getLogger('wc');
const words = process.argv.slice(2).join(' ').split(' ').length;
logger.emit({
  severityNumber: SeverityNumber.INFO,
  severityText: 'INFO',
  body: 'words counted',
  attributes: { words },
});
console.log(words);
