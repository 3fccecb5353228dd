const { createServer } = require('node:http');
const { pino } = require('pino');

const logger = pino();
const port = Number(process.env.PORT ?? 8080);

const server = createServer((request, response) => {
  const child = logger.child({ path: request.url });
  if (request.url === '/broken') {
    child.error({ err: new Error('no such order') }, 'request failed');
    response.writeHead(500);
  } else {
    child.info('request served');
  }
  response.end();
});
server.listen(port, () => logger.info({ port }, 'listening'));
