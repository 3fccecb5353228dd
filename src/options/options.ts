/** Every option of the processor, with its unit, its default, its range and what happens beyond it. */

import type { MeterProvider } from '@opentelemetry/api';
import type { DropReason, SpillwayError } from '../common/errors.ts';
import type { AnyLogRecordExporter } from '../delivery/exporter-sender.ts';
import type { BreakerStateName } from '../delivery/recovery.ts';

/** What `onDrop` is called with: so many records were dropped for this reason since the last call. */
export interface DropEvent {
  /** Why they were dropped. */
  readonly reason: DropReason;
  /** How many, 1 at least. */
  readonly records: number;
}

/** What `onBreakerStateChange` is called with. */
export interface BreakerEvent {
  /** The state that was left. */
  readonly from: BreakerStateName;
  /** The state that was entered. */
  readonly to: BreakerStateName;
  /** Milliseconds until the next probe; only when `to` is `open`. */
  readonly nextProbeMillis?: number;
}

/** When the circuit breaker opens, and how often a destination is probed while it is open. */
export interface BreakerOptions {
  /**
   * Failures in a row that open it; requests that were under way together and failed count once. Default 5, range 1 to
   * 1,000, else an error.
   */
  failureThreshold?: number;
  /**
   * Milliseconds between two probes at least: the next one goes after a quarter of the time the outage has lasted, of
   * which jitter takes up to a quarter away. Default 1,000, range 1 to 86,400,000, else an error; more than
   * `maxResetTimeoutMillis` is reduced to it with a warning.
   */
  resetTimeoutMillis?: number;
  /**
   * Milliseconds between two probes at most, unless the server asked for more. Default 30,000, or `resetTimeoutMillis`
   * if that is more; range 1 to 86,400,000, else an error.
   */
  maxResetTimeoutMillis?: number;
}

/** When a batch that could not be delivered is tried again while the breaker is closed, and when it is given up. */
export interface RetryOptions {
  /**
   * While the breaker is closed, milliseconds between two attempts at least, after one or two immediate ones: the next
   * one goes after a quarter of the time the outage has lasted, of which jitter takes up to a quarter away. Attempts
   * that `forceFlush()` forces are as far apart. Default 1,000, range 1 to 86,400,000, else an error; more than
   * `maxDelayMillis` is reduced to it with a warning.
   */
  initialDelayMillis?: number;
  /**
   * Milliseconds between two attempts at most, unless the server asked for more. Default 30,000, or
   * `initialDelayMillis` if that is more; range 1 to 86,400,000, else an error.
   */
  maxDelayMillis?: number;
  /**
   * Milliseconds after which what waits is dropped as `retry_exhausted`, tried or not: from the beginning of the outage,
   * or from when it was emitted if that was later. Default `Infinity`, range 0 (no retry) to `Infinity`, else an error.
   */
  maxElapsedMillis?: number;
}

/** When the process counts as short of memory. Above the lower ratio the queue shrinks to half of `maxQueueBytes`. */
export interface MemoryLimitOptions {
  /**
   * Share of the memory the process may use above which the queue sheds and shrinks. Default 0.8, range 0.01 to 1, else
   * an error.
   */
  softRatio?: number;
  /**
   * Share above which it keeps protected records only. Default 0.9, or `softRatio` if that is more; range `softRatio` to
   * 1, else an error.
   */
  hardRatio?: number;
  /**
   * Milliseconds between looks, while records are queued or memory is short. Default 1,000, range 10 to 3,600,000, else
   * an error.
   */
  checkIntervalMillis?: number;
}

/** Which records are refused, as `shed`, while the queue is nearly full. */
export interface ShedOptions {
  /** Fullness of the queue above which low severities are refused. Default 0.8, range 0 to 1, else an error. */
  above?: number;
  /** Records below this severity number are refused. Default 9 (INFO), range 1 to 24, else an error. */
  belowSeverity?: number;
}

/**
 * - `graceful`: sends what is queued, with retries, until the deadline.
 * - `flush`: sends what is queued, each batch once.
 * - `immediate`: sends nothing more.
 */
export type ShutdownStrategy = 'graceful' | 'flush' | 'immediate';

/**
 * How the processor ends. As options of a single `shutdown()` call, what is not given is taken from the constructor's,
 * and what is wrong is reported through `diag` and ignored: `shutdown()` never rejects.
 */
export interface ShutdownOptions {
  /** Default `graceful`; anything but the three is an error. */
  strategy?: ShutdownStrategy;
  /** Milliseconds that `shutdown()` takes at most. Default 5,000, range 0 to 3,600,000, else an error. */
  timeoutMillis?: number;
}

/**
 * Where and how records are kept on disk.
 *
 * @example
 * ```ts
 * new SpillwayLogRecordProcessor({ spool: { directory: '/var/lib/my-service/logs', maxBytes: 2 * 1024 ** 3 } });
 * ```
 */
export interface SpoolOptions {
  /**
   * A path; required. The directory is made with the mode 0700 if it does not exist. A relative path is resolved against
   * the working directory at construction. Several processes can share it. When it cannot be made, entered or written
   * to, or others may write to it, the constructor throws `ERR_SPILLWAY_OPTION`; `health()` tells of a disk that fails
   * later.
   */
  directory: string;
  /**
   * Bytes the directory may take, all processes together. When it is full, the oldest segment is dropped as
   * `spool_full`: a sixteenth of it, 256 KiB to 8 MiB. Each process may have two segments whatever the others take.
   * Default 512 MiB, range 1 MiB to 1 TiB, else an error.
   */
  maxBytes?: number;
  /**
   * - `overflow` (default): memory first; to disk goes what memory has no room for, what waits while the breaker is
   *   open, and what is left at the end.
   * - `always`: each batch is on disk before it is sent, or sent from memory while the disk fails.
   *
   * Anything else is an error.
   */
  mode?: 'overflow' | 'always';
  /**
   * When what is written is forced to the device, which only matters for a machine that crashes:
   * - `never`: when the system sees fit.
   * - `interval` (default): every `fsyncIntervalMillis` in which something was written.
   * - `always`: before a batch counts as stored.
   *
   * Anything else is an error.
   */
  fsync?: 'never' | 'interval' | 'always';
  /**
   * Milliseconds from a write to the time it is forced to the device, with `interval`. Default 1,000, range 10 to 60,000,
   * else an error.
   */
  fsyncIntervalMillis?: number;
  /**
   * Share of the batches that come from disk while live ones wait as well, and of `maxConcurrentExports` that may be
   * replays concurrently, but one at least. Default 0.25, range 0.01 to 0.9, else an error.
   */
  replayShare?: number;
  /**
   * Bytes read back from disk that are held in memory at any time; two batches at least. Default 8 MiB, range 64 KiB to
   * 1 GiB, else an error.
   */
  maxReplayBytes?: number;
  /**
   * Milliseconds the breaker is not closed before all that waits is put on disk; never with `breaker: false`.
   * Default 5,000, range 0 (immediately) to 86,400,000, else an error.
   */
  spillAfterOpenMillis?: number;
  /**
   * Milliseconds without a heartbeat after which others take over what a process left. It must be longer
   * than the event loop is ever blocked: a process that is silent for three quarters of it sends nothing that is stored
   * until it has given a sign, and what it stored may be another's after all of it. Default 10,000, range
   * 1,000 to 600,000, else an error.
   */
  leaseMillis?: number;
  /**
   * Bytes written at the exit of the process at most; what is beyond is lost. Default the larger of 64 MiB and
   * `maxQueueBytes`, range 0 to 1 TiB, else an error.
   */
  exitMaxBytes?: number;
  /**
   * Milliseconds after which writing at the exit of the process stops, to the batch; what is left is lost. Default
   * 2,000, range 0 to 60,000, else an error.
   */
  exitTimeoutMillis?: number;
}

/**
 * The options of the processor; none is required. A value of the wrong type or out of range throws
 * `ERR_SPILLWAY_OPTION` at construction. Where two options contradict each other the smaller one holds, and `diag.warn`
 * says so. An option that is set wins over its environment variable; a variable with a bad value is reported through
 * `diag.warn` and ignored. An unknown option is reported and ignored, too.
 *
 * @example
 * ```ts
 * new SpillwayLogRecordProcessor({
 *   exporter: new SpillwayOtlpLogExporter({ url: 'https://collector.internal:4318/v1/logs' }),
 *   protectSeverity: SeverityNumber.ERROR,
 *   onDrop: ({ reason, records }) => alerts.increment(`logs_lost_${reason}`, records),
 * });
 * ```
 */
export interface SpillwayOptions {
  /**
   * Any `LogRecordExporter`; anything without `export()` and `shutdown()` is an error. It is owned by the processor:
   * exports are its alone, and `shutdown()` shuts it down. Default: a {@link SpillwayOtlpLogExporter}, configured by env
   * `OTEL_EXPORTER_OTLP_*`, which is not read for the exporter that is given.
   */
  exporter?: AnyLogRecordExporter;
  /**
   * Records held at most, in flight included, which take half of it at most; what is read back from a spool is not.
   * Default 1,048,576: `maxQueueBytes` is the bound that is reached first. Range 1 to 2,147,483,647, else an error. It wins
   * over env `OTEL_BLRP_MAX_QUEUE_SIZE`.
   */
  maxQueueSize?: number;
  /**
   * Records in one export at most. Default 4,096, or 1,024 with the official OTLP exporters: with a
   * {@link SpillwayOtlpLogExporter} a batch is sent when it has as many, with others when it has 512, and more only where
   * more wait because exports take their time. Where a size is set, a batch is sent when it has as many. Range 1 to 2,147,483,647, else an error; more than half of `maxQueueSize` is
   * reduced to that with a warning. It wins over env `OTEL_BLRP_MAX_EXPORT_BATCH_SIZE`.
   */
  maxExportBatchSize?: number;
  /**
   * Milliseconds a record waits for company at most. Default 1,000, range 0 to 2,147,483,647, else an error. It wins over
   * env `OTEL_BLRP_SCHEDULE_DELAY`.
   */
  scheduledDelayMillis?: number;
  /**
   * Milliseconds one export may take. Default 30,000, range 0 (no limit) to 2,147,483,647, else an error. It wins over env
   * `OTEL_BLRP_EXPORT_TIMEOUT`. The `timeoutMillis` of a {@link SpillwayOtlpLogExporter}, 10,000 by default, ends a request
   * before.
   */
  exportTimeoutMillis?: number;
  /**
   * Bytes held at most, in flight included, which take half of it at most. With a {@link SpillwayOtlpLogExporter} they are
   * the bytes that will be sent, before compression; with others an estimate made when a record is admitted. While the
   * disk of a spool is too slow or fails, what is in flight and stored comes on top: up to half as much again. Default
   * 5 % of the memory the process may use, at least 1 MiB and at most 64 MiB. Range 1 KiB to 1 TiB, else an error.
   */
  maxQueueBytes?: number;
  /**
   * Bytes in one export at most, counted as for `maxQueueBytes`. Default 1 MiB. Less than 1 KiB is an error; more than half
   * of `maxQueueBytes`, or than the `maxRequestBytes` of a {@link SpillwayOtlpLogExporter}, is reduced to that with a
   * warning.
   */
  maxExportBatchBytes?: number;
  /**
   * Bytes of one record; a larger one is truncated and marked `spillway.truncated`. Default 256 KiB. Less than 1 KiB is an
   * error; more than `maxExportBatchBytes` is reduced to that with a warning.
   */
  maxRecordBytes?: number;
  /**
   * Exports under way concurrently. Default: 1, as the specification demands for exporters in general ("LogRecordExporter",
   * "Export"), or the `concurrencyLimit` of a {@link SpillwayOtlpLogExporter} or an official OTLP exporter: with these it
   * is an upper limit, below which the number adapts to the destination. Range 1 to 64, else an error; more than the limit
   * of an official exporter is reduced to that with a warning. Raise it only for an exporter that allows concurrent calls.
   */
  maxConcurrentExports?: number;
  /**
   * Which record goes when the queue is full: the oldest one in it, or the one being added. Default `drop-oldest`; anything
   * but the two is an error.
   */
  overflow?: 'drop-oldest' | 'drop-newest';
  /** Records at or above this severity number are sent first and dropped last. Default: off. Range 1 to 24, else an error. */
  protectSeverity?: number;
  /** Refuses low severities while the queue is nearly full. Default: off. */
  shed?: ShedOptions | false;
  /** The circuit breaker; `false` turns it off. Default: on. */
  breaker?: BreakerOptions | false;
  /** When what could not be delivered is tried again. */
  retry?: RetryOptions;
  /** The watch over the memory of the process; `false` turns it off. Default: on. */
  memoryLimit?: MemoryLimitOptions | false;
  /** How `shutdown()` ends, unless the call says otherwise. */
  shutdown?: ShutdownOptions;
  /**
   * Milliseconds that a `forceFlush()` without a time of its own may take. A provider passes none, and instrumentations
   * call its `forceFlush()` after each invocation of a function. Default 30,000, range 1 to 2,147,483,647, else an error.
   */
  flushTimeoutMillis?: number;
  /** Keeps on disk what cannot be delivered yet, also beyond the end of the process. Default: off. */
  spool?: SpoolOptions | false;
  /** Whether one WARN record is delivered after records were lost, which says how many, when and why. Default `true`. */
  gapMarker?: boolean;
  /** Where the processor reports itself. Default: the global MeterProvider, also when it is registered later. */
  meterProvider?: MeterProvider;
  /** The name that the stock processor has for `meterProvider`, which wins where both are given. */
  selfObsMeterProvider?: MeterProvider;
  /** Called at most once per reason and turn of the event loop in which records were dropped. What it throws is caught. */
  onDrop?: (event: DropEvent) => void;
  /** Called at each change of the breaker's state. What it throws is caught. */
  onBreakerStateChange?: (event: BreakerEvent) => void;
  /**
   * Called when an attempt to export failed (`ERR_SPILLWAY_EXPORT`, with the exporter's error as `cause`), whether or not
   * it will be retried. What it throws is caught.
   */
  onError?: (error: SpillwayError) => void;
}
