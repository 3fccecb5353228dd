import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

function log(severityText: 'INFO' | 'FATAL', body: string, path: string | undefined): void {
  const severityNumber = SeverityNumber[severityText];
  logger.emit({ severityNumber, severityText, body, attributes: { 'url.path': path } });
}

const server = createServer((request, response) => {
  if (request.url === '/corrupt') {
    log('FATAL', 'the stock is corrupt, nothing can be sold', request.url);
    // Nothing is awaited, and no exit handler is needed: the spool has its own.
    process.exit(1);
  }
  log('INFO', 'order stored', request.url);
  response.end('ok\n');
});
server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
