import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor } from 'otel-spillway';
import build from 'pino-abstract-transport';

/** @type {Record<number, string>} */
const LEVELS = { 10: 'TRACE', 20: 'DEBUG', 30: 'INFO', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };

/** @param {import('otel-spillway').SpillwayOptions} options */
export default function transport(options) {
  const provider = new LoggerProvider({ processors: [new SpillwayLogRecordProcessor(options)] });
  const logger = provider.getLogger('pino');
  /** @param {AsyncIterable<Record<string, any>>} lines */
  const emitAll = async (lines) => {
    for await (const { level, time: timestamp, msg: body, ...attributes } of lines) {
      // TRACE is 1, DEBUG 5, INFO 9 and so on.
      const severityNumber = Math.max(1, Math.floor(level / 10) * 4 - 3);
      logger.emit({ timestamp, severityNumber, severityText: LEVELS[level], body, attributes });
    }
  };
  // However the main thread ends, it waits until the transport is closed.
  return build(emitAll, { close: () => provider.shutdown() });
}
