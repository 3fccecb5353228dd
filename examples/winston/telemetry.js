import { register } from 'node:module';
import { logs } from '@opentelemetry/api';
import { logs as logsOf2xx } from '@opentelemetry/api-logs';
import { WinstonInstrumentation } from '@opentelemetry/instrumentation-winston';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

// For a service of ES modules: without it the import of winston is not seen.
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);

const provider = new LoggerProvider({ processors: [new SpillwayLogRecordProcessor()] });
logs.setGlobalLoggerProvider(provider);
// @opentelemetry/winston-transport 0.34 asks the logs API of the 0.2xx releases; what it emits there is lost without this.
logsOf2xx.setGlobalLoggerProvider(provider);
shutdownOnSignals(provider);

// It patches winston while winston is being loaded, so it must be there first.
new WinstonInstrumentation();
