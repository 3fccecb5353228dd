import { createServer } from 'node:http';
import winston from 'winston';

const logger = winston.createLogger({ transports: [new winston.transports.Console()] });
const port = Number(process.env.PORT ?? 8080);

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
server.listen(port, () => logger.info('listening', { port }));
