/** Decides which batches of the queue go to disk, and when; writes them without anybody waiting for it. */

import type { Cancel, Clock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import type { SpoolSettings } from '../options/spool-settings.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { BatchCodec, LogBatch } from '../queue/log-batch.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import type { NewEntry, SpoolEntry } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';
import { BurstWrites } from './burst-writes.ts';
import { LateAttributes } from './late-attributes.ts';
import { SpoolCopy } from './spool-copy.ts';

/** Fuller than this, the queue has its oldest batches written to disk … */
const HIGH_WATER = 0.7;
/** … until it will be no fuller than this. */
const LOW_WATER = 0.4;
/** Bytes on their way to disk at once: what is being written can neither be sent nor dropped. */
const MAX_STORING_BYTES = 8 * 1024 * 1024;
/** However small: they are passed over each time that a batch is looked for. */
const MAX_STORING_BATCHES = 512;

type Settings = Pick<SpoolSettings, 'mode' | 'spillAfterOpenMillis' | 'exitMaxBytes' | 'exitTimeoutMillis'>;

/**
 * In `always` mode every batch is written as soon as it is closed, and may only be sent from then on. In
 * `overflow` mode batches are written when the queue fills up, when the destination has been down for a while, and at the
 * end. What lacks attributes of its resource that may still come waits some seconds, unless the process ends or there is no
 * room. Either way a batch that is on disk stays in memory for as long as there is room.
 */
export class Spiller<B extends LogBatch> {
  readonly #queue: AsyncSinkQueue<B>;
  readonly #spool: Spool;
  readonly #codec: BatchCodec<B>;
  readonly #settings: Settings;
  readonly #warn: (topic: string, message: string) => void;
  readonly #clock: Clock;
  #storingBatches = 0;
  #storingRecords = 0;
  #storingBytes = 0;
  #turnIsDue = false;
  /** When the breaker left its closed state; Infinity while it is in it. */
  #brokenSince = Number.POSITIVE_INFINITY;
  /** How many ask for all that waits to leave memory. */
  #drains = 0;
  /** How many ask for a copy of all that is in memory. */
  #copies = 0;
  #isMemoryShort = false;
  readonly #late: LateAttributes;
  /** Whether the process ends: nothing is waited for any more. */
  #isLast = false;
  readonly #burstWrites = new BurstWrites();
  /** What was written at the exit, and how long that took. */
  #exitBytes = 0;
  #exitMillis = 0;
  #cancelTimer: Cancel | undefined;
  #drained: (() => void)[] = [];

  constructor(
    queue: AsyncSinkQueue<B>,
    spool: Spool,
    codec: BatchCodec<B>,
    settings: Settings,
    warn: (topic: string, message: string) => void,
    clock: Clock,
  ) {
    this.#queue = queue;
    this.#spool = spool;
    this.#codec = codec;
    this.#settings = settings;
    this.#warn = warn;
    this.#clock = clock;
    this.#late = new LateAttributes(clock, () => this.wake());
  }

  /** Something may have to be written. Cheap and harmless however often it is called. */
  wake(): void {
    if (this.#turnIsDue) return;
    this.#turnIsDue = true;
    this.#clock.immediate(() => {
      this.#turnIsDue = false;
      this.#turn();
    });
  }

  breakerChanged(isClosed: boolean): void {
    if (isClosed) this.#brokenSince = Number.POSITIVE_INFINITY;
    else this.#brokenSince = Math.min(this.#brokenSince, this.#clock.now());
    this.wake();
  }

  memoryChanged(isShort: boolean): void {
    this.#isMemoryShort = isShort;
    this.wake();
  }

  /**
   * Writes everything that is in memory, in flight included. Resolves when that is done, has failed, or
   * `timeoutMillis` have passed; never rejects.
   * @param isLast whether there will be no other time: what is left then is written synchronously.
   */
  async drain(timeoutMillis: number, isLast: boolean): Promise<void> {
    this.#drains++;
    this.#isLast ||= isLast;
    if (isLast) this.#spool.retryNow();
    const isInTime = await this.#written(timeoutMillis);
    if (!isInTime && isLast) this.storeAtExit();
    this.#drains--;
    this.wake();
  }

  /** The same, but what waits stays in memory as well, to be sent by this process. */
  async copy(timeoutMillis: number): Promise<void> {
    this.#copies++;
    await this.#written(timeoutMillis);
    this.#copies--;
    this.wake();
  }

  /** A batch that waits in the queue is to leave memory, if it is not done with already. */
  moveToDisk(batch: QueuedBatch<B>): void {
    if (batch.place !== 'gone' && batch.isStorable) this.#store(batch, true);
    else this.wake();
  }

  /**
   * Puts a batch on disk at once: a burst in one turn of the event loop leaves no time for anything else, and
   * costs what the writing costs. What is in flight comes last: it stays in memory, but others may have its place.
   * @returns whether there is more room now, or another batch that could be tried.
   */
  makeRoom(): boolean {
    if (!this.#spool.isUsable) return false;
    const startedAt = this.#clock.now();
    this.#sealIfNothingElse();
    if (!this.#burstWrites.mayWrite(startedAt)) {
      // What is on its way to disk is not lost, and leaves room as soon as it is there.
      this.#storeWhile(() => true, true, false);
      return false;
    }
    let [batch] = this.#queue.disk.storable();
    if (batch === undefined && this.#storingBatches === 0) {
      [batch] = this.#queue.disk.storableInFlight();
      if (batch === undefined) return false;
    }
    if (batch === undefined) this.#spool.flushSync();
    else this.#storeNow(batch);
    const now = this.#clock.now();
    if (this.#burstWrites.wrote(now - startedAt, now)) {
      this.#warn(
        'slow disk',
        'the disk is too slow for bursts: records that do not fit into the queue are dropped',
      );
    }
    if (batch === undefined) return this.#storingBatches === 0;
    // Another one may be storable.
    if (batch.copy === undefined) return this.#spool.isUsable;
    this.#queue.disk.release(batch);
    return true;
  }

  /** Closes what is open when there is nothing else that could be written. */
  #sealIfNothingElse(): void {
    if (this.#storingBatches === 0 && this.#queue.disk.storable().next().done) this.#queue.disk.seal();
  }

  /**
   * Writes everything, in flight included, before the process is gone; within the bounds of the settings, which hold for
   * all calls together: listeners of the exit may log, and each record of theirs comes here.
   */
  storeAtExit(): void {
    const { exitMaxBytes, exitTimeoutMillis } = this.#settings;
    this.#spool.retryNow();
    this.#queue.disk.retryRefused();
    this.#queue.seal();
    const batches = [...this.#queue.disk.storableInFlight(), ...this.#queue.disk.storable()];
    // What is protected is lost last.
    for (const batch of batches.toSorted((a, b) => Number(b.isProtected) - Number(a.isProtected))) {
      const { bytes } = batch.contents;
      if (this.#exitMillis > exitTimeoutMillis || this.#exitBytes + bytes > exitMaxBytes) break;
      const startedAt = this.#clock.now();
      this.#storeNow(batch);
      this.#exitBytes += bytes;
      this.#exitMillis += this.#clock.now() - startedAt;
    }
    this.#spool.flushSync();
  }

  /** Ends the timers. */
  stop(): void {
    this.#cancelTimer?.();
    this.#queue.disk.isWriteAhead = false;
  }

  #turn(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const now = this.#clock.now();
    const { isUsable } = this.#spool;
    const isAlways = this.#settings.mode === 'always';
    this.#queue.disk.isWriteAhead = isAlways && isUsable;
    if (!isUsable) {
      this.#endDrains();
      return;
    }
    const spillsAt = this.#brokenSince + this.#settings.spillAfterOpenMillis;
    const freesMemory = this.#drains > 0 || this.#isMemoryShort || spillsAt <= now;
    // A disk that is too slow for bursts is given all the time there is: it begins early, and leaves nothing.
    const isQuick = this.#burstWrites.mayWrite(now);
    const highWater = isQuick ? HIGH_WATER : LOW_WATER;
    const lowWater = isQuick ? LOW_WATER : 0;
    let next = spillsAt > now ? spillsAt : Number.POSITIVE_INFINITY;
    if (isAlways || freesMemory) next = Math.min(next, this.#queue.disk.sealDue(now));
    if (isAlways || this.#copies > 0) this.#storeWhile(() => true, freesMemory);
    else if (freesMemory) this.#storeWhile(() => true, true);
    else if (this.#queue.pressure > highWater) {
      if (!isQuick) this.#sealIfNothingElse();
      this.#storeWhile(
        () => this.#queue.pressureWithout(this.#storingRecords, this.#storingBytes) > lowWater,
        true,
      );
    }
    if (this.#drains + this.#copies > 0) this.#storeInFlight();
    this.#queue.disk.releaseAbandoned();
    if (freesMemory) this.#queue.disk.releaseStored(() => true);
    else if (this.#queue.pressure > highWater)
      this.#queue.disk.releaseStored(() => this.#queue.pressure > lowWater);
    if (next !== Number.POSITIVE_INFINITY)
      this.#cancelTimer = this.#clock.timer(() => this.#turn(), next - now);
    this.#endDrains();
  }

  #storeWhile(isWanted: () => boolean, freesMemory: boolean, canWait = !this.#isLast): void {
    for (const batch of [...this.#queue.disk.storable()]) {
      if (this.#isStoringEnough() || !isWanted()) return;
      if (canWait && this.#late.isAwaited(batch.contents)) continue;
      if (freesMemory || !batch.wasEvicted) this.#store(batch, freesMemory);
    }
  }

  #storeInFlight(): void {
    for (const batch of [...this.#queue.disk.storableInFlight()]) {
      if (this.#isStoringEnough()) return;
      this.#store(batch, false);
    }
  }

  #isStoringEnough(): boolean {
    return this.#storingBytes >= MAX_STORING_BYTES || this.#storingBatches >= MAX_STORING_BATCHES;
  }

  #store(batch: QueuedBatch<B>, freesMemory: boolean): void {
    const { records, bytes } = batch.contents;
    batch.writeBegan();
    const entry = this.#entryOf(batch);
    if (entry === undefined) return;
    this.#storingBatches++;
    this.#storingRecords += records;
    this.#storingBytes += bytes;
    this.#spool.store(entry, (stored) => {
      this.#storingBatches--;
      this.#storingRecords -= records;
      this.#storingBytes -= bytes;
      this.#stored(batch, stored);
      if (freesMemory && stored !== undefined) this.#queue.disk.release(batch);
      // There may be more, if there was too much for once; if it failed, the spool says when it is usable again.
      this.wake();
    });
  }

  #storeNow(batch: QueuedBatch<B>): void {
    batch.writeBegan();
    const entry = this.#entryOf(batch);
    if (entry !== undefined) this.#stored(batch, this.#spool.appendSync(entry));
  }

  #stored(batch: QueuedBatch<B>, entry: SpoolEntry | undefined): void {
    if (entry === undefined) {
      // A spool that works and yet will not have it would be asked for ever.
      this.#queue.disk.writeEnded(batch, this.#spool.isUsable ? 'refused' : 'failed');
    } else {
      this.#queue.disk.writeEnded(batch, new SpoolCopy(this.#spool, entry, batch.offset));
    }
  }

  #entryOf(batch: QueuedBatch<B>): NewEntry | undefined {
    const { contents, history, isProtected, openedAt } = batch;
    try {
      return {
        payload: this.#codec.encode(contents),
        records: contents.records,
        severities: contents.severities(),
        openedAtUnixMillis: this.#clock.wallNow() - (this.#clock.now() - openedAt),
        attempts: history.attempts,
        isProtected,
      };
    } catch (error) {
      this.#warn('spool', `a batch cannot be stored: ${messageOf(error)}`);
      this.#queue.disk.writeEnded(batch, 'refused');
      return undefined;
    }
  }

  /** @returns whether what is in memory was written in time, as far as it can be. */
  #written(timeoutMillis: number): Promise<boolean> {
    this.#queue.disk.retryRefused();
    this.#queue.seal();
    this.#turn();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        resolve(true);
      };
      const late = () => {
        this.#drained = this.#drained.filter((other) => other !== done);
        resolve(false);
      };
      const cancel = this.#clock.timer(late, timeoutMillis, true);
      this.#drained.push(done);
      this.#endDrains();
    });
  }

  /** Keeps the promises of `drain` and `copy` when there is nothing left to write, or nowhere to write it. */
  #endDrains(): void {
    if (this.#drained.length === 0 || this.#storingBatches > 0) return;
    const isLeft =
      !this.#queue.disk.storable().next().done || !this.#queue.disk.storableInFlight().next().done;
    if (isLeft && this.#spool.isUsable) return;
    const waiting = this.#drained;
    this.#drained = [];
    for (const done of waiting) done();
  }
}
