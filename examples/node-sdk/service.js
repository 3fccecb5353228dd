import { createServer } from 'node:http';
import { logs, SeverityNumber } from '@opentelemetry/api';

const logger = logs.getLogger('shop');
const port = Number(process.env.PORT ?? 8080);

const server = createServer((request, response) => {
  logger.emit({
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body: 'request served',
    attributes: { 'url.path': request.url },
  });
  response.end('ok\n');
});
server.listen(port, () => console.log(`listening on http://localhost:${port}`));
