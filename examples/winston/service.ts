import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import winston from 'winston';

const logger = winston.createLogger({ transports: [new winston.transports.Console()] });

const server = createServer((request, response) => {
  const path = request.url;
  if (path === '/broken') {
    logger.error('request failed', { path, error: new Error('no such order') });
    response.writeHead(500);
  } else {
    logger.info('request served', { path });
  }
  response.end();
});
server.listen(Number(process.env.PORT ?? 8080), () => {
  logger.info('listening', { port: (server.address() as AddressInfo).port });
});
