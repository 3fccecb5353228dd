/** Options and environment resolved, once, into the frozen settings that the parts are built with. */

import { diag } from '@opentelemetry/api';
import type { BreakerSettings } from './delivery/breaker.ts';
import type { AnyLogRecordExporter } from './delivery/exporter-sender.ts';
import type { RetrySettings } from './delivery/retry.ts';
import { type LaneDefaults, MAX_CONCURRENT_EXPORTS } from './lane.ts';
import type { SpillwayOptions } from './options.ts';
import type { MemoryGuardSettings } from './queue/memory-guard.ts';
import type { SpoolSettings } from './spool/spool-settings.ts';
import { spoolSettings } from './spool/spool-settings.ts';
import {
  booleanOption,
  type Environment,
  flag,
  functionOrUndefined,
  invalid,
  type NumberRange,
  numberFromEnvironment,
  numberOption,
  objectOption,
  oneOf,
} from './validation.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MILLIS = 86_400_000;
const INT_MAX = Number.MAX_SAFE_INTEGER;

const INFO = 9;
const MAX_SEVERITY = 24;
const SHUTDOWN_STRATEGIES = ['graceful', 'flush', 'immediate'] as const;

/** The default of `maxQueueBytes` is this share of the memory the process may use … */
const QUEUE_MEMORY_SHARE = 0.05;
/** … but never more than this. */
const MAX_DEFAULT_QUEUE_BYTES = 64 * MIB;

export interface Settings {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
  readonly maxQueueBytes: number;
  readonly maxExportBatchBytes: number;
  readonly maxRecordBytes: number;
  readonly maxConcurrentExports: number;
  readonly overflow: 'drop-oldest' | 'drop-newest';
  /** Infinity when off. */
  readonly protectSeverity: number;
  readonly shed: { readonly above: number; readonly belowSeverity: number } | undefined;
  readonly breaker: BreakerSettings | undefined;
  readonly retry: RetrySettings;
  readonly memoryLimit: MemoryGuardSettings | undefined;
  readonly shutdown: ShutdownSettings;
  readonly spool: SpoolSettings | undefined;
  readonly gapMarker: boolean;
}

export interface ShutdownSettings {
  readonly strategy: (typeof SHUTDOWN_STRATEGIES)[number];
  readonly timeoutMillis: number;
}

const KNOWN_OPTIONS = new Set(
  [
    'exporter maxQueueSize maxExportBatchSize scheduledDelayMillis exportTimeoutMillis maxQueueBytes',
    'maxExportBatchBytes maxRecordBytes maxConcurrentExports overflow protectSeverity shed breaker retry',
    'memoryLimit shutdown spool gapMarker meterProvider selfObsMeterProvider onDrop onBreakerStateChange onError',
  ].flatMap((line) => line.split(' ')),
);

/**
 * What has to be right before an exporter can be asked anything.
 * @throws SpillwayError `ERR_SPILLWAY_OPTION`.
 */
export function checkOptions(options: SpillwayOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (!KNOWN_OPTIONS.has(name)) diag.warn(`otel-spillway: unknown option '${name}' is ignored`);
  }
  checkCollaborators(options);
}

/**
 * @param options checked by `checkOptions`.
 * @param memoryBytes what the process may use, for the default of `maxQueueBytes`.
 * @param defaults what the exporter works best with.
 * @throws SpillwayError `ERR_SPILLWAY_OPTION` for the first option that is of the wrong type or out of range.
 */
export function resolveSettings(
  options: SpillwayOptions,
  env: Environment,
  memoryBytes: number,
  defaults: LaneDefaults,
): Settings {
  const number = (name: keyof SpillwayOptions, range: NumberRange, variable?: string): number =>
    numberOption(options[name], name, {
      ...range,
      default: variable === undefined ? range.default : numberFromEnvironment(env, variable, range),
    });

  const maxQueueSize = number(
    'maxQueueSize',
    { min: 1, max: 1 << 24, default: 65_536 },
    'OTEL_BLRP_MAX_QUEUE_SIZE',
  );
  const maxQueueBytes = number('maxQueueBytes', {
    min: KIB,
    max: MIB * MIB,
    default: Math.max(MIB, Math.min(MAX_DEFAULT_QUEUE_BYTES, Math.floor(memoryBytes * QUEUE_MEMORY_SHARE))),
  });
  const maxExportBatchBytes = clamp(
    number('maxExportBatchBytes', { min: KIB, max: INT_MAX, default: MIB }),
    'maxExportBatchBytes',
    maxQueueBytes,
    'maxQueueBytes',
    options.maxExportBatchBytes !== undefined,
  );

  return Object.freeze({
    maxQueueSize,
    maxQueueBytes,
    maxExportBatchBytes,
    maxExportBatchSize: clamp(
      number(
        'maxExportBatchSize',
        { min: 1, max: 1 << 24, default: defaults.maxExportBatchSize },
        'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE',
      ),
      'maxExportBatchSize',
      maxQueueSize,
      'maxQueueSize',
      options.maxExportBatchSize !== undefined || env.OTEL_BLRP_MAX_EXPORT_BATCH_SIZE !== undefined,
    ),
    maxRecordBytes: clamp(
      number('maxRecordBytes', { min: KIB, max: INT_MAX, default: 256 * KIB }),
      'maxRecordBytes',
      maxExportBatchBytes,
      'maxExportBatchBytes',
      options.maxRecordBytes !== undefined,
    ),
    scheduledDelayMillis: number(
      'scheduledDelayMillis',
      { min: 0, max: DAY_MILLIS, default: 1_000 },
      'OTEL_BLRP_SCHEDULE_DELAY',
    ),
    exportTimeoutMillis: number(
      'exportTimeoutMillis',
      { min: 0, max: DAY_MILLIS, default: 30_000 },
      'OTEL_BLRP_EXPORT_TIMEOUT',
    ),
    maxConcurrentExports: number('maxConcurrentExports', {
      min: 1,
      max: MAX_CONCURRENT_EXPORTS,
      default: Math.min(defaults.maxConcurrentExports, MAX_CONCURRENT_EXPORTS),
    }),
    overflow: oneOf(options.overflow, 'overflow', ['drop-oldest', 'drop-newest'] as const, 'drop-oldest'),
    protectSeverity: number('protectSeverity', {
      min: 1,
      max: MAX_SEVERITY,
      default: Number.POSITIVE_INFINITY,
    }),
    shed: shedSettings(options.shed),
    breaker: breakerSettings(options.breaker),
    retry: retrySettings(options.retry),
    memoryLimit: memoryLimitSettings(options.memoryLimit),
    shutdown: shutdownSettings(options.shutdown),
    spool: spoolSettings(options.spool, maxQueueBytes),
    gapMarker: booleanOption(options.gapMarker, 'gapMarker', true),
  });
}

/**
 * Also for the options of a single `shutdown()` call, where what is not given comes from the constructor's.
 * @throws SpillwayError `ERR_SPILLWAY_OPTION`.
 */
export function shutdownSettings(
  value: SpillwayOptions['shutdown'],
  defaults: ShutdownSettings = { strategy: 'graceful', timeoutMillis: 5_000 },
): ShutdownSettings {
  const group = objectOption(value, 'shutdown');
  return Object.freeze({
    strategy: oneOf(group.strategy, 'shutdown.strategy', SHUTDOWN_STRATEGIES, defaults.strategy),
    timeoutMillis: numberOption(group.timeoutMillis, 'shutdown.timeoutMillis', {
      min: 0,
      max: 3_600_000,
      default: defaults.timeoutMillis,
    }),
  });
}

function shedSettings(value: SpillwayOptions['shed']): Settings['shed'] {
  if (value === undefined || !flag(value, 'shed')) return undefined;
  const group = objectOption(value, 'shed');
  return Object.freeze({
    above: numberOption(group.above, 'shed.above', { min: 0, max: 1, default: 0.8, fraction: true }),
    belowSeverity: numberOption(group.belowSeverity, 'shed.belowSeverity', {
      min: 1,
      max: MAX_SEVERITY,
      default: INFO,
    }),
  });
}

function breakerSettings(value: SpillwayOptions['breaker']): BreakerSettings | undefined {
  if (!flag(value, 'breaker')) return undefined;
  const group = objectOption(value, 'breaker');
  const wait = { min: 1, max: DAY_MILLIS };
  const resetTimeoutMillis = numberOption(group.resetTimeoutMillis, 'breaker.resetTimeoutMillis', {
    ...wait,
    default: 30_000,
  });
  const maxResetTimeoutMillis = numberOption(group.maxResetTimeoutMillis, 'breaker.maxResetTimeoutMillis', {
    ...wait,
    default: Math.max(resetTimeoutMillis, 300_000),
  });
  return Object.freeze({
    failureThreshold: numberOption(group.failureThreshold, 'breaker.failureThreshold', {
      min: 1,
      max: 1_000,
      default: 5,
    }),
    resetTimeoutMillis: clamp(
      resetTimeoutMillis,
      'breaker.resetTimeoutMillis',
      maxResetTimeoutMillis,
      'breaker.maxResetTimeoutMillis',
    ),
    maxResetTimeoutMillis,
  });
}

function retrySettings(value: SpillwayOptions['retry']): RetrySettings {
  const group = objectOption(value, 'retry');
  const wait = { min: 1, max: DAY_MILLIS };
  const initialDelayMillis = numberOption(group.initialDelayMillis, 'retry.initialDelayMillis', {
    ...wait,
    default: 1_000,
  });
  const maxDelayMillis = numberOption(group.maxDelayMillis, 'retry.maxDelayMillis', {
    ...wait,
    default: Math.max(initialDelayMillis, 30_000),
  });
  return Object.freeze({
    initialDelayMillis: clamp(
      initialDelayMillis,
      'retry.initialDelayMillis',
      maxDelayMillis,
      'retry.maxDelayMillis',
    ),
    maxDelayMillis,
    maxElapsedMillis: numberOption(group.maxElapsedMillis, 'retry.maxElapsedMillis', {
      min: 0,
      max: Number.POSITIVE_INFINITY,
      default: Number.POSITIVE_INFINITY,
    }),
  });
}

function memoryLimitSettings(value: SpillwayOptions['memoryLimit']): MemoryGuardSettings | undefined {
  if (!flag(value, 'memoryLimit')) return undefined;
  const group = objectOption(value, 'memoryLimit');
  const softRatio = numberOption(group.softRatio, 'memoryLimit.softRatio', {
    min: 0.01,
    max: 1,
    default: 0.8,
    fraction: true,
  });
  return Object.freeze({
    softRatio,
    hardRatio: numberOption(group.hardRatio, 'memoryLimit.hardRatio', {
      min: softRatio,
      max: 1,
      default: Math.max(softRatio, 0.9),
      fraction: true,
    }),
    checkIntervalMillis: numberOption(group.checkIntervalMillis, 'memoryLimit.checkIntervalMillis', {
      min: 10,
      max: 3_600_000,
      default: 1_000,
    }),
  });
}

function checkCollaborators(options: SpillwayOptions): void {
  const exporter: Partial<AnyLogRecordExporter> | null | undefined = options.exporter;
  const isExporter = typeof exporter?.export === 'function' && typeof exporter.shutdown === 'function';
  if (exporter !== undefined && !isExporter) {
    throw invalid('exporter', 'a LogRecordExporter (an object with export() and shutdown())', exporter);
  }
  for (const name of ['meterProvider', 'selfObsMeterProvider'] as const) {
    const provider = options[name];
    if (provider !== undefined && typeof provider?.getMeter !== 'function') {
      throw invalid(name, 'a MeterProvider (an object with getMeter())', provider);
    }
  }
  for (const name of ['onDrop', 'onBreakerStateChange', 'onError'] as const)
    functionOrUndefined(options[name], name);
}

/** As the stock processor does where two options contradict each other: the smaller one holds, and `diag` says so. */
function clamp(value: number, name: string, limit: number, limitName: string, isChosen = true): number {
  if (value <= limit) return value;
  if (isChosen) diag.warn(`otel-spillway: ${name} (${value}) is larger than ${limitName}; using ${limit}`);
  return limit;
}
