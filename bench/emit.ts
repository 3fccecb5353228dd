/**
 * The cost of `onEmit`, and of a whole `logger.emit`, for the stock processor, for ours and for one that
 * does nothing, measured in turns within one run.
 *
 * Method: each round emits a burst of records through every variant, one after the other, in an order that
 * rotates; between rounds each variant is flushed into an exporter that does nothing. A round gives one time
 * per variant; the ratio to stock is taken round by round, and the medians over all rounds are printed, so a
 * machine that slows down for a while slows both sides of a ratio.
 */

import { type Attributes, context } from '@opentelemetry/api';
import {
  BatchLogRecordProcessor,
  type LogRecordExporter,
  type LogRecordProcessor,
  LoggerProvider,
  type ReadWriteLogRecord,
} from '@opentelemetry/sdk-logs';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { SpillwayLogRecordProcessor } from 'otel-spillway';
import { median, printTable } from './support/report.ts';

const BURST_RECORDS = 2_000;
const ROUNDS = 300;
const WARM_UP_ROUNDS = 60;

const exporter: LogRecordExporter = {
  export: (_records, done) => done({ code: 0 }),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

const noop: LogRecordProcessor = {
  onEmit: () => {},
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

const attributes: Attributes = {
  'http.request.method': 'GET',
  'http.route': '/orders/:id',
  'http.response.status_code': 200,
  'server.address': 'orders.example',
  'enduser.id': 'u-184467',
  duration_ms: 12.5,
};

const processors: Record<string, LogRecordProcessor> = {
  'no-op': noop,
  stock: new BatchLogRecordProcessor({ exporter }),
  spillway: new SpillwayLogRecordProcessor({ exporter }),
  'spillway, metrics on': new SpillwayLogRecordProcessor({ exporter, meterProvider: new MeterProvider() }),
};
const names = Object.keys(processors);

/** Records as the SDK makes them, kept from one pass through a provider. */
function sampleRecords(): ReadWriteLogRecord[] {
  const records: ReadWriteLogRecord[] = [];
  const keep: LogRecordProcessor = { ...noop, onEmit: (record) => records.push(record) };
  const logger = new LoggerProvider({ processors: [keep] }).getLogger('bench');
  for (let index = 0; index < BURST_RECORDS; index++) {
    logger.emit({ body: `order ${index} was placed`, severityNumber: 9, severityText: 'INFO', attributes });
  }
  return records;
}

function onEmitRun(processor: LogRecordProcessor, records: ReadWriteLogRecord[]): number {
  const active = context.active();
  const start = process.hrtime.bigint();
  for (const record of records) processor.onEmit(record, active);
  return Number(process.hrtime.bigint() - start) / BURST_RECORDS;
}

function emitRun(logger: ReturnType<LoggerProvider['getLogger']>): number {
  const start = process.hrtime.bigint();
  for (let index = 0; index < BURST_RECORDS; index++) {
    logger.emit({ body: `order ${index} was placed`, severityNumber: 9, severityText: 'INFO', attributes });
  }
  return Number(process.hrtime.bigint() - start) / BURST_RECORDS;
}

async function measure(title: string, run: (name: string) => number): Promise<void> {
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + WARM_UP_ROUNDS) % names.length] as string;
      const nanos = run(name);
      if (round >= 0) times.get(name)?.push(nanos);
      await processors[name]?.forceFlush();
    }
  }
  const stock = times.get('stock') as number[];
  printTable(
    title,
    ['processor', 'ns/record', 'ratio to stock'],
    names.map((name) => {
      const own = times.get(name) as number[];
      const ratio = median(own.map((nanos, round) => nanos / (stock[round] as number)));
      return [name, median(own).toFixed(0), ratio.toFixed(2)];
    }),
  );
}

const records = sampleRecords();
const loggers = new Map(
  names.map((name) => [
    name,
    new LoggerProvider({ processors: [processors[name] as LogRecordProcessor] }).getLogger('bench'),
  ]),
);
await measure('onEmit alone', (name) => onEmitRun(processors[name] as LogRecordProcessor, records));
await measure('logger.emit', (name) => emitRun(loggers.get(name) as ReturnType<LoggerProvider['getLogger']>));
