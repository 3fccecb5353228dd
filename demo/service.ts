/** A small shop over HTTP that logs with pino, as any service would; it also reports its pipelines to the demo. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { shutdownOnSignals } from 'otel-spillway';
import { monitor } from './monitor.ts';
import { pipelines, provider } from './telemetry.ts';

// The instrumentation sees a CommonJS module without a loader hook when it is required.
const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');

/** Numbers go on where the process before this one ended. */
let offered = Number(process.env.DEMO_FIRST_SEQ ?? 0);
const logger = pino({ mixin: () => ({ seq: offered++ }) });

const checkoutSteps = [
  'request received',
  'session found',
  'cart loaded',
  'prices looked up',
  'stock checked',
  'discounts applied',
  'tax computed',
  'payment authorised',
  'order stored',
  'request completed',
];

function checkout(orderId: string, response: ServerResponse): void {
  const startMillis = performance.now();
  for (const step of checkoutSteps) {
    logger.info({ orderId, route: '/checkout', tookMillis: performance.now() - startMillis }, step);
  }
  response.end(`{"orderId":"${orderId}"}`);
}

/** One line for each row, without a pause: what a batch job does to a queue. */
function importRows(count: number, response: ServerResponse): void {
  for (let row = 0; row < count; row++) {
    const level = row % 100 === 99 ? 'warn' : 'info';
    logger[level]({ row, sku: `SKU-${row % 977}`, quantity: row % 13, route: '/import' }, 'row imported');
  }
  response.end(`{"imported":${count}}`);
}

/** The last thing it logs, in the same turn, are the lines that tell why. */
function crash(): void {
  for (let attempt = 1; attempt <= 10; attempt++) logger.error({ attempt }, 'the database does not answer');
  throw new Error('the database is gone');
}

function handle(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  response.setHeader('content-type', 'application/json');
  if (url.pathname === '/checkout') checkout(url.searchParams.get('order') ?? 'none', response);
  else if (url.pathname === '/import') importRows(Number(url.searchParams.get('rows')), response);
  else if (url.pathname === '/crash') crash();
  else response.writeHead(404).end();
}

const server = createServer(handle);
// Longer than the load ever pauses: a connection that is closed as it is used again fails its request.
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env.DEMO_PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  const leaveLastWords = monitor({
    port,
    pipelines,
    offered: () => offered,
    finish: async () => {
      server.close();
      server.closeIdleConnections();
      await provider.shutdown();
    },
  });
  async function shutdown(): Promise<void> {
    await provider.shutdown();
    // The signal is raised again, and ends the process without an exit.
    leaveLastWords();
  }
  const before = () => new Promise((resolve) => server.close(resolve));
  shutdownOnSignals({ shutdown }, { signals: ['SIGTERM'], before });
});
