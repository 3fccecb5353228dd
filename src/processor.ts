/** The LogRecordProcessor: wires the parts together, admits records, and keeps the promises of its interface. */

import type { Context } from '@opentelemetry/api';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { type Clock, systemClock } from './clock.ts';
import { CircuitBreaker } from './delivery/breaker.ts';
import { Driver } from './delivery/driver.ts';
import { isExporting } from './delivery/export-context.ts';
import { callExporter } from './delivery/exporter-calls.ts';
import type { AnyLogRecordExporter } from './delivery/exporter-sender.ts';
import { TimeLimit } from './delivery/time-limit.ts';
import { messageOf, SpillwayError } from './errors.ts';
import { flushBeforeExit } from './exit-flush.ts';
import { laneOf } from './lane.ts';
import type { Gauges } from './metrics.ts';
import type { ShutdownOptions, SpillwayOptions } from './options.ts';
import { SpillwayOtlpLogExporter } from './otlp/otlp-exporter.ts';
import { PressureGate, type ReadyOptions } from './pressure-gate.ts';
import { memoryUseRatio, usableMemoryBytes } from './process-memory.ts';
import { AsyncSinkQueue } from './queue/async-sink-queue.ts';
import type { EmittedRecord, LogBatch } from './queue/log-batch.ts';
import { MemoryGuard, type MemoryLevel } from './queue/memory-guard.ts';
import { SelfObservation } from './self-observation.ts';
import {
  checkOptions,
  resolveSettings,
  type Settings,
  type ShutdownSettings,
  shutdownSettings,
} from './settings.ts';
import { healthOf, type SpillwayHealth, type SpillwayStats, statsOf } from './stats.ts';

/** The specification's default for a flush of the whole provider. */
const FLUSH_TIMEOUT_MILLIS = 30_000;
/** Under memory pressure the queue shrinks to this share of `maxQueueBytes` … */
const SAVING_SHARE = 0.5;
/** … and refuses what is below INFO. */
const SAVING_MIN_SEVERITY = 9;

export interface FlushOptions {
  /** Milliseconds after which the promise rejects. Default 30,000. */
  timeoutMillis?: number;
}

/** What the tests replace: time and memory. */
export interface Surroundings {
  readonly clock: Clock;
  readonly memoryUseRatio: () => number;
}

/**
 * Takes the place of `BatchLogRecordProcessor`. After construction it never throws into the application,
 * except that `forceFlush` and `ready` reject as documented.
 */
export class SpillwayLogRecordProcessor implements LogRecordProcessor {
  readonly #exporter: AnyLogRecordExporter;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #observation: SelfObservation;
  readonly #queue: AsyncSinkQueue<LogBatch>;
  readonly #driver: Driver<LogBatch>;
  readonly #breaker: CircuitBreaker;
  readonly #guard: MemoryGuard | undefined;
  readonly #gate: PressureGate;
  readonly #stopExitFlush: () => void;
  /** Aborts when a shutdown has to end before its own deadline. */
  readonly #hurry = new AbortController();
  #offeredAtExitFlush = 0;
  #isShutDown = false;
  #shutdown: Promise<void> | undefined;

  /** @throws SpillwayError `ERR_SPILLWAY_OPTION`, naming the option, its range and the value. */
  constructor(options?: SpillwayOptions);
  /** @internal */
  constructor(options: SpillwayOptions, surroundings: Surroundings);
  constructor(
    options: SpillwayOptions = {},
    { clock, memoryUseRatio: useRatio }: Surroundings = { clock: systemClock, memoryUseRatio },
  ) {
    checkOptions(options);
    this.#exporter = options.exporter ?? new SpillwayOtlpLogExporter();
    const source = laneOf(this.#exporter);
    const settings = resolveSettings(options, process.env, usableMemoryBytes(), source.defaults);
    this.#settings = settings;
    this.#clock = clock;
    this.#gate = new PressureGate(() => this.#queue.pressure);
    const observation = new SelfObservation(
      options,
      () => this.#gauges(),
      () => this.#gate.update(),
      clock,
    );
    this.#observation = observation;
    const lane = source.open({
      maxRecordBytes: settings.maxRecordBytes,
      meterProvider: options.meterProvider ?? options.selfObsMeterProvider,
      clock,
    });
    // The time limit has to hold whatever the lane does, a callback that never comes included. Retry and
    // breaker are not wrappers around it but the driver's: a batch that has to wait goes back to the queue,
    // where it can be overtaken, evicted, halved or flushed.
    const sender = new TimeLimit(lane.sender, settings.exportTimeoutMillis, clock);
    const concurrency = { start: lane.startingExports, max: settings.maxConcurrentExports };
    const listener = {
      dropped: observation.dropped.bind(observation),
      work: () => this.#driver.wake(),
    };
    this.#queue = new AsyncSinkQueue(settings, lane.openBatch, listener, clock.now);
    this.#breaker = new CircuitBreaker(settings.breaker, (change) => observation.breakerChanged(change));
    const driverSettings = { concurrency, retry: settings.retry };
    this.#driver = new Driver(this.#queue, sender, this.#breaker, driverSettings, observation, clock);
    if (settings.memoryLimit !== undefined) {
      this.#guard = new MemoryGuard(
        settings.memoryLimit,
        useRatio,
        (level, ratio) => this.#memoryChanged(level, ratio),
        clock,
      );
      this.#guard.start();
    }
    this.#stopExitFlush = flushBeforeExit(() => this.#flushBeforeExit());
  }

  /** Admits a record: no I/O, no waiting, nothing thrown. */
  onEmit(logRecord: EmittedRecord, context?: Context): void {
    this.#observation.ledger.offered++;
    if (this.#isShutDown) this.#observation.dropped('already_shutdown', 1, false);
    else if (isExporting(context)) this.#observation.dropped('self', 1, false);
    else this.#queue.admit(logRecord);
  }

  /** Whether a record like this would be admitted now: false after shutdown, and for what `shed` or memory refuses. */
  enabled(options: Parameters<NonNullable<LogRecordProcessor['enabled']>>[0]): boolean {
    if (this.#isShutDown) return false;
    if (this.#queue.refusal(options?.severityNumber ?? 0) === undefined) return true;
    this.#observation.refused();
    return false;
  }

  /**
   * Resolves when every record emitted before the call is delivered, dropped or safe in the spool, and the
   * exporter has flushed. Does not wait for the scheduled delay, nor out a back-off. After `shutdown()` it
   * is the same promise.
   *
   * @throws SpillwayError (as a rejection) `ERR_SPILLWAY_FLUSH_TIMEOUT` or `ERR_SPILLWAY_UNAVAILABLE`; the
   * records are then still queued.
   */
  async forceFlush(options?: FlushOptions): Promise<void> {
    if (this.#shutdown !== undefined) return this.#shutdown;
    const timeoutMillis = flushTimeout(options);
    const deadline = this.#clock.now() + timeoutMillis;
    const result = await this.#driver.flush(timeoutMillis, true);
    if (result === 'timeout') {
      throw new SpillwayError(
        'ERR_SPILLWAY_FLUSH_TIMEOUT',
        `otel-spillway: not flushed within ${timeoutMillis} ms; ${this.#queue.records} records are queued`,
      );
    }
    if (result === 'unavailable') {
      const { lastError } = this.#observation.ledger;
      throw new SpillwayError(
        'ERR_SPILLWAY_UNAVAILABLE',
        `otel-spillway: the destination will not be called again within ${timeoutMillis} ms${lastError === undefined ? '' : ` (${lastError})`}`,
      );
    }
    await this.#callExporter('forceFlush', deadline);
  }

  /**
   * Ends the processor within its deadline (plus 50 ms), whatever the exporter does; see `ShutdownOptions`.
   * Includes the effect of `forceFlush`. What could not be sent is dropped as `shutdown`. Never rejects.
   * A second call returns the same promise, and can only make it shorter.
   */
  shutdown(options?: ShutdownOptions): Promise<void> {
    let settings = this.#settings.shutdown;
    try {
      settings = shutdownSettings(options, settings);
    } catch (error) {
      this.#observation.notices.warn('shutdown options', messageOf(error).replace('otel-spillway: ', ''));
    }
    if (this.#shutdown === undefined) {
      // Before anything else happens: whoever hears of the end, a diag logger for one, may call this again.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#shutdown = promise;
      this.#isShutDown = true;
      void this.#end(settings).finally(resolve);
    } else if (settings.strategy === 'immediate') {
      this.#driver.stop();
    } else if (options?.timeoutMillis !== undefined) {
      this.#clock.timer(() => this.#hurry.abort(), settings.timeoutMillis);
    }
    return this.#shutdown;
  }

  /** Where every record went, and how delivery is doing: a plain JSON object. */
  stats(): SpillwayStats {
    const { probeAt } = this.#breaker;
    return statsOf(this.#observation.ledger, this.#queue, {
      state: this.#breaker.state,
      ...(probeAt !== undefined && { nextProbeMillis: Math.max(0, probeAt - this.#clock.now()) }),
    });
  }

  /** Whether logs get through, in a form made for a readiness probe. */
  health(): SpillwayHealth {
    return healthOf({
      breakerState: this.#breaker.state,
      memoryLevel: this.#guard?.level ?? 'normal',
      pressure: this.#queue.pressure,
      failuresInARow: this.#driver.failuresInARow,
      dropsRecently: this.#observation.droppedRecently,
      refusesRecently: this.#observation.refusedRecently,
      isShutDown: this.#isShutDown,
      lastError: this.#observation.ledger.lastError,
    });
  }

  /** How full the queue is, 0 to 1, by records or by bytes, whichever is fuller. */
  get pressure(): number {
    return this.#queue.pressure;
  }

  /**
   * Resolves when the queue is emptier than `below`: for jobs that can wait and would rather not lose logs.
   * @throws SpillwayError (as a rejection) `ERR_SPILLWAY_OPTION`, `ERR_SPILLWAY_SHUTDOWN`; or the signal's reason.
   */
  ready(options?: ReadyOptions): Promise<void> {
    return this.#gate.wait(options);
  }

  async #end({ strategy, timeoutMillis }: ShutdownSettings): Promise<void> {
    const deadline = this.#clock.now() + timeoutMillis;
    this.#stopExitFlush();
    this.#gate.close();
    this.#guard?.stop();
    this.#hurry.signal.addEventListener('abort', () => this.#driver.stop());
    // The order: what is queued goes first, as far as the deadline and the destination's health allow; then
    // the leftovers are accounted for; only then the exporter goes, which nothing needs any more.
    if (strategy !== 'immediate') {
      if (strategy === 'flush') this.#driver.giveUpRetries();
      await this.#driver.flush(timeoutMillis, false);
    }
    this.#driver.stop();
    await this.#callExporter('shutdown', deadline);
    this.#observation.close();
  }

  #callExporter(method: 'forceFlush' | 'shutdown', deadline: number): Promise<void> {
    const failed = (error: unknown) =>
      this.#observation.notices.warn(method, `the exporter's ${method}() failed: ${messageOf(error)}`);
    return callExporter(this.#exporter, method, deadline, this.#hurry.signal, failed, this.#clock);
  }

  /**
   * Once for the records emitted so far: a destination that is down must not keep a process alive that wants
   * to end.
   */
  async #flushBeforeExit(): Promise<void> {
    const { offered } = this.#observation.ledger;
    if (this.#queue.oldestAt === Number.POSITIVE_INFINITY || offered === this.#offeredAtExitFlush) return;
    this.#offeredAtExitFlush = offered;
    await this.#driver.flush(this.#settings.shutdown.timeoutMillis, false);
  }

  #memoryChanged(level: MemoryLevel, ratio: number): void {
    this.#observation.notices.info(`memory use ${Math.round(ratio * 100)} %: ${level}`);
    if (level === 'normal') {
      this.#queue.restrict();
      this.#gate.update();
      return;
    }
    this.#queue.restrict({
      maxBytes: Math.floor(this.#settings.maxQueueBytes * SAVING_SHARE),
      minSeverity: level === 'hard' ? Number.POSITIVE_INFINITY : SAVING_MIN_SEVERITY,
    });
    if (level === 'hard') this.#queue.discardUnprotected('memory_limit');
  }

  #gauges(): Gauges {
    const { oldestAt } = this.#queue;
    return {
      queueRecords: this.#queue.records + this.#queue.inFlightRecords,
      queueCapacity: this.#settings.maxQueueSize,
      queueBytes: this.#queue.bytes + this.#queue.inFlightBytes,
      queueLimitBytes: this.#queue.maxBytes,
      oldestAgeMillis: Math.max(0, this.#clock.now() - oldestAt),
      breakerState: this.#breaker.state,
      spoolRecords: 0,
      spoolBytes: 0,
    };
  }
}

function flushTimeout(options: FlushOptions | undefined): number {
  const millis = options?.timeoutMillis;
  return typeof millis === 'number' && millis >= 0 ? millis : FLUSH_TIMEOUT_MILLIS;
}
