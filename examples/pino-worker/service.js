import { createServer } from 'node:http';
import { pino } from 'pino';

const logger = pino({
  transport: {
    target: new URL('./transport.js', import.meta.url).href,
    // Options of the processor: whatever can be cloned, such as a spool.
    options: { shutdown: { timeoutMillis: 3_000 } },
  },
});

const server = createServer((request, response) => {
  logger.info({ path: request.url }, 'request served');
  response.end();
  if (request.url === '/last') server.close(() => logger.info('no more requests'));
  if (request.url === '/exit') process.exit(0);
  if (request.url === '/throw') throw new Error('nobody catches this');
});
server.keepAliveTimeout = 1;
server.listen(Number(process.env.PORT ?? 8080), () => {
  logger.info('listening');
});

// Without a listener a signal ends the worker with its process.
process.once('SIGTERM', () => {
  logger.warn('terminated');
  process.exit(143);
});
