/** Resolves options and environment, once, into the frozen settings of all parts. */

import { SpillwayError } from '../common/errors.ts';
import {
  booleanOption,
  choiceOption,
  type Environment,
  functionOrUndefined,
  INT32_MAX,
  invalid,
  type NumberRange,
  numberFromEnvironment,
  numberOption,
  warnOfUnknownOptions,
} from '../common/validation.ts';
import type { RetrySettings } from '../delivery/disposition.ts';
import { type AdapterDefaults, MAX_CONCURRENT_EXPORTS } from '../delivery/exporter-adapter.ts';
import type { AnyLogRecordExporter } from '../delivery/exporter-sender.ts';
import type { BreakerSettings } from '../delivery/recovery.ts';
import type { MemoryGuardSettings } from '../process/memory-guard.ts';
import type { ShedRule } from '../queue/admission-rules.ts';
import { halfOf } from '../queue/occupancy.ts';
import {
  breakerSettings,
  clamp,
  MAX_SEVERITY,
  memoryLimitSettings,
  retrySettings,
  type ShutdownSettings,
  type SpoolSettings,
  shedSettings,
  shutdownSettings,
  spoolSettings,
} from './option-groups.ts';
import type { SpillwayOptions } from './options.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const INT_MAX = Number.MAX_SAFE_INTEGER;

/** As a share of the memory that the process may use. */
const QUEUE_MEMORY_SHARE = 0.05;
const MAX_DEFAULT_QUEUE_BYTES = 64 * MIB;
/** Hardly any record is smaller than 64 bytes, so by default the bound in bytes is the one that matters. */
const MAX_DEFAULT_QUEUE_RECORDS = MAX_DEFAULT_QUEUE_BYTES / 64;

export interface Settings {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  /** Records with which a batch is due. */
  readonly fullBatchRecords: number;
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
  readonly maxQueueBytes: number;
  readonly maxExportBatchBytes: number;
  readonly maxRecordBytes: number;
  readonly maxConcurrentExports: number;
  readonly overflow: 'drop-oldest' | 'drop-newest';
  /** Infinity if off. */
  readonly protectSeverity: number;
  readonly shed: ShedRule | undefined;
  readonly breaker: BreakerSettings | undefined;
  readonly retry: RetrySettings;
  readonly memoryLimit: MemoryGuardSettings | undefined;
  readonly shutdown: ShutdownSettings;
  readonly flushTimeoutMillis: number;
  readonly spool: SpoolSettings | undefined;
  readonly gapMarker: boolean;
}

/** A name that is forgotten here is an error of types. */
const OPTION_NAMES = {
  exporter: true,
  maxQueueSize: true,
  maxExportBatchSize: true,
  scheduledDelayMillis: true,
  exportTimeoutMillis: true,
  maxQueueBytes: true,
  maxExportBatchBytes: true,
  maxRecordBytes: true,
  maxConcurrentExports: true,
  overflow: true,
  protectSeverity: true,
  shed: true,
  breaker: true,
  retry: true,
  memoryLimit: true,
  shutdown: true,
  flushTimeoutMillis: true,
  spool: true,
  gapMarker: true,
  meterProvider: true,
  selfObsMeterProvider: true,
  onDrop: true,
  onBreakerStateChange: true,
  onError: true,
} satisfies Record<keyof SpillwayOptions, true>;

/** For checks that must precede any use of the exporter. @throws SpillwayError `ERR_SPILLWAY_OPTION`. */
export function checkOptions(options: SpillwayOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  // The exporter is the stock processor's first parameter in SDKs before 0.220.
  if (!('exporter' in options) && typeof (options as { export?: unknown }).export === 'function') {
    throw new SpillwayError(
      'ERR_SPILLWAY_OPTION',
      'otel-spillway: the exporter is an option: write new SpillwayLogRecordProcessor({ exporter }), with the other options beside it',
    );
  }
  warnOfUnknownOptions(options, OPTION_NAMES);
  checkCollaborators(options);
}

/** `options` were checked by `checkOptions`. @throws SpillwayError `ERR_SPILLWAY_OPTION` for the first invalid one. */
export function resolveSettings(
  options: SpillwayOptions,
  env: Environment,
  memoryBytes: number,
  defaults: AdapterDefaults,
): Settings {
  const number = (name: keyof SpillwayOptions, range: NumberRange, variable?: string): number =>
    numberOption(options[name], name, {
      ...range,
      default: variable === undefined ? range.default : numberFromEnvironment(env, variable, range),
    });

  const maxQueueSize = number(
    'maxQueueSize',
    { min: 1, max: INT32_MAX, default: MAX_DEFAULT_QUEUE_RECORDS },
    'OTEL_BLRP_MAX_QUEUE_SIZE',
  );
  const maxQueueBytes = number('maxQueueBytes', {
    min: KIB,
    max: MIB * MIB,
    default: Math.max(MIB, Math.min(MAX_DEFAULT_QUEUE_BYTES, Math.floor(memoryBytes * QUEUE_MEMORY_SHARE))),
  });
  const isBatchChosen = options.maxExportBatchBytes !== undefined;
  const maxExportBatchBytes = clamp(
    clamp(
      number('maxExportBatchBytes', { min: KIB, max: INT_MAX, default: MIB }),
      'maxExportBatchBytes',
      Math.max(KIB, halfOf(maxQueueBytes)),
      'half of maxQueueBytes',
      isBatchChosen,
    ),
    'maxExportBatchBytes',
    defaults.maxRequestBytes ?? Number.POSITIVE_INFINITY,
    "the exporter's maxRequestBytes",
    isBatchChosen,
  );

  // Infinity: nobody chose a size.
  const chosenBatchSize = number(
    'maxExportBatchSize',
    { min: 1, max: INT32_MAX, default: Number.POSITIVE_INFINITY },
    'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE',
  );
  const isSizeChosen = Number.isFinite(chosenBatchSize);
  const maxExportBatchSize = clamp(
    isSizeChosen ? chosenBatchSize : defaults.maxExportBatchSize,
    'maxExportBatchSize',
    halfOf(maxQueueSize),
    'half of maxQueueSize',
    isSizeChosen,
  );
  const { fullBatchRecords = maxExportBatchSize } = isSizeChosen ? {} : defaults;

  return Object.freeze({
    maxQueueSize,
    maxQueueBytes,
    maxExportBatchBytes,
    maxExportBatchSize,
    fullBatchRecords: Math.min(fullBatchRecords, maxExportBatchSize),
    maxRecordBytes: clamp(
      number('maxRecordBytes', { min: KIB, max: INT_MAX, default: 256 * KIB }),
      'maxRecordBytes',
      maxExportBatchBytes,
      'maxExportBatchBytes',
      options.maxRecordBytes !== undefined,
    ),
    scheduledDelayMillis: number(
      'scheduledDelayMillis',
      { min: 0, max: INT32_MAX, default: 1_000 },
      'OTEL_BLRP_SCHEDULE_DELAY',
    ),
    exportTimeoutMillis: number(
      'exportTimeoutMillis',
      { min: 0, max: INT32_MAX, default: 30_000 },
      'OTEL_BLRP_EXPORT_TIMEOUT',
    ),
    maxConcurrentExports: clamp(
      number('maxConcurrentExports', {
        min: 1,
        max: MAX_CONCURRENT_EXPORTS,
        default: Math.min(defaults.maxConcurrentExports, MAX_CONCURRENT_EXPORTS),
      }),
      'maxConcurrentExports',
      defaults.concurrencyLimit ?? Number.POSITIVE_INFINITY,
      "the exporter's concurrencyLimit",
      options.maxConcurrentExports !== undefined,
    ),
    overflow: choiceOption(
      options.overflow,
      'overflow',
      ['drop-oldest', 'drop-newest'] as const,
      'drop-oldest',
    ),
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
    flushTimeoutMillis: number('flushTimeoutMillis', { min: 1, max: INT32_MAX, default: 30_000 }),
    spool: spoolSettings(options.spool, maxQueueBytes),
    gapMarker: booleanOption(options.gapMarker, 'gapMarker', true),
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
