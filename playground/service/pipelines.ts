/** The two processors, each with its defaults (where to send is in the environment), and what they say of themselves. */
import { createNoopMeter, type MeterProvider, type ObservableCallback } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { BatchLogRecordProcessor, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
// The folder's own package.json keeps 'otel-spillway' from being found by its name.
import { SpillwayLogRecordProcessor } from '../../dist/index.mjs';
import type { SpoolMode } from '../view.ts';
import type { Sample } from './messages.ts';

export interface Pipeline {
  processor: LogRecordProcessor;
  sample(): Sample;
  /** Drops that are known while a record is logged. */
  droppedSoFar(): number;
}

/** Of BatchLogRecordProcessor, which does not tell it. */
const STOCK_QUEUE_RECORDS = 2_048;

/** Its metrics are all it tells of itself; here they are heard as they are recorded. */
export function stock(logged: () => number): Pipeline {
  const dropped: Record<string, number> = {};
  let finished = 0;
  let failedExports = 0;
  let queueFull = 0;
  let queueSize = 0;
  const setSize = (size: number) => {
    queueSize = size;
  };
  const callbacks = new Set<ObservableCallback>();
  // It is one for all: what is assigned to it would be heard from others, too.
  const meter = Object.assign(Object.create(createNoopMeter()), {
    createCounter: () => ({
      add: (records: number, attributes: Record<string, unknown> = {}) => {
        const reason = attributes['error.type'];
        if (reason === 'queue_full') queueFull += records;
        else finished += records;
        if (reason === undefined) return;
        if (reason !== 'queue_full') failedExports++;
        const key = reason === 'queue_full' ? 'queue_full' : 'export_failed';
        dropped[key] = (dropped[key] ?? 0) + records;
      },
    }),
    createObservableUpDownCounter: () => ({
      addCallback: (callback: ObservableCallback) => void callbacks.add(callback),
      removeCallback: (callback: ObservableCallback) => void callbacks.delete(callback),
    }),
  });
  const meterProvider: MeterProvider = { getMeter: () => meter };
  const processor = new BatchLogRecordProcessor({
    exporter: new OTLPLogExporter(),
    selfObsMeterProvider: meterProvider,
  });
  return {
    processor,
    droppedSoFar: () => queueFull,
    sample: () => {
      for (const callback of callbacks) void callback({ observe: setSize });
      const waiting = Math.max(0, logged() - queueFull - finished);
      return {
        waiting,
        inFlight: Math.max(0, waiting - queueSize),
        waitingBytes: undefined,
        fill: queueSize / STOCK_QUEUE_RECORDS,
        onDisk: 0,
        onDiskBytes: 0,
        recovered: 0,
        dropped: { ...dropped },
        failedExports,
        lastError: undefined,
        breaker: undefined,
      };
    },
  };
}

export function spillway(mode: SpoolMode, directory: string): Pipeline {
  const processor = new SpillwayLogRecordProcessor({ spool: mode === 'off' ? false : { directory, mode } });
  return {
    processor,
    // It drops the oldest, not the record that is being logged.
    droppedSoFar: () => 0,
    sample: () => {
      const { queued, inFlight, spooled, recovered, dropped, exports, breaker } = processor.stats();
      return {
        waiting: queued.records + inFlight.records,
        inFlight: inFlight.records,
        waitingBytes: queued.bytes + inFlight.bytes,
        fill: processor.pressure,
        onDisk: spooled.records,
        onDiskBytes: spooled.bytes,
        recovered,
        dropped: Object.fromEntries(Object.entries(dropped).filter(([, records]) => records > 0)),
        failedExports: exports.failures,
        lastError: exports.lastError,
        breaker: { ...breaker },
      };
    },
  };
}
