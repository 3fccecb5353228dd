const { logs } = require('@opentelemetry/api');
const { PinoInstrumentation } = require('@opentelemetry/instrumentation-pino');
const { LoggerProvider } = require('@opentelemetry/sdk-logs');
const { SpillwayLogRecordProcessor, shutdownOnSignals } = require('otel-spillway');

const provider = new LoggerProvider({ processors: [new SpillwayLogRecordProcessor()] });
logs.setGlobalLoggerProvider(provider);
shutdownOnSignals(provider);

// It patches pino while pino is being loaded, so it must be there first.
new PinoInstrumentation();
