/** Selects batches for the disk, has them written, and frees their memory. */

import { type Cancel, type Clock, coalesced, settledWithin } from '../common/clock.ts';
import { BurstWrites, type DiskWrites, type SpilledQueue } from './disk-writes.ts';
import type { LogBatch } from './log-batch.ts';
import type { Overflow } from './queue-contract.ts';
import type { QueuedBatch } from './queued-batch.ts';
import { spillPlan } from './spill-plan.ts';

export interface SpillSettings {
  /** `always`: only batches on disk may be sent. */
  readonly mode: 'overflow' | 'always';
  /** How long the breaker is not closed before all waiting batches go to disk. */
  readonly spillAfterOpenMillis: number;
  /** Limits for all writes at the exit of the process. */
  readonly exitMaxBytes: number;
  readonly exitTimeoutMillis: number;
}

export interface DiskBehind<B extends LogBatch> {
  readonly overflow: Overflow<B>;
  readonly settings: SpillSettings;
  readonly clock: Clock;
  readonly warn: (topic: string, message: string) => void;
}

/**
 * Stored batches stay in memory while there is room. Batches with unresolved resource attributes wait some seconds before
 * they are written, unless the process ends or there is no room.
 */
export class Spiller<B extends LogBatch> {
  readonly #queue: SpilledQueue<B>;
  readonly #writes: DiskWrites<B>;
  readonly #overflow: Overflow<B>;
  readonly #settings: SpillSettings;
  readonly #clock: Clock;
  readonly #warn: DiskBehind<B>['warn'];
  readonly #burstWrites = new BurstWrites();
  /** When the breaker left its closed state; undefined while it is closed. */
  #brokenSince: number | undefined;
  #isMemoryShort = false;
  /** Callers that want all waiting batches to leave memory. */
  #drains = 0;
  /** Callers that want a copy of everything in memory. */
  #copies = 0;
  /** Whether the process ends: no batch waits any more. */
  #isLast = false;
  /** Totals of all writes at the exit. */
  #exitBytes = 0;
  #exitMillis = 0;
  #cancelTimer: Cancel | undefined;
  /** Resolve the promises of `drain` and `copy`. */
  readonly #waiters = new Set<() => void>();
  /** Schedules a turn. Cheap and idempotent. */
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

  get isUsable(): boolean {
    return this.#overflow.isUsable;
  }

  /** Whether only batches with a copy on disk may be sent. */
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
   * Writes everything in memory, including batches in flight, for at most `timeoutMillis`; never rejects.
   * @param isLast whether there is no later time: the rest is then written synchronously.
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

  /** Like {@link drain}, but waiting batches stay in memory, to be sent by this process. */
  async copy(timeoutMillis: number): Promise<void> {
    this.#copies++;
    await this.#written(timeoutMillis);
    this.#copies--;
    this.wake();
  }

  moveToDisk(batch: QueuedBatch<B>): void {
    if (batch.isStorable) this.#writes.store(batch, true);
    else this.wake();
  }

  /** Frees room synchronously: a burst within one turn of the event loop lets no asynchronous write end. */
  makeRoom(isTooMuch: () => boolean): void {
    this.#writes.releaseStored(isTooMuch);
    while (isTooMuch() && this.#storeOneNow()) this.#writes.releaseStored(isTooMuch);
  }

  /** Writes everything before the process exits. The limits hold for all calls together: listeners of the exit may log. */
  storeAtExit(): void {
    const { exitMaxBytes, exitTimeoutMillis } = this.#settings;
    this.#overflow.retryNow();
    this.#sealAll();
    const batches = [...this.#writes.storableInFlight(), ...this.#writes.storable()];
    // Protected records first.
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
   * Batches in flight come last: they stay in memory, but other records may have their room.
   * @returns whether there is more room now, or another batch to try.
   */
  #storeOneNow(): boolean {
    if (!this.#overflow.isUsable) return false;
    const startedAt = this.#clock.now();
    this.#sealForWant();
    if (!this.#burstWrites.mayWrite(startedAt)) {
      // Batches being written are not lost, and leave room once they are stored.
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
    // Another batch may be storable.
    if (batch.copy === undefined) return this.#overflow.isUsable;
    this.#writes.release(batch);
    return true;
  }

  /** Closes open batches if there is nothing else to write. */
  #sealForWant(): void {
    if (this.#writes.batches === 0 && this.#writes.storable().next().done) this.#queue.waiting.sealAll();
  }

  /** Makes all batches writable, including refused ones: the disk may have room by now. */
  #sealAll(): void {
    const { waiting, inFlight, wake } = this.#queue;
    for (const batch of [...waiting, ...inFlight]) batch.retryRefused();
    waiting.sealAll();
    wake();
  }

  /** @returns whether everything that can be written was written in time. */
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

  /** Resolves `drain` and `copy` when nothing is left to write, or the disk is unusable. */
  #resolveWaiters(): void {
    if (this.#waiters.size === 0 || this.#writes.batches > 0) return;
    const isLeft = !this.#writes.storable().next().done || !this.#writes.storableInFlight().next().done;
    if (isLeft && this.#overflow.isUsable) return;
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}
