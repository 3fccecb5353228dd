/** Loaded before the service (`node --import`): one logger provider, every pipeline behind it, pino bridged to it. */
import { logs } from '@opentelemetry/api';
import { PinoInstrumentation } from '@opentelemetry/instrumentation-pino';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { PerPipeline } from './messages.ts';
import { buildPipelines } from './pipelines.ts';

const { DEMO_LOGS_URLS = '{}', DEMO_SPOOL_DIRECTORY = 'spool' } = process.env;

export const pipelines = buildPipelines(
  JSON.parse(DEMO_LOGS_URLS) as PerPipeline<string>,
  DEMO_SPOOL_DIRECTORY,
);

export const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': 'demo-shop' }),
  processors: pipelines.map((pipeline) => pipeline.processor),
});
logs.setGlobalLoggerProvider(provider);
new PinoInstrumentation();
