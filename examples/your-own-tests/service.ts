import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

const provider = new LoggerProvider({
  processors: [new SpillwayLogRecordProcessor({ spool: { directory: process.env.SPOOL ?? 'spool' } })],
});
const logger = provider.getLogger('orders');

let stored = 0;
const customers = setInterval(() => {
  const order = `${process.pid}-${stored++}`;
  logger.emit({ body: 'order stored', attributes: { order } });
  console.log(order);
}, 5);

shutdownOnSignals(provider, { before: () => clearInterval(customers) });
