import { createServer } from 'node:http';
import { logs, SeverityNumber } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

// In a container: a volume, because what is on the container's own file system is gone with it.
const processor = new SpillwayLogRecordProcessor({
  spool: { directory: process.env.SPOOL_DIRECTORY ?? 'spool' },
});
const provider = new LoggerProvider({ processors: [processor] });
logs.setGlobalLoggerProvider(provider);
shutdownOnSignals(provider);

const logger = logs.getLogger('shop');
/** @type {(severityText: 'INFO' | 'FATAL', body: string, path: string | undefined) => void} */
const log = (severityText, body, path) =>
  logger.emit({
    severityNumber: SeverityNumber[severityText],
    severityText,
    body,
    attributes: { 'url.path': path },
  });

const server = createServer((request, response) => {
  if (request.url === '/corrupt') {
    log('FATAL', 'the stock is corrupt, nothing can be sold', request.url);
    // Nothing is awaited, and no exit handler is needed: the spool has its own.
    process.exit(1);
  }
  log('INFO', 'order stored', request.url);
  response.end('ok\n');
});
const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`listening on http://localhost:${port}`));
