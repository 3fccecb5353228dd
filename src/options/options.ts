/** Every option of the processor, with its unit, its default and its range. */

import type { MeterProvider } from '@opentelemetry/api';
import type { DropReason, SpillwayError } from '../common/errors.ts';
import type { AnyLogRecordExporter } from '../delivery/exporter-sender.ts';
import type { BreakerStateName } from '../delivery/recovery.ts';

/** Told to `onDrop`: so many records were dropped for this reason since it was last called. */
export interface DropEvent {
  readonly reason: DropReason;
  readonly records: number;
}

/** Told to `onBreakerStateChange`. */
export interface BreakerEvent {
  readonly from: BreakerStateName;
  readonly to: BreakerStateName;
  /** Milliseconds until the next probe; only when `to` is `open`. */
  readonly nextProbeMillis?: number;
}

export interface BreakerOptions {
  /** Failures in a row that open it; requests that were under way together and failed count once. Default 5, range 1 to 1,000. */
  failureThreshold?: number;
  /**
   * Milliseconds between two probes at least: the next one goes after a quarter of the time the outage has lasted, of
   * which jitter takes up to a quarter away. Default 1,000, range 1 to 86,400,000.
   */
  resetTimeoutMillis?: number;
  /** Milliseconds between two probes at most, unless the server asked for more. Default 30,000, same range. */
  maxResetTimeoutMillis?: number;
}

export interface RetryOptions {
  /**
   * While the breaker is closed, milliseconds between two attempts at least, after one or two immediate ones: the next
   * one goes after a quarter of the time the outage has lasted, of which jitter takes up to a quarter away. Attempts
   * that `forceFlush()` forces are as far apart. Default 1,000, range 1 to 86,400,000.
   */
  initialDelayMillis?: number;
  /** Milliseconds between two attempts at most, unless the server asked for more. Default 30,000, same range. */
  maxDelayMillis?: number;
  /**
   * Milliseconds after which what waits is dropped as `retry_exhausted`, tried or not: from the beginning of the outage,
   * or from when it was emitted if that was later. Default `Infinity`; 0 does not retry.
   */
  maxElapsedMillis?: number;
}

export interface MemoryLimitOptions {
  /** Share of the memory the process may use above which the queue sheds and shrinks. Default 0.8, range 0.01 to 1. */
  softRatio?: number;
  /** Share above which it keeps protected records only. Default 0.9, range `softRatio` to 1. */
  hardRatio?: number;
  /** Milliseconds between looks. Default 1,000, range 10 to 3,600,000. */
  checkIntervalMillis?: number;
}

export interface ShedOptions {
  /** Fullness of the queue, 0 to 1, above which low severities are refused. Default 0.8. */
  above?: number;
  /** Records below this severity number are refused. Default 9 (INFO), range 1 to 24. */
  belowSeverity?: number;
}

/**
 * - `graceful`: sends what is queued, with retries, until the deadline.
 * - `flush`: sends what is queued, each batch once.
 * - `immediate`: sends nothing more.
 */
export type ShutdownStrategy = 'graceful' | 'flush' | 'immediate';

export interface ShutdownOptions {
  /** Default `graceful`. */
  strategy?: ShutdownStrategy;
  /** Milliseconds that `shutdown()` takes at most. Default 5,000, range 0 to 3,600,000. */
  timeoutMillis?: number;
}

export interface SpoolOptions {
  /**
   * Where it lies; made with the mode 0700 if it is not there. Relative paths are resolved against the working
   * directory at construction. Several processes can share it. When it cannot be made, entered or written to, or
   * others may write to it, the constructor throws `ERR_SPILLWAY_OPTION`; a disk that fails is for `health()` to tell.
   */
  directory: string;
  /**
   * Bytes the directory may take, all processes together. When it is full, the oldest segment is dropped as
   * `spool_full`: a sixteenth of it, 256 KiB to 8 MiB. Each process may have two segments whatever the others take.
   * Default 512 MiB, range 1 MiB to 1 TiB.
   */
  maxBytes?: number;
  /**
   * - `overflow` (default): memory first; to disk goes what memory has no room for, what waits while the breaker is
   *   open, and what is left at the end.
   * - `always`: each batch is on disk before it is sent, or sent from memory while the disk fails.
   */
  mode?: 'overflow' | 'always';
  /**
   * When what is written is forced to the device, which only matters for a machine that crashes:
   * - `never`: when the system sees fit.
   * - `interval` (default): every `fsyncIntervalMillis` in which something was written.
   * - `always`: before a batch counts as stored.
   */
  fsync?: 'never' | 'interval' | 'always';
  /** Milliseconds from a write to the time it is forced to the device, with `interval`. Default 1,000, range 10 to 60,000. */
  fsyncIntervalMillis?: number;
  /**
   * Share of the batches that come from disk while live ones wait as well, and of `maxConcurrentExports` that may be
   * replays at once, but one at least. Default 0.25, range 0.01 to 0.9.
   */
  replayShare?: number;
  /** Bytes read back from disk and held in memory at once; two batches at least. Default 8 MiB, range 64 KiB to 1 GiB. */
  maxReplayBytes?: number;
  /**
   * Milliseconds the breaker is not closed before all that waits is put on disk; never with `breaker: false`.
   * Default 5,000, range 0 (at once) to 86,400,000.
   */
  spillAfterOpenMillis?: number;
  /**
   * Milliseconds without a heartbeat after which others take over what a process left. It must be longer
   * than the event loop is ever blocked: a process that is silent for three quarters of it sends nothing that is stored
   * until it has given a sign, and what it stored may be another's after all of it. Default 10,000, range
   * 1,000 to 600,000.
   */
  leaseMillis?: number;
  /**
   * Bytes written at the exit of the process at most; what is beyond is lost. Default the larger of 64 MiB and
   * `maxQueueBytes`, range 0 to 1 TiB.
   */
  exitMaxBytes?: number;
  /**
   * Milliseconds after which writing at the exit of the process stops, to the batch; what is left is lost. Default
   * 2,000, range 0 to 60,000.
   */
  exitTimeoutMillis?: number;
}

export interface SpillwayOptions {
  /**
   * Any `LogRecordExporter`. It is owned by the processor: exports are its alone, and `shutdown()` shuts it
   * down. Default: a `SpillwayOtlpLogExporter`, configured by `OTEL_EXPORTER_OTLP_*`.
   */
  exporter?: AnyLogRecordExporter;
  /**
   * Records held at most, in flight included, which take half of it at most; what is read back from a spool is not.
   * Default 1,048,576: `maxQueueBytes` is the bound that is reached first; env `OTEL_BLRP_MAX_QUEUE_SIZE`, range 1 to
   * 2,147,483,647.
   */
  maxQueueSize?: number;
  /**
   * Records in one export at most. Default 512, or 4,096 with a `SpillwayOtlpLogExporter`; env
   * `OTEL_BLRP_MAX_EXPORT_BATCH_SIZE`, range 1 to half of `maxQueueSize`.
   */
  maxExportBatchSize?: number;
  /** Milliseconds a record waits for company at most. Default 1,000, env `OTEL_BLRP_SCHEDULE_DELAY`, range 0 to 2,147,483,647. */
  scheduledDelayMillis?: number;
  /** Milliseconds one export may take. Default 30,000, env `OTEL_BLRP_EXPORT_TIMEOUT`, range 0 (no limit) to 2,147,483,647. */
  exportTimeoutMillis?: number;
  /**
   * Bytes held at most, in flight included, which take half of it at most, by an estimate made when a record is admitted.
   * While the disk of a spool is too slow or fails, what is in flight and stored comes on top: up to half as much again.
   * Default 5 % of the memory the process may use, at most 64 MiB; range 1 KiB to 1 TiB.
   */
  maxQueueBytes?: number;
  /** Bytes in one export at most, by the same estimate. Default 1 MiB, range 1 KiB to half of `maxQueueBytes`. */
  maxExportBatchBytes?: number;
  /** Bytes of one record; a larger one is truncated and marked `spillway.truncated`. Default 256 KiB, range 1 KiB to `maxExportBatchBytes`. */
  maxRecordBytes?: number;
  /**
   * Exports under way at once. Default: 1, as the specification demands for exporters in general, or the
   * `concurrencyLimit` of a `SpillwayOtlpLogExporter`; range 1 to 64. Raise it only for an exporter that allows
   * concurrent calls.
   */
  maxConcurrentExports?: number;
  /** Which record goes when the queue is full: the oldest one in it, or the one being added. Default `drop-oldest`. */
  overflow?: 'drop-oldest' | 'drop-newest';
  /** Records at or above this severity number (1 to 24) are sent first and dropped last. Default: off. */
  protectSeverity?: number;
  /** Refuses low severities while the queue is nearly full. Default: off. */
  shed?: ShedOptions | false;
  /** `false` turns the circuit breaker off. Default: on. */
  breaker?: BreakerOptions | false;
  retry?: RetryOptions;
  /** `false` turns the watch over the memory of the process off. Default: on. */
  memoryLimit?: MemoryLimitOptions | false;
  shutdown?: ShutdownOptions;
  /**
   * Milliseconds that a `forceFlush()` without a time of its own may take. A provider passes none, and instrumentations
   * call its `forceFlush()` after each invocation of a function. Default 30,000, range 1 to 86,400,000.
   */
  flushTimeoutMillis?: number;
  /** Keeps on disk what cannot be delivered yet, also beyond the end of the process. Default: off. */
  spool?: SpoolOptions | false;
  /** Whether one WARN record is delivered after records were lost, which says how many, when and why. Default `true`. */
  gapMarker?: boolean;
  /** Where the processor reports itself. Default: the global MeterProvider, also when it is registered later. */
  meterProvider?: MeterProvider;
  /** The name that the stock processor has for `meterProvider`. */
  selfObsMeterProvider?: MeterProvider;
  /** Called at most once per reason and turn of the event loop in which records were dropped. */
  onDrop?: (event: DropEvent) => void;
  onBreakerStateChange?: (event: BreakerEvent) => void;
  /** Called when an attempt to export failed (`ERR_SPILLWAY_EXPORT`), whether or not it will be retried. */
  onError?: (error: SpillwayError) => void;
}
