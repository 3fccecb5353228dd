/** The LogRecordProcessor: wires the parts together, admits records, and keeps the promises of its interface. */

import type { Context } from '@opentelemetry/api';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { type Clock, systemClock } from './clock.ts';
import { type BreakerChange, CircuitBreaker } from './delivery/breaker.ts';
import { Driver } from './delivery/driver.ts';
import { isExporting, runExporting } from './delivery/export-context.ts';
import type { Outcome } from './delivery/sender.ts';
import { type DropReason, messageOf, SpillwayError } from './errors.ts';
import { flushBeforeExit } from './exit-flush.ts';
import { plainLane } from './lane.ts';
import { Ledger } from './ledger.ts';
import { nextComponentName, ProcessorMetrics } from './metrics.ts';
import { Notices, SUMMARY_INTERVAL_MILLIS } from './notices.ts';
import type { ShutdownOptions, SpillwayOptions } from './options.ts';
import { PressureGate, type ReadyOptions } from './pressure-gate.ts';
import { memoryUseRatio, usableMemoryBytes } from './process-memory.ts';
import { AsyncSinkQueue } from './queue/async-sink-queue.ts';
import type { EmittedRecord } from './queue/log-batch.ts';
import { MemoryGuard, type MemoryLevel } from './queue/memory-guard.ts';
import type { RecordBatch } from './queue/record-batch.ts';
import { resolveSettings, type Settings, type ShutdownSettings, shutdownSettings } from './settings.ts';
import { healthOf, type SpillwayHealth, type SpillwayStats } from './stats.ts';

/** The specification's default for a flush of the whole provider. */
const FLUSH_TIMEOUT_MILLIS = 30_000;
/** Under memory pressure the queue shrinks to this share of `maxQueueBytes` … */
const SAVING_SHARE = 0.5;
/** … and refuses what is below INFO. */
const SAVING_MIN_SEVERITY = 9;
/** How often to look for a MeterProvider that was registered later. */
const BIND_INTERVAL_MILLIS = 1_000;

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
  readonly #exporter: SpillwayOptions['exporter'];
  readonly #settings: Settings;
  readonly #options: SpillwayOptions;
  readonly #clock: Clock;
  readonly #ledger = new Ledger();
  readonly #queue: AsyncSinkQueue<RecordBatch>;
  readonly #driver: Driver<RecordBatch>;
  readonly #breaker: CircuitBreaker;
  readonly #guard: MemoryGuard | undefined;
  readonly #metrics: ProcessorMetrics;
  readonly #notices: Notices;
  readonly #gate: PressureGate;
  readonly #stopExitFlush: () => void;
  #stopBinding = () => {};
  #lastDropAt = Number.NEGATIVE_INFINITY;
  #isShutDown = false;
  #shutdown: Promise<void> | undefined;

  /** @throws SpillwayError `ERR_SPILLWAY_OPTION`, naming the option, its range and the value. */
  constructor(options: SpillwayOptions);
  /** @internal */
  constructor(options: SpillwayOptions, surroundings: Surroundings);
  constructor(
    options: SpillwayOptions,
    { clock, memoryUseRatio: useRatio }: Surroundings = { clock: systemClock, memoryUseRatio },
  ) {
    this.#settings = resolveSettings(options, process.env, usableMemoryBytes());
    this.#options = options;
    this.#exporter = options.exporter;
    this.#clock = clock;
    const name = nextComponentName();
    this.#notices = new Notices(name, clock, options.onDrop);

    const lane = plainLane(options.exporter, this.#settings, clock);
    const dropped = (reason: DropReason, records: number, wasPassed: boolean) =>
      this.#dropped(reason, records, wasPassed);
    this.#queue = new AsyncSinkQueue(
      this.#settings,
      lane.openBatch,
      { dropped, work: () => this.#driver.wake() },
      clock.now,
    );
    this.#breaker = new CircuitBreaker(this.#settings.breaker, (change) => this.#breakerChanged(change));
    this.#driver = new Driver(
      this.#queue,
      lane.sender,
      this.#breaker,
      this.#settings,
      {
        passed: (records) => {
          this.#ledger.passed += records;
        },
        attempted: (outcome, millis) => this.#attempted(outcome, millis),
        delivered: (records, ageMillis) => this.#delivered(records, ageMillis),
        dropped,
      },
      clock,
    );
    this.#gate = new PressureGate(() => this.#queue.pressure);
    this.#metrics = new ProcessorMetrics(
      name,
      options.meterProvider ?? options.selfObsMeterProvider,
      this.#ledger,
      () => this.#gauges(),
    );
    if (this.#settings.memoryLimit !== undefined) {
      this.#guard = new MemoryGuard(
        this.#settings.memoryLimit,
        useRatio,
        (level, ratio) => this.#memoryChanged(level, ratio),
        clock,
      );
      this.#guard.start();
    }
    this.#bindLater();
    this.#stopExitFlush = flushBeforeExit(() => this.#flushBeforeExit());
  }

  /** Admits a record: no I/O, no waiting, nothing thrown. */
  onEmit(logRecord: EmittedRecord, context?: Context): void {
    this.#ledger.offered++;
    if (this.#isShutDown) {
      this.#dropped('already_shutdown', 1, false);
    } else if (isExporting(context)) {
      this.#dropped('self', 1, false);
    } else {
      this.#queue.admit(logRecord);
    }
  }

  /** Whether a record like this would be admitted now: false after shutdown, and for what `shed` or memory refuses. */
  enabled(options: Parameters<NonNullable<LogRecordProcessor['enabled']>>[0]): boolean {
    if (this.#isShutDown) return false;
    if (this.#queue.refusal(options?.severityNumber ?? 0) === undefined) return true;
    this.#ledger.refused++;
    this.#notices.warn('refused', 'low severities are refused before they are built, to save room');
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
    const result = await this.#driver.flush(timeoutMillis);
    if (result === 'timeout') {
      const { records } = this.#queue;
      throw new SpillwayError(
        'ERR_SPILLWAY_FLUSH_TIMEOUT',
        `otel-spillway: not flushed within ${timeoutMillis} ms; ${records} records are queued`,
      );
    }
    if (result === 'unavailable') {
      const why = this.#ledger.lastError === undefined ? '' : ` (${this.#ledger.lastError})`;
      throw new SpillwayError(
        'ERR_SPILLWAY_UNAVAILABLE',
        `otel-spillway: the destination will not be called again within ${timeoutMillis} ms${why}`,
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
    let settings: ShutdownSettings = this.#settings.shutdown;
    try {
      settings = shutdownSettings(options, settings);
    } catch (error) {
      this.#notices.warn('shutdown options', messageOf(error));
    }
    if (this.#shutdown === undefined) {
      this.#isShutDown = true;
      this.#shutdown = this.#end(settings);
    } else if (settings.strategy === 'immediate' || settings.timeoutMillis === 0) {
      this.#driver.stop();
    } else if (options?.timeoutMillis !== undefined) {
      this.#clock.timer(() => this.#driver.stop(), settings.timeoutMillis);
    }
    return this.#shutdown;
  }

  /** Where every record went, and how delivery is doing: a plain JSON object. */
  stats(): SpillwayStats {
    const { offered, recovered, exported, refused, attempts, failures, lastError } = this.#ledger;
    const probeAt = this.#breaker.probeAt;
    return {
      offered,
      recovered,
      exported,
      dropped: { ...this.#ledger.dropped },
      refused,
      queued: { records: this.#queue.records, bytes: this.#queue.bytes },
      inFlight: { records: this.#queue.inFlightRecords, bytes: this.#queue.inFlightBytes },
      spooled: { records: 0, bytes: 0 },
      breaker: {
        state: this.#breaker.state,
        ...(probeAt !== undefined && { nextProbeMillis: Math.max(0, probeAt - this.#clock.now()) }),
      },
      exports: { attempts, failures, ...(lastError !== undefined && { lastError }) },
      exportMillis: this.#ledger.exportMillis,
      deliveryMillis: this.#ledger.deliveryMillis,
    };
  }

  /** Whether logs get through, in a form made for a readiness probe. */
  health(): SpillwayHealth {
    return healthOf({
      breakerState: this.#breaker.state,
      memoryLevel: this.#guard?.level ?? 'normal',
      pressure: this.#queue.pressure,
      failuresInARow: this.#driver.failuresInARow,
      dropsRecently: this.#clock.now() - this.#lastDropAt < SUMMARY_INTERVAL_MILLIS,
      isShutDown: this.#isShutDown,
      lastError: this.#ledger.lastError,
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
    // The order: what is queued goes first, as far as the deadline and the destination's health allow; then
    // the leftovers are accounted for; only then the exporter goes, which nothing needs any more.
    if (strategy !== 'immediate' && timeoutMillis > 0) {
      if (strategy === 'flush') this.#driver.giveUpRetries();
      await this.#driver.flush(timeoutMillis);
    }
    this.#driver.stop();
    await this.#callExporter('shutdown', deadline);
    this.#stopBinding();
    this.#notices.close();
    this.#metrics.close();
  }

  /** Calls a method of the exporter that may hang, throw or reject, and waits for it until `deadline`. */
  #callExporter(method: 'forceFlush' | 'shutdown', deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const failed = (error: unknown) => {
        this.#notices.warn(method, `the exporter's ${method}() failed: ${messageOf(error)}`);
        done();
      };
      const done = () => {
        cancel();
        resolve();
      };
      const cancel = this.#clock.timer(resolve, deadline - this.#clock.now(), true);
      try {
        Promise.resolve(runExporting(() => this.#exporter[method]?.())).then(done, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  // Once per record emitted since the last attempt: a destination that is down must not keep a process alive
  // that wants to end.
  #flushedAtOffered = 0;
  async #flushBeforeExit(): Promise<void> {
    if (this.#queue.oldestAt === undefined || this.#flushedAtOffered === this.#ledger.offered) return;
    this.#flushedAtOffered = this.#ledger.offered;
    await this.#driver.flush(this.#settings.shutdown.timeoutMillis);
  }

  #dropped(reason: DropReason, records: number, wasPassed: boolean): void {
    this.#ledger.drop(reason, records, wasPassed);
    this.#lastDropAt = this.#clock.now();
    this.#notices.dropped(reason, records);
    this.#gate.update();
  }

  #attempted(outcome: Outcome, millis: number): void {
    this.#ledger.attempt(outcome, millis);
    this.#metrics.bind();
    this.#metrics.attempted(outcome, millis);
    if (outcome.kind === 'delivered') {
      if (outcome.rejectedRecords > 0 || outcome.message) {
        this.#notices.warn('partial success', `the collector says: ${outcome.message ?? 'records rejected'}`);
      }
      return;
    }
    const message = `export failed (${outcome.kind}): ${messageOf(outcome.error)}`;
    this.#notices.warn(`export ${outcome.kind}`, message);
    if (this.#options.onError !== undefined) {
      this.#notices.call(
        this.#options.onError,
        new SpillwayError('ERR_SPILLWAY_EXPORT', message, { cause: outcome.error }),
      );
    }
  }

  #delivered(records: number, ageMillis: number): void {
    this.#ledger.deliver(records, ageMillis);
    this.#metrics.delivered(ageMillis);
    this.#gate.update();
  }

  #breakerChanged({ from, to, probeAt }: BreakerChange): void {
    this.#ledger.breakerTransitions[to]++;
    const nextProbeMillis = probeAt === undefined ? undefined : Math.max(0, probeAt - this.#clock.now());
    const next = nextProbeMillis === undefined ? '' : `, next probe in ${Math.round(nextProbeMillis)} ms`;
    this.#notices.info(`circuit breaker ${from} -> ${to}${next}`);
    this.#notices.call(this.#options.onBreakerStateChange, {
      from,
      to,
      ...(nextProbeMillis !== undefined && { nextProbeMillis }),
    });
  }

  #memoryChanged(level: MemoryLevel, ratio: number): void {
    this.#notices.info(`memory use ${Math.round(ratio * 100)} %: ${level}`);
    if (level === 'normal') {
      this.#queue.restrict();
      return;
    }
    this.#queue.restrict({
      maxBytes: Math.floor(this.#settings.maxQueueBytes * SAVING_SHARE),
      minSeverity: level === 'hard' ? Number.POSITIVE_INFINITY : SAVING_MIN_SEVERITY,
    });
    if (level === 'hard') this.#queue.discardUnprotected('memory_limit');
  }

  #gauges() {
    const oldestAt = this.#queue.oldestAt;
    return {
      queueRecords: this.#queue.records + this.#queue.inFlightRecords,
      queueCapacity: this.#settings.maxQueueSize,
      queueBytes: this.#queue.bytes + this.#queue.inFlightBytes,
      queueLimitBytes: this.#queue.maxBytes,
      oldestAgeMillis: oldestAt === undefined ? 0 : this.#clock.now() - oldestAt,
      breakerState: this.#breaker.state,
      spoolRecords: 0,
      spoolBytes: 0,
    };
  }

  #bindLater(): void {
    this.#stopBinding = this.#clock.timer(() => {
      this.#metrics.bind();
      this.#bindLater();
    }, BIND_INTERVAL_MILLIS);
  }
}

function flushTimeout(options: FlushOptions | undefined): number {
  const millis = options?.timeoutMillis;
  return typeof millis === 'number' && millis >= 0 ? millis : FLUSH_TIMEOUT_MILLIS;
}
