/** Picks what of the queue goes to disk, has it written without anybody waiting for it, and frees the memory of it. */

import { type Cancel, type Clock, coalesced, settledWithin } from '../common/clock.ts';
import { BurstWrites } from './burst-writes.ts';
import type { DiskWrites, SpilledQueue } from './disk-writes.ts';
import type { LogBatch } from './log-batch.ts';
import type { Overflow } from './overflow.ts';
import type { QueuedBatch } from './queued-batch.ts';
import { spillPlan } from './spill-plan.ts';

export interface SpillSettings {
  /** `always`: only what is on disk may be sent. */
  readonly mode: 'overflow' | 'always';
  /** For how long the breaker is not closed before all that waits goes to disk. */
  readonly spillAfterOpenMillis: number;
  /** What may be written at the exit of the process, and for how long. */
  readonly exitMaxBytes: number;
  readonly exitTimeoutMillis: number;
}

/** The disk behind a queue. */
export interface DiskBehind<B extends LogBatch> {
  readonly overflow: Overflow<B>;
  readonly settings: SpillSettings;
  readonly clock: Clock;
  /** Something people should know of. */
  readonly warn: (topic: string, message: string) => void;
}

/**
 * A batch that is on disk stays in memory for as long as there is room. What lacks attributes of its resource that may still
 * come waits some seconds before it is written, unless the process ends or there is no room.
 */
export class Spiller<B extends LogBatch> {
  readonly #queue: SpilledQueue<B>;
  readonly #writes: DiskWrites<B>;
  readonly #overflow: Overflow<B>;
  readonly #settings: SpillSettings;
  readonly #clock: Clock;
  readonly #warn: DiskBehind<B>['warn'];
  readonly #burstWrites = new BurstWrites();
  /** When the breaker left its closed state; undefined while it is in it. */
  #brokenSince: number | undefined;
  #isMemoryShort = false;
  /** How many ask for all that waits to leave memory. */
  #drains = 0;
  /** How many ask for a copy of all that is in memory. */
  #copies = 0;
  /** Whether the process ends: nothing is waited for any more. */
  #isLast = false;
  /** What was written at the exit, and how long that took. */
  #exitBytes = 0;
  #exitMillis = 0;
  #cancelTimer: Cancel | undefined;
  /** Resolve the promises of `drain` and `copy`. */
  readonly #waiters = new Set<() => void>();
  /** Something may have to be written. Cheap and harmless however often it is called. */
  readonly wake: () => void;

  constructor(
    queue: SpilledQueue<B>,
    writes: DiskWrites<B>,
    { overflow, settings, clock, warn }: DiskBehind<B>,
  ) {
    this.#queue = queue;
    this.#writes = writes;
    this.#overflow = overflow;
    this.#settings = settings;
    this.#clock = clock;
    this.#warn = warn;
    this.wake = coalesced(clock, () => this.#turn());
  }

  /** Whether the disk may take something. */
  get isUsable(): boolean {
    return this.#overflow.isUsable;
  }

  /** Whether only what has a copy on disk may be sent. */
  get isWriteAhead(): boolean {
    return this.#settings.mode === 'always' && this.#overflow.isUsable;
  }

  breakerChanged(isClosed: boolean): void {
    this.#brokenSince = isClosed ? undefined : (this.#brokenSince ?? this.#clock.now());
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
    if (isLast) this.#overflow.retryNow();
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

  /** A batch that waits is to leave memory for the disk. */
  moveToDisk(batch: QueuedBatch<B>): void {
    if (batch.isStorable) this.#writes.store(batch, true);
    else this.wake();
  }

  /**
   * Has the disk take what it can, synchronously, as long as it is too much: a burst in one turn of the event loop leaves no
   * time for anything else, and costs what the writing costs.
   */
  makeRoom(isTooMuch: () => boolean): void {
    this.#writes.releaseStored(isTooMuch);
    while (isTooMuch() && this.#storeOneNow()) this.#writes.releaseStored(isTooMuch);
  }

  /**
   * Writes everything, in flight included, before the process is gone; within the bounds of the settings, which hold for
   * all calls together: listeners of the exit may log, and each record of theirs comes here.
   */
  storeAtExit(): void {
    const { exitMaxBytes, exitTimeoutMillis } = this.#settings;
    this.#overflow.retryNow();
    this.#sealAll();
    const batches = [...this.#writes.storableInFlight(), ...this.#writes.storable()];
    // What is protected is lost last.
    for (const batch of batches.toSorted((a, b) => Number(b.isProtected) - Number(a.isProtected))) {
      const { bytes } = batch.contents;
      if (this.#exitMillis > exitTimeoutMillis || this.#exitBytes + bytes > exitMaxBytes) break;
      const startedAt = this.#clock.now();
      this.#writes.storeNow(batch);
      this.#exitBytes += bytes;
      this.#exitMillis += this.#clock.now() - startedAt;
    }
    this.#overflow.flushNow();
  }

  /** Ends the timer. */
  stop(): void {
    this.#cancelTimer?.();
  }

  #turn(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#overflow.isUsable) this.#followPlan(this.#clock.now());
    this.#resolveWaiters();
  }

  #followPlan(now: number): void {
    const { occupancy, waiting } = this.#queue;
    const plan = spillPlan({
      ...this.#settings,
      pressure: Math.min(1, occupancy.pressure()),
      brokenMillis: this.#brokenSince === undefined ? undefined : now - this.#brokenSince,
      isMemoryShort: this.#isMemoryShort,
      isDraining: this.#drains > 0,
      isCopying: this.#copies > 0,
      isQuick: this.#burstWrites.mayWrite(now),
    });
    const { writeDownTo, releaseDownTo } = plan;
    const sealsAt = plan.sealsDue ? waiting.sealDue(now) : Number.POSITIVE_INFINITY;
    if (plan.sealsForWant) this.#sealForWant();
    if (writeDownTo !== undefined) {
      this.#storeWhile(() => occupancy.pressure(this.#writes.amount) > writeDownTo, plan.freesMemory);
    }
    if (plan.writesInFlight) {
      for (const batch of [...this.#writes.storableInFlight()]) {
        if (this.#writes.isEnough) break;
        this.#writes.store(batch, false);
      }
    }
    const before = waiting.records;
    for (const batch of [...waiting]) if (batch.place === 'leaving') this.#writes.release(batch);
    if (releaseDownTo !== undefined) this.#writes.releaseStored(() => occupancy.pressure() > releaseDownTo);
    if (waiting.records < before) this.#queue.wake();
    const at = Math.min(sealsAt, now + plan.againInMillis);
    if (at !== Number.POSITIVE_INFINITY) this.#cancelTimer = this.#clock.timer(() => this.#turn(), at - now);
  }

  #storeWhile(isWanted: () => boolean, freesMemory: boolean, canWait = !this.#isLast): void {
    for (const batch of [...this.#writes.storable()]) {
      if (this.#writes.isEnough || !isWanted()) return;
      if (canWait && !this.#overflow.prepare(batch)) continue;
      if (freesMemory || !batch.wasEvicted) this.#writes.store(batch, freesMemory);
    }
  }

  /**
   * What is in flight comes last: it stays in memory, but others may have its place.
   * @returns whether there is more room now, or another batch that could be tried.
   */
  #storeOneNow(): boolean {
    if (!this.#overflow.isUsable) return false;
    const startedAt = this.#clock.now();
    this.#sealForWant();
    if (!this.#burstWrites.mayWrite(startedAt)) {
      // What is on its way to disk is not lost, and leaves room as soon as it is there.
      this.#storeWhile(() => true, true, false);
      return false;
    }
    let [batch] = this.#writes.storable();
    if (batch === undefined && this.#writes.batches === 0) {
      [batch] = this.#writes.storableInFlight();
      if (batch === undefined) return false;
    }
    if (batch === undefined) this.#overflow.flushNow();
    else this.#writes.storeNow(batch);
    const now = this.#clock.now();
    if (this.#burstWrites.wrote(now - startedAt, now)) {
      this.#warn(
        'slow disk',
        'the disk is too slow for bursts: records that do not fit into the queue are dropped',
      );
    }
    if (batch === undefined) return this.#writes.batches === 0;
    // Another one may be storable.
    if (batch.copy === undefined) return this.#overflow.isUsable;
    this.#writes.release(batch);
    return true;
  }

  /** Closes what is open when there is nothing else that could be written. */
  #sealForWant(): void {
    if (this.#writes.batches === 0 && this.#writes.storable().next().done) this.#queue.waiting.sealAll();
  }

  /** All that waits can be tried; what the disk would not have as well: there may be room for it by now. */
  #sealAll(): void {
    const { waiting, inFlight, wake } = this.#queue;
    for (const batch of [...waiting, ...inFlight]) batch.retryRefused();
    waiting.sealAll();
    wake();
  }

  /** @returns whether what is in memory was written in time, as far as it can be. */
  async #written(timeoutMillis: number): Promise<boolean> {
    this.#sealAll();
    this.#turn();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    this.#resolveWaiters();
    const isInTime = await settledWithin(promise, timeoutMillis, this.#clock);
    this.#waiters.delete(resolve);
    return isInTime;
  }

  /** Keeps the promises of `drain` and `copy` when there is nothing left to write, or nowhere to write it. */
  #resolveWaiters(): void {
    if (this.#waiters.size === 0 || this.#writes.batches > 0) return;
    const isLeft = !this.#writes.storable().next().done || !this.#writes.storableInFlight().next().done;
    if (isLeft && this.#overflow.isUsable) return;
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}
