/** Ends with records that nobody takes: they are in the directory that is its argument then. */
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor } from 'otel-spillway';

const exporter = {
  export: (_records, callback) => callback({ code: 1, error: new Error('nobody is there') }),
  shutdown: async () => {},
};
const processor = new SpillwayLogRecordProcessor({ exporter, spool: { directory: process.argv[2] } });
const logger = new LoggerProvider({ processors: [processor] }).getLogger('consumer');
for (let index = 0; index < 100; index++) logger.emit({ body: `record ${index}` });
process.exit();
