/** The public names of otel-spillway. */

export { DROP_REASONS, type DropReason, SpillwayError, type SpillwayErrorCode } from './common/errors.ts';
export type { AnyLogRecordExporter } from './delivery/exporter-sender.ts';
export type { BreakerStateName } from './delivery/recovery.ts';
export type {
  BreakerEvent,
  BreakerOptions,
  DropEvent,
  MemoryLimitOptions,
  RetryOptions,
  ShedOptions,
  ShutdownOptions,
  ShutdownStrategy,
  SpillwayOptions,
  SpoolOptions,
} from './options/options.ts';
export { SpillwayOtlpLogExporter } from './otlp/exporter.ts';
export type { OtlpLogExporterOptions, OtlpTlsOptions } from './otlp/options.ts';
export {
  type ProcessSignal,
  type Shutdownable,
  type ShutdownOnSignalsOptions,
  shutdownOnSignals,
} from './process/shutdown-on-signals.ts';
export { type FlushOptions, SpillwayLogRecordProcessor } from './processor.ts';
export type { ReadyOptions } from './queue/backpressure.ts';
export type { Percentiles } from './telemetry/ledger.ts';
export type { Held, SpillwayHealth, SpillwayStats } from './telemetry/stats.ts';
