/** The service under test: logs at a rate through one lane, everything at its default, until it is told or signalled to end. */

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPLogExporter as GrpcExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter, shutdownOnSignals } from 'otel-spillway';
import { emitRange } from '../bench/support/pace.ts';
import { epochMillis } from '../soak/witness.ts';
import type { FromService, Lane, ServicePlan, ToService } from './service-plan.ts';

const TICK_MILLIS = 10;
const MAX_DRAIN_MILLIS = 120_000;

const {
  lane,
  url,
  spoolDirectory,
  recordsPerSecond,
  maxQueueBytes,
  firstRecord = 0,
  tokenFile,
} = JSON.parse(process.argv[2] as string) as ServicePlan;

async function credentials(): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await readFile(tokenFile as string, 'utf8')}` };
}

const exporters: Readonly<Record<Lane, (url: string) => LogRecordExporter>> = {
  own: (url) =>
    new SpillwayOtlpLogExporter({ url, ...(tokenFile !== undefined && { headers: credentials }) }),
  protobuf: (url) => new ProtobufExporter({ url }),
  json: (url) => new JsonExporter({ url }),
  grpc: (url) => new GrpcExporter({ url }),
  stock: (url) => new ProtobufExporter({ url }),
  'stock grpc': (url) => new GrpcExporter({ url }),
};

function tell(message: FromService): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}

const say =
  (level: string) =>
  (...words: unknown[]) =>
    void tell({ type: 'said', atMillis: epochMillis(), text: `${level}: ${words.join(' ')}` });
const logger: DiagLogger = {
  error: say('error'),
  warn: say('warn'),
  info: say('info'),
  debug: () => {},
  verbose: () => {},
};
diag.setLogger(logger, DiagLogLevel.INFO);

const exporter = exporters[lane](url);
const spillway = lane.startsWith('stock')
  ? undefined
  : new SpillwayLogRecordProcessor({
      exporter,
      ...(maxQueueBytes !== undefined && { maxQueueBytes }),
      ...(spoolDirectory !== undefined && { spool: { directory: spoolDirectory } }),
    });
const processor = spillway ?? new BatchLogRecordProcessor({ exporter });
const provider = new LoggerProvider({ processors: [processor] });
const log = provider.getLogger('service');

let emitted = 0;
let failures = 0;
let peakPressure = 0;
const startMillis = performance.now();
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - startMillis) / 1_000) * recordsPerSecond);
  emitRange(log, firstRecord + emitted, firstRecord + due);
  emitted = due;
  look();
}, TICK_MILLIS);

function look(): void {
  if (spillway === undefined) return;
  peakPressure = Math.max(peakPressure, spillway.pressure);
  const { exports } = spillway.stats();
  if (exports.failures > failures) void tell({ type: 'failed', atMillis: epochMillis() });
  failures = exports.failures;
}

async function end(): Promise<void> {
  const endMillis = performance.now();
  await provider.shutdown();
  const stats = spillway?.stats();
  await tell({
    type: 'ended',
    emitted,
    ...(stats && { stats }),
    peakPressure,
    endingMillis: performance.now() - endMillis,
  });
}

shutdownOnSignals({ shutdown: end }, { before: () => clearInterval(timer) });

process.on('message', async (_: ToService) => {
  clearInterval(timer);
  const endMillis = performance.now() + MAX_DRAIN_MILLIS;
  while (performance.now() < endMillis && spillway !== undefined) {
    const { queued, inFlight, spooled } = spillway.stats();
    if (queued.records + inFlight.records + spooled.records === 0) break;
    look();
    await sleep(TICK_MILLIS);
  }
  await end();
  process.exit(0);
});
process.on('disconnect', () => process.exit(1));
void tell({ type: 'started' });
