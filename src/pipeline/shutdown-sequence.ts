/** Ends a processor: by `shutdown()`, when the event loop runs empty, or at the exit of the process. */

import { type Clock, settledWithin } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import type { Driver } from '../delivery/driver.ts';
import { type AnyLogRecordExporter, callExporter, type ExporterFlush } from '../delivery/exporter-sender.ts';
import type { FlushResult, Patience } from '../delivery/flush-requests.ts';
import type { DurableQueue } from '../durable/durable-queue.ts';
import type { ShutdownSettings } from '../options/option-groups.ts';
import { flushBeforeExit, type ProcessEvents, storeAtExit, storeOnSignal } from '../process/exit-hooks.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { Backpressure } from '../queue/backpressure.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { MemoryLimiter } from './memory-limiter.ts';

/** Share of a flush's or shutdown's time that is reserved for the disk. */
const DISK_TIME_SHARE = 0.2;
const MAX_DISK_TIME_MILLIS = 1_000;
/** After a flush at the natural end, a process that goes on sends again. */
const RESUME_MILLIS = 10;

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
  /** Aborts when the wait for the destination ends. */
  readonly #sending = new AbortController();
  #offeredAtExitFlush = 0;
  #shutdown: Promise<void> | undefined;
  /** A field like the next one, not a getter: both are read for every record. */
  isShutDown = false;
  /** Records admitted from now on are stored synchronously, or dropped. */
  isExiting = false;

  /** @param beforeExitTimeoutMillis how long a flush may keep a finished process alive. */
  constructor(parts: ShutdownParts, beforeExitTimeoutMillis: number) {
    this.#parts = parts;
    const { spiller } = parts.queue;
    this.#beforeExitTimeoutMillis = beforeExitTimeoutMillis;
    this.#stopExitFlush = flushBeforeExit(() => this.#flushBeforeExit(), parts.process);
    this.#stopExitStore = storeAtExit(() => this.#exit(), parts.process);
    this.#stopSignalStore =
      spiller === undefined ? () => {} : storeOnSignal(() => spiller.copy(MAX_DISK_TIME_MILLIS));
  }

  get promise(): Promise<void> | undefined {
    return this.#shutdown;
  }

  /** @param isShorter whether a later call has a time limit of its own. */
  shutdown(settings: ShutdownSettings, isShorter: boolean): Promise<void> {
    if (this.#shutdown === undefined) {
      // First of all: code that is notified of the end, such as a diag logger, may call this again.
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

  /** Sends queued records; with a disk, stores those that cannot be sent in time. */
  async flush(timeoutMillis: number): Promise<FlushResult> {
    const { queue, durable, clock } = this.#parts;
    const deadline = clock.now() + timeoutMillis;
    const upTo = queue.seal();
    const result = await this.#send(clock.now() + this.#sendingMillis(timeoutMillis), false);
    // A concurrent shutdown may have ended the sending.
    if (durable === undefined || (result === 'done' && !this.isShutDown)) return result;
    await queue.spiller?.drain(Math.max(0, deadline - clock.now()), false);
    if (queue.isStoredUpTo(upTo)) return 'done';
    return result === 'done' ? 'timeout' : result;
  }

  /** Stores or drops all records synchronously: at the exit, nothing asynchronous happens any more. */
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
    // Order: queued records are sent as far as the deadline and the destination's health allow; the rest is stored or
    // dropped; the exporter, which nothing needs any more, ends last.
    durable?.replay.pause();
    if (strategy !== 'immediate') {
      if (strategy === 'flush') driver.stopRetrying();
      const sendingUntil = clock.now() + this.#sendingMillis(timeoutMillis);
      const result = await this.#send(sendingUntil, true);
      // Without its answer, a replay would be sent again by the next process.
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

  /** Sends queued records, and flushes the exporter. */
  #send(deadline: number, isEnd: boolean, patience?: Patience): Promise<FlushResult> {
    const { driver, clock, exporterFlush } = this.#parts;
    const flushing = driver.flush(deadline - clock.now(), isEnd, patience);
    return exporterFlush.during(flushing, deadline, this.#sending.signal);
  }

  /** A slow disk finishes after the deadline, or at the exit of the process. */
  async #closeDisk(deadline: number): Promise<void> {
    const { durable, clock } = this.#parts;
    if (durable === undefined) return;
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const cancel = clock.timer(resolve, Math.max(0, deadline - clock.now()), true);
    await Promise.race([durable.close().then(() => this.#stopExitStore()), isLate]);
    cancel();
  }

  /** Stops sending; the remaining records then have a little time to reach the disk. */
  #stopSending(): void {
    const { driver, durable } = this.#parts;
    this.#sending.abort();
    if (durable === undefined) driver.stop();
    else driver.pause();
  }

  /**
   * Flushes once for the records emitted so far: a failing destination must not keep a finished process alive. With a
   * disk, which takes what is left, no back-off is waited out. Replays begin until then, and those in progress are waited
   * for: without its answer, each would be sent again by the next process.
   */
  async #flushBeforeExit(): Promise<void> {
    const { queue, driver, durable, telemetry, clock, exporterFlush } = this.#parts;
    const { offered } = telemetry.ledger;
    const isEmpty = queue.oldestAt === Number.POSITIVE_INFINITY && !exporterFlush.isDue;
    const isFlushed = isEmpty || offered === this.#offeredAtExitFlush;
    if (isFlushed && !durable?.replay.isSending) return;
    this.#offeredAtExitFlush = offered;
    const deadline = clock.now() + this.#beforeExitTimeoutMillis;
    if (!isFlushed) await this.#send(deadline, true, durable && 'answers');
    durable?.replay.pause();
    await durable?.replay.ended(Math.max(0, deadline - clock.now()), this.#sending.signal);
    if (this.isShutDown) return;
    driver.suspend();
    this.#resumeIfAlive();
  }

  /** An export that cannot be cancelled keeps the process alive, and is no sign that it goes on. */
  #resumeIfAlive(): void {
    const { driver, durable, clock } = this.#parts;
    const wasExporting = driver.isExporting;
    clock.timer(() => {
      if (this.isShutDown) return;
      if (wasExporting || driver.isExporting) {
        this.#resumeIfAlive();
        return;
      }
      driver.resume();
      durable?.replay.resume();
    }, RESUME_MILLIS);
  }

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

/** Calls a method of the exporter. Never rejects, but may never settle. */
export function callExporterOf(
  { exporter, telemetry }: Pick<ShutdownParts, 'exporter' | 'telemetry'>,
  method: 'forceFlush' | 'shutdown',
): Promise<void> {
  return callExporter(exporter, method, (error) =>
    telemetry.diagnostics.warn(method, `the exporter's ${method}() failed: ${messageOf(error)}`),
  );
}
