import { logs, SeverityNumber } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor } from 'otel-spillway';

const processor = new SpillwayLogRecordProcessor({ flushTimeoutMillis: 500 });
const provider = new LoggerProvider({ processors: [processor] });
logs.setGlobalLoggerProvider(provider);
const logger = logs.getLogger('shop');

/** @param {{ order: number }} event */
async function store({ order }) {
  logger.emit({ severityNumber: SeverityNumber.INFO, severityText: 'INFO', body: `order ${order} stored` });
  return { statusCode: 200 };
}

/** @param {{ order: number }} event */
export async function handler(event) {
  try {
    return await store(event);
  } finally {
    // What is not delivered in time stays queued, for the next invocation.
    await provider.forceFlush().catch(() => {});
  }
}
