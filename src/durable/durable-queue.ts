/** The disk behind the memory queue: what spills into it, what comes back, and how both end. */

import type { Clock } from '../common/clock.ts';
import type { DropReason } from '../common/errors.ts';
import type { SeverityCounts } from '../common/severity-counts.ts';
import type { SpoolSettings } from '../options/spool-settings.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { BatchCodec, LogBatch } from '../queue/log-batch.ts';
import { nodeFiles, type SpoolFiles } from '../spool/format/file-system.ts';
import { Spool } from '../spool/spool.ts';
import { BatchScheduler } from './batch-scheduler.ts';
import { Replay } from './replay.ts';
import { Spiller } from './spiller.ts';

/** What the disk tells of its work; it knows nothing of who counts it. */
export interface DurableQueueListener {
  /** So many records of others are this processor's now; fewer than none when others took over records of its own. */
  recovered(records: number): void;
  dropped(reason: DropReason, records: number, wasPassed: boolean, severities?: SeverityCounts): void;
  warn(topic: string, message: string): void;
  /** The driver has something new to look at. */
  wake(): void;
}

export class DurableQueue<B extends LogBatch> {
  /** Where the driver gets its batches: the queue, and what comes back from disk. */
  readonly scheduler: BatchScheduler<B>;
  readonly #spool: Spool;
  readonly #spiller: Spiller<B>;
  readonly #replay: Replay<B>;

  constructor(
    settings: SpoolSettings,
    queue: AsyncSinkQueue<B>,
    codec: BatchCodec<B>,
    maxConcurrentExports: number,
    listener: DurableQueueListener,
    clock: Clock,
    files: SpoolFiles = nodeFiles,
  ) {
    const dropped = listener.dropped.bind(listener);
    const warn = listener.warn.bind(listener);
    const spoolListener = {
      recovered: (records: number) => {
        listener.recovered(records);
        this.#replay.wake();
      },
      takenOver: (records: number) => {
        this.#replay.dropTakenOver();
        listener.recovered(-records - queue.disk.dropTakenOver());
      },
      wake: () => {
        this.#spiller.wake();
        this.#replay.wake();
        listener.wake();
      },
      dropped,
      warn,
    };
    this.#spool = new Spool(settings, spoolListener, clock, files);
    this.#spiller = new Spiller(queue, this.#spool, codec, settings, warn, clock);
    const replaySettings = {
      maxReplayBytes: settings.maxReplayBytes,
      maxReplays: Math.max(1, Math.floor(maxConcurrentExports * settings.replayShare)),
    };
    const wake = () => listener.wake();
    this.#replay = new Replay(this.#spool, codec, replaySettings, { dropped, warn, wake }, clock);
    this.scheduler = new BatchScheduler(queue, this.#replay, this.#spool, settings.replayShare, (batch) =>
      this.#spiller.moveToDisk(batch),
    );
  }

  /** @throws SpillwayError `ERR_SPILLWAY_OPTION` for a directory that cannot be used, or should not. */
  open(): void {
    this.#spool.open();
    this.#spiller.wake();
  }

  /** Makes all counts agree: what the spool has done is told to the listener in a turn of its own. */
  settleAccounts(): void {
    this.#spool.deliverEvents();
  }

  /** Records on disk that are neither in memory nor on their way to the exporter. */
  get records(): number {
    return this.#spool.records - this.#replay.inFlightRecords;
  }

  /** On disk, all in all. */
  get bytes(): number {
    return this.#spool.bytes;
  }

  get replayingRecords(): number {
    return this.#replay.inFlightRecords;
  }

  get replayingBytes(): number {
    return this.#replay.inFlightBytes;
  }

  /** When the oldest of its records was admitted, milliseconds since the Unix epoch; undefined when there is none. */
  get oldestUnixMillis(): number | undefined {
    return this.#spool.oldestUnixMillis;
  }

  /** Records that came from disk and are done with, since this process began. */
  get replayedRecords(): number {
    return this.#replay.replayedRecords;
  }

  /** Why nothing is written at the moment; undefined when all is well. */
  get degradedBecause(): string | undefined {
    return this.#spool.degradedBecause;
  }

  get isUsable(): boolean {
    return this.#spool.isUsable;
  }

  /** The memory queue has changed. */
  wake(): void {
    this.#spiller.wake();
  }

  makeRoom(): boolean {
    return this.#spiller.makeRoom();
  }

  breakerChanged(isClosed: boolean): void {
    this.#spiller.breakerChanged(isClosed);
  }

  memoryChanged(isShort: boolean): void {
    this.#spiller.memoryChanged(isShort);
  }

  /** Nothing more is read back, and nothing more of it is sent: it is safe where it is. */
  stopReplaying(): void {
    this.#replay.pause();
  }

  /** Resolves when no replay is in flight any more, when the signal aborts, or after `timeoutMillis`. Never rejects. */
  replaysEnded(timeoutMillis: number, signal: AbortSignal): Promise<void> {
    return this.#replay.ended(timeoutMillis, signal);
  }

  /**
   * Puts everything on disk that is in memory, in flight included, as far as `timeoutMillis` allow. Never rejects.
   * @param isLast whether there will be no other time: what is left then is written synchronously.
   */
  drain(timeoutMillis: number, isLast: boolean): Promise<void> {
    return this.#spiller.drain(timeoutMillis, isLast);
  }

  /** The same, but what waits stays in memory as well, to be sent by this process. Never rejects. */
  copy(timeoutMillis: number): Promise<void> {
    return this.#spiller.copy(timeoutMillis);
  }

  /** Everything at once, for a process that is about to be gone. Never throws. */
  storeAtExit(): void {
    this.#spiller.storeAtExit();
    // There may be no other turn.
    this.#spool.deliverEvents();
  }

  /** Leaves what is on disk to whoever comes next. Never rejects. */
  async close(): Promise<void> {
    this.#spiller.stop();
    this.#replay.stop();
    await this.#spool.close();
  }

  closeSync(): void {
    this.#spiller.stop();
    this.#replay.stop();
    this.#spool.closeSync();
  }
}
