import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { logs, SeverityNumber } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

const processor = new SpillwayLogRecordProcessor({
  // Together with the slowest request, less than the process manager waits before it kills.
  shutdown: { strategy: 'graceful', timeoutMillis: 5_000 },
});
const provider = new LoggerProvider({ processors: [processor] });
logs.setGlobalLoggerProvider(provider);

const logger = logs.getLogger('reports');
/** @type {(body: string, path: string | undefined) => void} */
const log = (body, path) =>
  logger.emit({
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body,
    attributes: { 'url.path': path },
  });

const server = createServer(async (request, response) => {
  log('report begun', request.url);
  response.write('one moment\n');
  await sleep(300);
  log('report done', request.url);
  response.end('done\n', () => {
    // Else close() would wait until the client tires of the connection it keeps alive.
    if (!server.listening) server.closeIdleConnections();
  });
});
const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`listening on http://localhost:${port}`));

shutdownOnSignals(provider, {
  // The server goes first: requests under way are answered, and what they log is still accepted.
  before: () => new Promise((resolve) => server.close(resolve)),
});
