/** The LogRecordProcessor: wires the parts together, admits records, and keeps the promises of its interface. */

import type { Context } from '@opentelemetry/api';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { type Clock, systemClock } from './common/clock.ts';
import { messageOf, SpillwayError } from './common/errors.ts';
import type { Environment } from './common/validation.ts';
import { Driver } from './delivery/driver.ts';
import { originOf } from './delivery/export-context.ts';
import { Recovery } from './delivery/recovery.ts';
import { TimeoutSender } from './delivery/timeout-sender.ts';
import { DurableQueue } from './durable/durable-queue.ts';
import { shutdownSettings } from './options/option-groups.ts';
import type { ShutdownOptions, SpillwayOptions } from './options/options.ts';
import { checkOptions, resolveSettings, type Settings } from './options/settings.ts';
import { SpillwayOtlpLogExporter } from './otlp/exporter.ts';
import { adapterFor } from './pipeline/adapter-for.ts';
import { MemoryLimiter } from './pipeline/memory-limiter.ts';
import { ShutdownSequence } from './pipeline/shutdown-sequence.ts';
import type { ProcessEvents } from './process/exit-hooks.ts';
import { memoryUseRatio, usableMemoryBytes } from './process/memory-use.ts';
import { requireSupportedNode } from './process/supported-node.ts';
import { AsyncSinkQueue } from './queue/async-sink-queue.ts';
import { Backpressure, type ReadyOptions } from './queue/backpressure.ts';
import type { EmittedRecord, LogBatch } from './queue/log-batch.ts';
import { nodeFiles, type SpoolFiles } from './spool/format/file-system.ts';
import { GapMarker } from './telemetry/gap-marker.ts';
import type { Gauges } from './telemetry/metrics.ts';
import { healthOf, type SpillwayHealth, type SpillwayStats, statsOf } from './telemetry/stats.ts';
import { Telemetry } from './telemetry/telemetry.ts';

/** How long a `forceFlush()` may take. */
export interface FlushOptions {
  /**
   * Milliseconds after which the promise rejects. Default: the option `flushTimeoutMillis`, also for anything but a number
   * of 0 or more.
   */
  timeoutMillis?: number;
}

/** What the tests replace: time, memory, files, and the process around it. */
export interface Surroundings {
  readonly clock: Clock;
  readonly memoryUseRatio: () => number;
  readonly files?: SpoolFiles;
  /** Default: this process. */
  readonly process?: ProcessEvents;
  readonly environment?: Environment;
  readonly usableMemoryBytes?: () => number;
}

/**
 * Takes the place of `BatchLogRecordProcessor`. After construction it never throws into the application,
 * except that `forceFlush` and `ready` reject as documented.
 */
export class SpillwayLogRecordProcessor implements LogRecordProcessor {
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  readonly #queue: AsyncSinkQueue<LogBatch>;
  readonly #driver: Driver<LogBatch>;
  readonly #recovery: Recovery;
  readonly #durable: DurableQueue<LogBatch> | undefined;
  readonly #marker: GapMarker | undefined;
  readonly #memoryLimiter: MemoryLimiter | undefined;
  readonly #backpressure: Backpressure;
  readonly #shutdownSequence: ShutdownSequence;

  /** @throws SpillwayError `ERR_SPILLWAY_OPTION`, naming the option, its range and the value; `ERR_SPILLWAY_NODE_VERSION`. */
  constructor(options?: SpillwayOptions);
  /** @internal */
  constructor(options: SpillwayOptions, surroundings: Surroundings);
  constructor(
    options: SpillwayOptions = {},
    {
      clock,
      memoryUseRatio: useRatio,
      files = nodeFiles,
      process: events = process,
      environment = process.env,
      usableMemoryBytes: usableBytes = usableMemoryBytes,
    }: Surroundings = { clock: systemClock, memoryUseRatio },
  ) {
    requireSupportedNode();
    checkOptions(options);
    const exporter = options.exporter ?? new SpillwayOtlpLogExporter();
    const adapterFactory = adapterFor(exporter);
    const settings = resolveSettings(options, environment, usableBytes(), adapterFactory.defaults);
    this.#settings = settings;
    this.#clock = clock;
    this.#backpressure = new Backpressure(() => this.#queue.pressure);
    const telemetry = new Telemetry(
      options,
      () => this.#gauges(),
      () => this.#backpressure.update(),
      clock,
    );
    this.#telemetry = telemetry;
    const adapter = adapterFactory.open({
      maxRecordBytes: settings.maxRecordBytes,
      meterProvider: options.meterProvider ?? options.selfObsMeterProvider,
      clock,
      exporting: () => this.#shutdownSequence.exporterFlush.exporting(),
    });
    // The time limit has to hold whatever the adapter does, a callback that never comes included. Retry and
    // breaker are not wrappers around it but the driver's: a batch that has to wait goes back to the queue,
    // where it can be overtaken, evicted, halved or flushed.
    const sender = new TimeoutSender(adapter.sender, settings.exportTimeoutMillis, clock);
    const concurrency = { start: adapter.startingExports, max: settings.maxConcurrentExports };
    const listener = {
      dropped: telemetry.dropped.bind(telemetry),
      wake: () => {
        this.#driver.wake();
        this.#durable?.wake();
      },
      ...(settings.spool !== undefined && { makeRoom: () => this.#durable?.makeRoom() ?? false }),
    };
    this.#queue = new AsyncSinkQueue(settings, adapter.openBatch, listener, clock.now);
    this.#recovery = new Recovery(settings, clock.random, (change) => {
      telemetry.breakerChanged(change);
      this.#durable?.breakerChanged(change.to === 'closed');
    });
    if (settings.spool !== undefined) {
      const diskListener = {
        dropped: listener.dropped,
        recovered: telemetry.recovered.bind(telemetry),
        warn: telemetry.diagnostics.warn.bind(telemetry.diagnostics),
        wake: () => this.#driver.wake(),
      };
      this.#durable = new DurableQueue(
        settings.spool,
        this.#queue,
        adapter.codec,
        settings.maxConcurrentExports,
        diskListener,
        clock,
        files,
      );
    }
    const source = this.#durable?.scheduler ?? this.#queue;
    const driverSettings = { concurrency, retry: settings.retry };
    this.#driver = new Driver(source, sender, this.#recovery, driverSettings, telemetry, clock);
    this.#durable?.open();
    if (settings.gapMarker) {
      this.#marker = new GapMarker((record) => this.#offer(record), clock);
      telemetry.marker = this.#marker;
    }
    if (settings.memoryLimit !== undefined) {
      this.#memoryLimiter = new MemoryLimiter(settings.memoryLimit, settings.maxQueueBytes, {
        queue: this.#queue,
        durable: this.#durable,
        diagnostics: telemetry.diagnostics,
        clock,
        memoryUseRatio: useRatio,
        wake: () => this.#backpressure.update(),
      });
    }
    this.#shutdownSequence = new ShutdownSequence(
      {
        exporter,
        queue: this.#queue,
        driver: this.#driver,
        durable: this.#durable,
        telemetry,
        clock,
        process: events,
        begin: () => {
          this.#backpressure.close();
          this.#memoryLimiter?.stop();
          this.#marker?.flush();
          this.#marker?.close();
        },
      },
      settings.shutdown.timeoutMillis,
    );
  }

  /**
   * Admits a record: no waiting, nothing thrown, and no I/O, but for a burst that would otherwise overflow the
   * queue: with a spool its batches are written to disk at once.
   */
  onEmit(logRecord: EmittedRecord, context?: Context): void {
    const origin = originOf(context);
    if (origin !== undefined || this.#shutdownSequence.isShutDown) {
      this.#telemetry.ledger.offered++;
      if (origin === 'callback') this.#telemetry.droppedInCallback();
      else this.#telemetry.dropped(this.#shutdownSequence.isShutDown ? 'already_shutdown' : 'self', 1, false);
      return;
    }
    this.#offer(logRecord);
    this.#marker?.offered(logRecord);
  }

  /**
   * True, always. The SDK asks before each `onEmit`, and what gets a no never gets there: it would be lost without a
   * count. What is refused (`shed`, memory, after shutdown) is refused in `onEmit`, and dropped with its reason.
   */
  enabled(_options?: Parameters<NonNullable<LogRecordProcessor['enabled']>>[0]): boolean {
    return true;
  }

  /**
   * Resolves when every record emitted before the call is delivered, dropped or safe in the spool, and the
   * exporter has flushed. With a spool, what cannot be sent in time is put there. Does not wait for the scheduled
   * delay, nor out a back-off. After `shutdown()` it is the same promise.
   *
   * @throws SpillwayError (as a rejection) `ERR_SPILLWAY_FLUSH_TIMEOUT` or `ERR_SPILLWAY_UNAVAILABLE`; the
   * records are then still queued.
   */
  async forceFlush(options?: FlushOptions): Promise<void> {
    if (this.#shutdownSequence.isShutDown) return this.#shutdownSequence.promise;
    const given = options?.timeoutMillis;
    const timeoutMillis = typeof given === 'number' && given >= 0 ? given : this.#settings.flushTimeoutMillis;
    const result = await this.#shutdownSequence.flush(timeoutMillis);
    if (result === 'timeout') {
      throw new SpillwayError(
        'ERR_SPILLWAY_FLUSH_TIMEOUT',
        `otel-spillway: not flushed within ${timeoutMillis} ms; ${this.#queue.records} records are queued`,
      );
    }
    if (result === 'unavailable') {
      const { lastError } = this.#telemetry.ledger;
      throw new SpillwayError(
        'ERR_SPILLWAY_UNAVAILABLE',
        `otel-spillway: the destination will not be called again within ${timeoutMillis} ms${lastError === undefined ? '' : ` (${lastError})`}`,
      );
    }
  }

  /**
   * Ends the processor within its deadline (plus 50 ms), whatever the exporter does; see `ShutdownOptions`.
   * Includes the effect of `forceFlush`. What could not be sent is left in the spool or, without one, dropped as
   * `shutdown`. Never rejects.
   * A second call returns the same promise, and can only make it shorter.
   */
  shutdown(options?: ShutdownOptions): Promise<void> {
    let settings = this.#settings.shutdown;
    try {
      settings = shutdownSettings(options, settings);
    } catch (error) {
      this.#telemetry.diagnostics.warn('shutdown options', messageOf(error).replace('otel-spillway: ', ''));
    }
    return this.#shutdownSequence.shutdown(settings, options?.timeoutMillis !== undefined);
  }

  /** Where every record went, and how delivery is doing: a plain JSON object. */
  stats(): SpillwayStats {
    const { breaker, askAt, failingSince } = this.#recovery;
    const now = this.#clock.now();
    this.#durable?.settleAccounts();
    return statsOf(this.#telemetry.ledger, this.#queue, this.#durable, {
      state: breaker,
      ...(breaker === 'open' && askAt !== undefined && { nextProbeMillis: Math.max(0, askAt - now) }),
      ...(failingSince !== undefined && { failingMillis: now - failingSince }),
    });
  }

  /** Whether logs get through, in a form made for a readiness probe. */
  health(): SpillwayHealth {
    const { failingSince } = this.#recovery;
    return healthOf({
      breakerState: this.#recovery.breaker,
      memoryLevel: this.#memoryLimiter?.level ?? 'normal',
      pressure: this.#queue.pressure,
      failingMillis: failingSince === undefined ? undefined : this.#clock.now() - failingSince,
      dropsRecently: this.#telemetry.droppedRecently,
      spoolDegradedBecause: this.#durable?.degradedBecause,
      isShutDown: this.#shutdownSequence.isShutDown,
      lostAtEnd: this.#telemetry.ledger.dropped.shutdown,
      lastError: this.#telemetry.ledger.lastError,
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
    return this.#backpressure.wait(options);
  }

  #offer(record: EmittedRecord): void {
    this.#telemetry.ledger.offered++;
    this.#queue.admit(record);
    if (this.#shutdownSequence.isExiting) this.#shutdownSequence.storeAtExit();
  }

  #gauges(): Gauges {
    const { oldestAt } = this.#queue;
    this.#durable?.settleAccounts();
    const oldestOnDisk = this.#durable?.oldestUnixMillis ?? Number.POSITIVE_INFINITY;
    return {
      queueRecords: this.#queue.records + this.#queue.inFlightRecords,
      queueCapacity: this.#settings.maxQueueSize,
      queueBytes: this.#queue.bytes + this.#queue.inFlightBytes,
      queueLimitBytes: this.#queue.maxBytes,
      oldestAgeMillis: Math.max(0, this.#clock.now() - oldestAt, this.#clock.wallNow() - oldestOnDisk),
      breakerState: this.#recovery.breaker,
      spoolRecords: this.#durable?.records ?? 0,
      spoolBytes: this.#durable?.bytes ?? 0,
      spoolLimitBytes: this.#settings.spool?.maxBytes ?? 0,
      replayedRecords: this.#durable?.replayedRecords ?? 0,
    };
  }
}
