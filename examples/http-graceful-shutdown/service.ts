import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { logs, SeverityNumber } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

const provider = new LoggerProvider({
  processors: [
    new SpillwayLogRecordProcessor({
      exporter: new OTLPLogExporter(),
      // Together with the slowest request, less than the process manager waits before it kills.
      shutdown: { strategy: 'graceful', timeoutMillis: 5_000 },
    }),
  ],
});
logs.setGlobalLoggerProvider(provider);
const logger = logs.getLogger('reports');

function log(body: string, path: string | undefined): void {
  logger.emit({
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body,
    attributes: { 'url.path': path },
  });
}

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
server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`);
});

shutdownOnSignals(provider, {
  // The server goes first: requests under way are answered, and what they log is still accepted.
  before: () => new Promise((resolve) => server.close(resolve)),
});
