import express from 'express';
import { pino } from 'pino';

const logger = pino();
const app = express();

app.get('/order/:id', (request, response) => {
  logger.info({ order: Number(request.params.id) }, 'order stored');
  response.send('ok\n');
});

const port = Number(process.env.PORT ?? 8080);
app.listen(port, () => logger.info({ port }, 'listening'));
