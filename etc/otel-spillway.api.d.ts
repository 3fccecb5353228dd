// The public types; npm run check:api -- --update writes this file.
import { Context, MeterProvider } from '@opentelemetry/api';

import { LogRecordExporter, LogRecordProcessor } from '@opentelemetry/sdk-logs';

type AnyLogRecordExporter = Pick<LogRecordExporter, 'export' | 'shutdown'> &
  Partial<Pick<LogRecordExporter, 'forceFlush'>>;

interface BreakerEvent {
  readonly from: BreakerStateName;
  readonly to: BreakerStateName;
  readonly nextProbeMillis?: number;
}

interface BreakerOptions {
  failureThreshold?: number;
  resetTimeoutMillis?: number;
  maxResetTimeoutMillis?: number;
}

type BreakerStateName = 'closed' | 'open' | 'half-open';

declare const DROP_REASONS: readonly [
  'queue_full',
  'memory_limit',
  'record_too_large',
  'shed',
  'rejected',
  'retry_exhausted',
  'unserializable',
  'self',
  'already_shutdown',
  'shutdown',
  'spool_full',
  'spool_corrupt',
];

interface DropEvent {
  readonly reason: DropReason;
  readonly records: number;
}

type DropReason = (typeof DROP_REASONS)[number];

type EmittedRecord = Parameters<LogRecordProcessor['onEmit']>[0];

type ExportResultCallback = Parameters<LogRecordExporter['export']>[1];

interface FlushOptions {
  timeoutMillis?: number;
}

interface Held {
  readonly records: number;
  readonly bytes: number;
}

interface MemoryLimitOptions {
  softRatio?: number;
  hardRatio?: number;
  checkIntervalMillis?: number;
}

interface OtlpLogExporterOptions {
  url?: string;
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);
  compression?: 'none' | 'gzip';
  timeoutMillis?: number;
  maxRequestBytes?: number;
  concurrencyLimit?: number;
  maxResponseBytes?: number;
  userAgent?: string;
  tls?: OtlpTlsOptions;
  meterProvider?: MeterProvider;
  selfObsMeterProvider?: MeterProvider;
}

interface OtlpTlsOptions {
  ca?: Pem | Pem[];
  cert?: Pem;
  key?: Pem;
  passphrase?: string;
  servername?: string;
}

type Pem = string | Uint8Array;

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

type ProcessSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGBREAK' | 'SIGUSR1' | 'SIGUSR2';

interface ReadyOptions {
  below?: number;
  signal?: AbortSignal;
}

interface RetryOptions {
  initialDelayMillis?: number;
  maxDelayMillis?: number;
  maxElapsedMillis?: number;
}

interface ShedOptions {
  above?: number;
  belowSeverity?: number;
}

interface ShutdownOnSignalsOptions {
  signals?: readonly ProcessSignal[];
  before?: () => unknown;
}

interface ShutdownOptions {
  strategy?: ShutdownStrategy;
  timeoutMillis?: number;
}

type ShutdownStrategy = 'graceful' | 'flush' | 'immediate';

interface Shutdownable {
  shutdown(): Promise<unknown>;
}

declare class SpillwayError extends Error {
  readonly name = 'SpillwayError';
  readonly code: SpillwayErrorCode;
  constructor(code: SpillwayErrorCode, message: string, options?: ErrorOptions);
}

type SpillwayErrorCode =
  | 'ERR_SPILLWAY_OPTION'
  | 'ERR_SPILLWAY_NODE_VERSION'
  | 'ERR_SPILLWAY_FLUSH_TIMEOUT'
  | 'ERR_SPILLWAY_UNAVAILABLE'
  | 'ERR_SPILLWAY_SHUTDOWN'
  | 'ERR_SPILLWAY_EXPORT';

interface SpillwayHealth {
  readonly status: 'ok' | 'degraded' | 'failing';
  readonly reasons: string[];
}

declare class SpillwayLogRecordProcessor implements LogRecordProcessor {
  #private;
  constructor(options?: SpillwayOptions);
  onEmit(logRecord: EmittedRecord, context?: Context): void;
  enabled(_options?: Parameters<NonNullable<LogRecordProcessor['enabled']>>[0]): boolean;
  forceFlush(options?: FlushOptions): Promise<void>;
  shutdown(options?: ShutdownOptions): Promise<void>;
  stats(): SpillwayStats;
  health(): SpillwayHealth;
  get pressure(): number;
  ready(options?: ReadyOptions): Promise<void>;
}

interface SpillwayOptions {
  exporter?: AnyLogRecordExporter;
  maxQueueSize?: number;
  maxExportBatchSize?: number;
  scheduledDelayMillis?: number;
  exportTimeoutMillis?: number;
  maxQueueBytes?: number;
  maxExportBatchBytes?: number;
  maxRecordBytes?: number;
  maxConcurrentExports?: number;
  overflow?: 'drop-oldest' | 'drop-newest';
  protectSeverity?: number;
  shed?: ShedOptions | false;
  breaker?: BreakerOptions | false;
  retry?: RetryOptions;
  memoryLimit?: MemoryLimitOptions | false;
  shutdown?: ShutdownOptions;
  spool?: SpoolOptions | false;
  gapMarker?: boolean;
  meterProvider?: MeterProvider;
  selfObsMeterProvider?: MeterProvider;
  onDrop?: (event: DropEvent) => void;
  onBreakerStateChange?: (event: BreakerEvent) => void;
  onError?: (error: SpillwayError) => void;
}

declare class SpillwayOtlpLogExporter implements LogRecordExporter {
  #private;
  constructor(options?: OtlpLogExporterOptions);
  export(records: Parameters<LogRecordExporter['export']>[0], resultCallback: ExportResultCallback): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

interface SpillwayStats {
  readonly offered: number;
  readonly recovered: number;
  readonly exported: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly queued: Held;
  readonly inFlight: Held;
  readonly spooled: Held;
  readonly breaker: {
    readonly state: BreakerStateName;
    readonly nextProbeMillis?: number;
    readonly failingMillis?: number;
  };
  readonly exports: {
    readonly attempts: number;
    readonly failures: number;
    readonly lastError?: string;
  };
  readonly exportMillis: Percentiles;
  readonly deliveryMillis: Percentiles;
}

interface SpoolOptions {
  directory: string;
  maxBytes?: number;
  mode?: 'overflow' | 'always';
  fsync?: 'never' | 'interval' | 'always';
  fsyncIntervalMillis?: number;
  replayShare?: number;
  maxReplayBytes?: number;
  spillAfterOpenMillis?: number;
  leaseMillis?: number;
  exitMaxBytes?: number;
  exitTimeoutMillis?: number;
}

declare function shutdownOnSignals(target: Shutdownable, options?: ShutdownOnSignalsOptions): () => void;

export {
  type AnyLogRecordExporter,
  type BreakerEvent,
  type BreakerOptions,
  type BreakerStateName,
  DROP_REASONS,
  type DropEvent,
  type DropReason,
  type FlushOptions,
  type Held,
  type MemoryLimitOptions,
  type OtlpLogExporterOptions,
  type OtlpTlsOptions,
  type Percentiles,
  type ProcessSignal,
  type ReadyOptions,
  type RetryOptions,
  type ShedOptions,
  type ShutdownOnSignalsOptions,
  type ShutdownOptions,
  type ShutdownStrategy,
  type Shutdownable,
  SpillwayError,
  type SpillwayErrorCode,
  type SpillwayHealth,
  SpillwayLogRecordProcessor,
  type SpillwayOptions,
  SpillwayOtlpLogExporter,
  type SpillwayStats,
  type SpoolOptions,
  shutdownOnSignals,
};
