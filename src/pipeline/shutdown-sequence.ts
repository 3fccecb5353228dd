/** How a processor ends: by `shutdown()`, by an event loop that runs empty, or by the exit of the process. */

import { type Clock, settledWithin } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import type { Driver } from '../delivery/driver.ts';
import type { ExporterFlush } from '../delivery/exporter-flush.ts';
import { type AnyLogRecordExporter, callExporter } from '../delivery/exporter-sender.ts';
import type { FlushResult } from '../delivery/flush-requests.ts';
import type { DurableQueue } from '../durable/durable-queue.ts';
import type { ShutdownSettings } from '../options/option-groups.ts';
import { flushBeforeExit, type ProcessEvents, storeAtExit } from '../process/exit-hooks.ts';
import { storeOnSignal } from '../process/signal-store.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { Backpressure } from '../queue/backpressure.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { MemoryLimiter } from './memory-limiter.ts';

/** Of the time a flush or a shutdown has, what is kept for the disk … */
const DISK_TIME_SHARE = 0.2;
/** … at most. */
const MAX_DISK_TIME_MILLIS = 1_000;

/** The parts that have to end. */
export interface ShutdownParts {
  readonly exporter: AnyLogRecordExporter;
  readonly queue: AsyncSinkQueue<LogBatch>;
  readonly driver: Driver<LogBatch>;
  readonly durable: DurableQueue<LogBatch> | undefined;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly process: ProcessEvents;
  readonly exporterFlush: ExporterFlush;
  readonly backpressure: Backpressure;
  readonly memoryLimiter: MemoryLimiter | undefined;
}

export class ShutdownSequence {
  readonly #parts: ShutdownParts;
  readonly #beforeExitTimeoutMillis: number;
  readonly #stopExitFlush: () => void;
  readonly #stopExitStore: () => void;
  readonly #stopSignalStore: () => void;
  /** Aborts when a shutdown has to end before its own deadline. */
  readonly #cutShort = new AbortController();
  /** Aborts when the destination is not waited for any longer. */
  readonly #sending = new AbortController();
  #offeredAtExitFlush = 0;
  #shutdown: Promise<void> | undefined;
  /** Whether `shutdown` was called. A field, like the next one: both are looked at for every record. */
  isShutDown = false;
  /** Whether the process is ending: what is admitted from now on goes to disk at once, or nowhere. */
  isExiting = false;

  /** @param beforeExitTimeoutMillis how long a process that wants to end by itself is kept alive for a flush. */
  constructor(parts: ShutdownParts, beforeExitTimeoutMillis: number) {
    this.#parts = parts;
    const { spiller } = parts.queue;
    this.#beforeExitTimeoutMillis = beforeExitTimeoutMillis;
    this.#stopExitFlush = flushBeforeExit(() => this.#flushBeforeExit(), parts.process);
    this.#stopExitStore = storeAtExit(() => this.#exit(), parts.process);
    this.#stopSignalStore =
      spiller === undefined ? () => {} : storeOnSignal(() => spiller.copy(MAX_DISK_TIME_MILLIS));
  }

  /** The promise of the shutdown; undefined before it was called. */
  get promise(): Promise<void> | undefined {
    return this.#shutdown;
  }

  /** @param isShorter whether a call that is not the first one comes with a time limit of its own. */
  shutdown(settings: ShutdownSettings, isShorter: boolean): Promise<void> {
    if (this.#shutdown === undefined) {
      // Before anything else happens: whoever hears of the end, a diag logger for one, may call this again.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#shutdown = promise;
      this.isShutDown = true;
      void this.#end(settings).finally(resolve);
    } else if (settings.strategy === 'immediate') {
      this.#stopSending();
    } else if (isShorter) {
      this.#parts.clock.timer(() => this.#cutShort.abort(), settings.timeoutMillis);
    }
    return this.#shutdown;
  }

  /** Sends what is queued; what cannot be sent in time is put on disk, if there is one. */
  async flush(timeoutMillis: number): Promise<FlushResult> {
    const { queue, durable, clock } = this.#parts;
    const deadline = clock.now() + timeoutMillis;
    const upTo = queue.seal();
    const result = await this.#send(clock.now() + this.#sendingMillis(timeoutMillis), false);
    // A shutdown that came meanwhile may have ended the sending.
    if (durable === undefined || (result === 'done' && !this.isShutDown)) return result;
    await queue.spiller?.drain(Math.max(0, deadline - clock.now()), false);
    if (queue.isStoredUpTo(upTo)) return 'done';
    return result === 'done' ? 'timeout' : result;
  }

  /**
   * What was admitted at the last moment of the process, and what waits: nothing asynchronous will happen any more. It
   * goes to disk or is dropped.
   */
  storeAtExit(): void {
    const { queue, driver, durable } = this.#parts;
    queue.abandonAdmission('shutdown');
    if (durable === undefined) {
      driver.stop();
      queue.discard('shutdown');
    } else {
      durable.storeAtExit();
      queue.discardUnstored('shutdown');
    }
  }

  async #end({ strategy, timeoutMillis }: ShutdownSettings): Promise<void> {
    const { queue, driver, durable, telemetry, clock, backpressure, memoryLimiter } = this.#parts;
    const { ledger, diagnostics } = telemetry;
    const deadline = clock.now() + timeoutMillis;
    const lostBefore = ledger.dropped.shutdown;
    this.#stopExitFlush();
    this.#stopSignalStore();
    backpressure.close();
    memoryLimiter?.stop();
    telemetry.marker?.flush();
    telemetry.marker?.close();
    this.#cutShort.signal.addEventListener('abort', () => this.#stopSending());
    // The order: what is queued goes first, as far as the deadline and the destination's health allow; then
    // the leftovers go to disk, or are dropped; only then the exporter goes, which nothing needs any more.
    durable?.replay.pause();
    if (strategy !== 'immediate') {
      if (strategy === 'flush') driver.stopRetrying();
      const sendingUntil = clock.now() + this.#sendingMillis(timeoutMillis);
      const result = await this.#send(sendingUntil, true);
      // A replay whose answer is not heard would be sent again by the next process.
      if (result === 'done') {
        await durable?.replay.ended(Math.max(0, sendingUntil - clock.now()), this.#sending.signal);
      }
    }
    if (durable !== undefined) {
      driver.pause();
      await queue.spiller?.drain(Math.max(0, deadline - clock.now()), true);
    }
    driver.stop();
    const exporterEnded = callExporterOf(this.#parts, 'shutdown');
    await Promise.all([
      settledWithin(exporterEnded, deadline - clock.now(), clock, { signal: this.#cutShort.signal }),
      this.#closeDisk(deadline),
    ]);
    if (durable === undefined) this.#stopExitStore();
    telemetry.close();
    diagnostics.lostAtEnd(ledger.dropped.shutdown - lostBefore, 'it was shut down', ledger.lastError);
  }

  /** Sends what is queued, and has the exporter send what it keeps. */
  #send(deadline: number, isEnd: boolean): Promise<FlushResult> {
    const { driver, clock, exporterFlush } = this.#parts;
    const flushing = driver.flush(deadline - clock.now(), isEnd);
    return exporterFlush.during(flushing, deadline, this.#sending.signal);
  }

  /** What a slow disk has not done by the deadline it does afterwards, or at the exit of the process. */
  async #closeDisk(deadline: number): Promise<void> {
    const { durable, clock } = this.#parts;
    if (durable === undefined) return;
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const cancel = clock.timer(resolve, Math.max(0, deadline - clock.now()), true);
    await Promise.race([durable.close().then(() => this.#stopExitStore()), isLate]);
    cancel();
  }

  /** Without waiting for the destination any more; what is left then has a little time to get to disk. */
  #stopSending(): void {
    const { driver, durable } = this.#parts;
    this.#sending.abort();
    if (durable === undefined) driver.stop();
    else driver.pause();
  }

  /**
   * Once for the records emitted so far: a destination that is down must not keep a process alive that wants
   * to end.
   */
  async #flushBeforeExit(): Promise<void> {
    const { queue, telemetry, clock, exporterFlush } = this.#parts;
    const { offered } = telemetry.ledger;
    const isEmpty = queue.oldestAt === Number.POSITIVE_INFINITY && !exporterFlush.isDue;
    if (isEmpty || offered === this.#offeredAtExitFlush) return;
    this.#offeredAtExitFlush = offered;
    await this.#send(clock.now() + this.#beforeExitTimeoutMillis, true);
  }

  /** The last moment of the process. */
  #exit(): void {
    const { durable, telemetry } = this.#parts;
    const { ledger, marker, diagnostics } = telemetry;
    const lostBefore = ledger.dropped.shutdown;
    this.isExiting = true;
    if (durable !== undefined) marker?.flush();
    this.storeAtExit();
    durable?.closeSync();
    diagnostics.close();
    diagnostics.lostAtEnd(ledger.dropped.shutdown - lostBefore, 'the process ended', ledger.lastError);
  }

  #sendingMillis(timeoutMillis: number): number {
    if (this.#parts.durable === undefined) return timeoutMillis;
    return timeoutMillis - Math.min(MAX_DISK_TIME_MILLIS, timeoutMillis * DISK_TIME_SHARE);
  }
}

/** Calls a method of the exporter's own; never rejects, but may never end. */
export function callExporterOf(
  { exporter, telemetry }: Pick<ShutdownParts, 'exporter' | 'telemetry'>,
  method: 'forceFlush' | 'shutdown',
): Promise<void> {
  return callExporter(exporter, method, (error) =>
    telemetry.diagnostics.warn(method, `the exporter's ${method}() failed: ${messageOf(error)}`),
  );
}
