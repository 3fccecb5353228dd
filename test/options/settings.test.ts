/** How options and environment are resolved: what contradicts is clamped, what is unknown or bad is said. */

import { join } from 'node:path';
import { type DiagLogger, diag } from '@opentelemetry/api';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { PLAIN_DEFAULTS } from '../../src/delivery/exporter-adapter.ts';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { checkOptions, resolveSettings } from '../../src/options/settings.ts';
import { diagLines } from '../support/diag-lines.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';

const MIB = 1024 * 1024;
const exporter = new ScriptedExporter();
const resolve = (options: object = {}, env: Record<string, string> = {}, memoryBytes = 4096 * MIB) => {
  const given = { exporter, ...options };
  checkOptions(given);
  return resolveSettings(given, env, memoryBytes, PLAIN_DEFAULTS);
};

test('the documented defaults hold without options', () => {
  const warnings = diagLines();
  expect(resolve()).toEqual({
    maxQueueSize: 1_048_576,
    maxExportBatchSize: 4_096,
    fullBatchRecords: 512,
    scheduledDelayMillis: 1_000,
    exportTimeoutMillis: 30_000,
    maxQueueBytes: 64 * MIB,
    maxExportBatchBytes: MIB,
    maxRecordBytes: 256 * 1024,
    // The exporter's adapter says how many.
    maxConcurrentExports: 1,
    overflow: 'drop-oldest',
    protectSeverity: Number.POSITIVE_INFINITY,
    shed: undefined,
    breaker: { failureThreshold: 5, resetTimeoutMillis: 1_000, maxResetTimeoutMillis: 30_000 },
    retry: { initialDelayMillis: 1_000, maxDelayMillis: 30_000, maxElapsedMillis: Number.POSITIVE_INFINITY },
    memoryLimit: { softRatio: 0.8, hardRatio: 0.9, checkIntervalMillis: 1_000 },
    shutdown: { strategy: 'graceful', timeoutMillis: 5_000 },
    flushTimeoutMillis: 30_000,
    spool: undefined,
    gapMarker: true,
  });
  expect(warnings).toEqual([]);
});

test('a spool has documented defaults, and its directory becomes absolute', () => {
  expect(resolve({ spool: { directory: 'logs' } }).spool).toEqual({
    directory: join(process.cwd(), 'logs'),
    maxBytes: 512 * MIB,
    mode: 'overflow',
    fsync: 'interval',
    fsyncIntervalMillis: 1_000,
    replayShare: 0.25,
    maxReplayBytes: 8 * MIB,
    spillAfterOpenMillis: 5_000,
    leaseMillis: 10_000,
    exitMaxBytes: 64 * MIB,
    exitTimeoutMillis: 2_000,
  });
});

test('integers from the environment can be as large as 2^31-1', () => {
  const warnings = diagLines();
  const names = ['MAX_QUEUE_SIZE', 'MAX_EXPORT_BATCH_SIZE', 'SCHEDULE_DELAY', 'EXPORT_TIMEOUT'];
  const most = 2 ** 31 - 1;
  const environment = Object.fromEntries(names.map((name) => [`OTEL_BLRP_${name}`, String(most)]));
  // Requests under way take half of the queue.
  environment.OTEL_BLRP_MAX_EXPORT_BATCH_SIZE = String(2 ** 30);
  expect(resolve({}, environment)).toMatchObject({
    maxQueueSize: most,
    maxExportBatchSize: 2 ** 30,
    scheduledDelayMillis: most,
    exportTimeoutMillis: most,
  });
  expect(warnings).toEqual([]);
});

test('spool.exitMaxBytes is at least maxQueueBytes, so that the whole queue can be stored at the exit', () => {
  const settings = resolve({ maxQueueBytes: 256 * MIB, spool: { directory: '/logs' } });
  expect(settings.spool?.exitMaxBytes).toBe(256 * MIB);
});

test('the default of maxQueueBytes is 5 % of the memory, between 1 and 64 MiB', () => {
  expect(resolve({}, {}, 200 * MIB).maxQueueBytes).toBe(10 * MIB);
  expect(resolve({}, {}, 5 * MIB).maxQueueBytes).toBe(MIB);
  expect(resolve({}, {}, 1e12).maxQueueBytes).toBe(64 * MIB);
});

test('the value false switches off every part that can be switched off', () => {
  expect(
    resolve({ breaker: false, memoryLimit: false, shed: false, spool: false, gapMarker: false }),
  ).toMatchObject({
    spool: undefined,
    gapMarker: false,
    breaker: undefined,
    memoryLimit: undefined,
    shed: undefined,
  });
  expect(resolve({ shed: {} }).shed).toEqual({ above: 0.8, belowSeverity: 9 });
});

test('options that contradict each other are clamped with a warning', () => {
  const warnings = diagLines();
  const settings = resolve({
    maxQueueSize: 100,
    maxExportBatchSize: 200,
    maxQueueBytes: 8_192,
    maxExportBatchBytes: 10_000,
    maxRecordBytes: 9_000,
    breaker: { resetTimeoutMillis: 50, maxResetTimeoutMillis: 20 },
    retry: { initialDelayMillis: 50, maxDelayMillis: 20 },
  });
  expect(settings).toMatchObject({
    maxExportBatchSize: 50,
    maxExportBatchBytes: 4_096,
    maxRecordBytes: 4_096,
    breaker: { resetTimeoutMillis: 20 },
    retry: { initialDelayMillis: 20 },
  });
  expect(warnings).toEqual([
    'otel-spillway: maxExportBatchBytes (10000) is larger than half of maxQueueBytes; using 4096',
    'otel-spillway: maxExportBatchSize (200) is larger than half of maxQueueSize; using 50',
    'otel-spillway: maxRecordBytes (9000) is larger than maxExportBatchBytes; using 4096',
    'otel-spillway: breaker.resetTimeoutMillis (50) is larger than breaker.maxResetTimeoutMillis; using 20',
    'otel-spillway: retry.initialDelayMillis (50) is larger than retry.maxDelayMillis; using 20',
  ]);
});

test('a default makes way for a smaller option without a warning', () => {
  const warnings = diagLines();
  expect(
    resolve({
      maxQueueSize: 10,
      maxQueueBytes: 2_048,
      retry: { initialDelayMillis: 60_000 },
      memoryLimit: { softRatio: 0.95 },
    }),
  ).toMatchObject({
    maxExportBatchSize: 5,
    maxExportBatchBytes: 1_024,
    maxRecordBytes: 1_024,
    retry: { maxDelayMillis: 60_000 },
    memoryLimit: { hardRatio: 0.95 },
  });
  expect(warnings).toEqual([]);
});

test('an unknown option is reported with a warning', () => {
  const warnings = diagLines();
  resolve({ maxQueueLength: 5, concurrencyLimit: 2 });
  expect(warnings).toEqual([
    "otel-spillway: unknown option 'maxQueueLength' is ignored",
    "otel-spillway: unknown option 'concurrencyLimit' is ignored",
  ]);
});

test.each(['shutdown', 'shed', 'breaker', 'retry', 'memoryLimit', 'spool'])(
  'an unknown option of %s is reported with a warning, and a known one is not',
  (group) => {
    const warnings = diagLines();
    resolve({
      [group]: { timeoutMilis: 5, ...(group === 'spool' && { directory: 'spool', maxBytes: 2 ** 20 }) },
    });
    expect(warnings).toEqual([`otel-spillway: unknown option '${group}.timeoutMilis' is ignored`]);
  },
);

test('a warning of a setting does not throw what the diag logger throws', () => {
  diagLines();
  const hostile = () => {
    throw new Error('of the host');
  };
  const logger: DiagLogger = {
    error: hostile,
    warn: hostile,
    info: hostile,
    debug: hostile,
    verbose: hostile,
  };
  diag.setLogger(logger, { suppressOverrideMessage: true });
  const settings = resolve(
    { maxQueueLength: 5, maxExportBatchSize: 20, maxQueueSize: 10 },
    { OTEL_BLRP_SCHEDULE_DELAY: 'x' },
  );
  expect(settings).toMatchObject({ maxExportBatchSize: 5, scheduledDelayMillis: 1_000 });
  const options: object = { compresion: 'gzip' };
  expect(new SpillwayOtlpLogExporter(options)).toBeInstanceOf(SpillwayOtlpLogExporter);
});

describe('environment', () => {
  const variables = [
    ['OTEL_BLRP_MAX_QUEUE_SIZE', 'maxQueueSize', 1_048_576, '0'],
    ['OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', 'maxExportBatchSize', 4_096, '-1'],
    ['OTEL_BLRP_SCHEDULE_DELAY', 'scheduledDelayMillis', 1_000, '2147483648'],
    ['OTEL_BLRP_EXPORT_TIMEOUT', 'exportTimeoutMillis', 30_000, '-5'],
  ] as const;

  test.each(variables)(
    'the variable %s sets %s, the option wins, and a bad value is reported and ignored',
    (variable, option, byDefault, outOfRange) => {
      const warnings = diagLines();
      expect(resolve({}, { [variable]: '300' })[option]).toBe(300);
      expect(resolve({}, { [variable]: '  300 ' })[option]).toBe(300);
      expect(resolve({ [option]: 200 }, { [variable]: '300' })[option]).toBe(200);
      expect(resolve({}, { [variable]: '' })[option]).toBe(byDefault);
      expect(resolve({}, { [variable]: ' ' })[option]).toBe(byDefault);
      expect(warnings).toEqual([]);
      for (const bad of [outOfRange, 'many', '1.5', '1e3', '0x10', '99999999999999999999', 'Infinity']) {
        warnings.length = 0;
        expect(resolve({}, { [variable]: bad })[option]).toBe(byDefault);
        expect(warnings).toEqual([
          expect.stringMatching(
            `^otel-spillway: environment variable ${variable} must be an integer from .*, got '${bad}'; it is ignored$`,
          ),
        ]);
      }
    },
  );

  test('a batch size from the environment that is larger than half of the queue is clamped with a warning', () => {
    const warnings = diagLines();
    expect(resolve({ maxQueueSize: 10 }, { OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '20' }).maxExportBatchSize).toBe(
      5,
    );
    expect(warnings).toEqual([
      'otel-spillway: maxExportBatchSize (20) is larger than half of maxQueueSize; using 5',
    ]);
  });

  test('the processor reads the environment of its process', async () => {
    const warnings = diagLines();
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    vi.stubEnv('OTEL_BLRP_MAX_QUEUE_SIZE', 'plenty');
    const processor = new SpillwayLogRecordProcessor({ exporter });
    expect(warnings.join()).toContain(
      "OTEL_BLRP_MAX_QUEUE_SIZE must be an integer from 1 to 2147483647, got 'plenty'",
    );
    await processor.shutdown();
  });
});

test('the defaults of the exporter hold where neither options nor environment say otherwise', () => {
  const defaults = { maxExportBatchSize: 4_096, maxConcurrentExports: 16 };
  expect(resolveSettings({ exporter }, {}, 4096 * MIB, defaults)).toMatchObject(defaults);
  expect(
    resolveSettings(
      { exporter, maxConcurrentExports: 2 },
      { OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '100' },
      4096 * MIB,
      defaults,
    ),
  ).toMatchObject({ maxExportBatchSize: 100, maxConcurrentExports: 2 });
  expect(resolveSettings({ exporter, maxQueueSize: 1_000 }, {}, 4096 * MIB, defaults)).toMatchObject({
    maxExportBatchSize: 500,
  });
});

test('a batch is due with 512 records where nobody chose a size, and with as many as were chosen else', () => {
  const due = (options: object, env = {}) => resolve(options, env).fullBatchRecords;
  expect(due({})).toBe(512);
  expect(due({}, { OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: 'many' })).toBe(512);
  expect(due({ maxQueueSize: 100 })).toBe(50);
  expect(due({ maxExportBatchSize: 4_096 })).toBe(4_096);
  expect(due({ maxExportBatchSize: 100 })).toBe(100);
  expect(due({}, { OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '2000' })).toBe(2_000);
});
