// The least of a service written as CommonJS: the module loads, and what is emitted arrives.
const { LoggerProvider } = require('@opentelemetry/sdk-logs');
const { SpillwayLogRecordProcessor } = require('otel-spillway');

const provider = new LoggerProvider({ processors: [new SpillwayLogRecordProcessor()] });
const logger = provider.getLogger('platforms');
for (let index = 0; index < 1_000; index++) logger.emit({ body: String(index) });
provider.shutdown();
