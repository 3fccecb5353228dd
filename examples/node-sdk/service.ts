import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { logs, SeverityNumber } from '@opentelemetry/api';

const logger = logs.getLogger('shop');

const server = createServer((request, response) => {
  logger.emit({
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body: 'request served',
    attributes: { 'url.path': request.url },
  });
  response.end('ok\n');
});
server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
