/** Loaded before the service (`node --import`): a logger provider with the processor of this side, pino bridged to it. */
import { diag, logs } from '@opentelemetry/api';
import { PinoInstrumentation } from '@opentelemetry/instrumentation-pino';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { SpoolMode } from '../view.ts';
import { spillway, stock } from './pipelines.ts';

const { PLAYGROUND_SIDE, PLAYGROUND_SPOOL = 'off', PLAYGROUND_DIRECTORY = '' } = process.env;

export const logged = { records: 0 };

// Losses are told by the playground itself; with a logger set, the processor prints none at its end.
const silent = () => {};
diag.setLogger({ error: silent, warn: silent, info: silent, debug: silent, verbose: silent });

export const pipeline =
  PLAYGROUND_SIDE === 'stock'
    ? stock(() => logged.records)
    : spillway(PLAYGROUND_SPOOL as SpoolMode, PLAYGROUND_DIRECTORY);

export const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': 'playground-shop' }),
  processors: [pipeline.processor],
});
logs.setGlobalLoggerProvider(provider);
new PinoInstrumentation();
