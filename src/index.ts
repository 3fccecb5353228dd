/** The public names of otel-spillway. */

export type { AnyLogRecordExporter } from './delivery/exporter-sender.ts';
export type { BreakerStateName } from './delivery/recovery.ts';
export { DROP_REASONS, type DropReason, SpillwayError, type SpillwayErrorCode } from './errors.ts';
export type { Percentiles } from './ledger.ts';
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
} from './options.ts';
export { SpillwayOtlpLogExporter } from './otlp/otlp-exporter.ts';
export type { OtlpLogExporterOptions, OtlpTlsOptions } from './otlp/otlp-options.ts';
export type { ReadyOptions } from './pressure-gate.ts';
export { type FlushOptions, SpillwayLogRecordProcessor } from './processor.ts';
export {
  type ProcessSignal,
  type Shutdownable,
  type ShutdownOnSignalsOptions,
  shutdownOnSignals,
} from './shutdown-on-signals.ts';
export type { Held, SpillwayHealth, SpillwayStats } from './stats.ts';
