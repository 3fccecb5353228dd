/** The bounded queue between the application and the exporter: records go in one by one, batches come out. */

import type { DropReason } from '../common/errors.ts';
import { oneRecordOf, validSeverity } from '../common/severity-counts.ts';
import { AdmissionRules, type Restriction, severityOf } from './admission-rules.ts';
import { dropTakenOver } from './batch-deque.ts';
import { DiskWrites } from './disk-writes.ts';
import { Eviction } from './eviction.ts';
import type { EmittedRecord, LogBatch, OpenBatch, TakeSize } from './log-batch.ts';
import { halfOf, InFlight, Occupancy } from './occupancy.ts';
import type { BatchSource, QueueLimits, QueueListener } from './queue-contract.ts';
import { QueuedBatch } from './queued-batch.ts';
import { type DiskBehind, Spiller } from './spiller.ts';
import { WaitingBatches } from './waiting-batches.ts';

/**
 * Invariants, true whenever no method of the queue is running:
 * - waiting batches and batches in flight are together within `maxQueueSize` and `maxBytes`: settling a batch frees its
 *   room, taking it does not. If the disk takes no more, batches in flight with a copy there may be in excess, because they
 *   would otherwise displace other records;
 * - batches in flight use at most half of `maxQueueSize` and `maxQueueBytes`, except for a single batch and for probes;
 * - every admitted record is in exactly one place: waiting, in flight, settled, or reported to `dropped`.
 */
export class AsyncSinkQueue<B extends LogBatch> implements BatchSource<B> {
  readonly #limits: QueueLimits;
  readonly #fullBatchRecords: number;
  readonly #rules: AdmissionRules;
  readonly #openBatch: OpenBatch<B>;
  readonly #listener: QueueListener;
  readonly #now: () => number;
  readonly #waiting: WaitingBatches<B>;
  readonly #inFlight: InFlight<B>;
  readonly #occupancy: Occupancy<B>;
  readonly #eviction: Eviction<B>;
  readonly #writes: DiskWrites<B> | undefined;
  /** Decides which batches go to disk; undefined without a disk. */
  readonly spiller: Spiller<B> | undefined;
  #sequence = 0;
  #isAdmitting = false;
  /** Whether a record is being read and is in none of these places yet. */
  #isReading = false;

  constructor(
    limits: QueueLimits,
    openBatch: OpenBatch<B>,
    listener: QueueListener,
    now: () => number,
    disk?: DiskBehind<B>,
  ) {
    this.#limits = limits;
    this.#fullBatchRecords = limits.fullBatchRecords ?? limits.maxExportBatchSize;
    this.#rules = new AdmissionRules(limits);
    this.#openBatch = openBatch;
    this.#listener = listener;
    this.#now = now;
    this.#waiting = new WaitingBatches(limits.scheduledDelayMillis);
    const { maxQueueSize, maxQueueBytes } = limits;
    this.#inFlight = new InFlight({ records: halfOf(maxQueueSize), bytes: halfOf(maxQueueBytes) });
    this.#occupancy = new Occupancy(limits, this.#rules, this.#waiting, this.#inFlight);
    const parts = { occupancy: this.#occupancy, waiting: this.#waiting, inFlight: this.#inFlight };
    if (disk !== undefined) {
      const spilled = { ...parts, wake: () => listener.wake() };
      this.#writes = new DiskWrites(spilled, disk.overflow);
      this.spiller = new Spiller(spilled, this.#writes, disk);
    }
    this.#eviction = new Eviction({ ...parts, limits, rules: this.#rules, listener }, this.spiller);
  }

  /** Without those in flight. */
  get records(): number {
    return this.#waiting.records;
  }

  get bytes(): number {
    return this.#waiting.bytes;
  }

  get inFlightRecords(): number {
    return this.#inFlight.records;
  }

  get inFlightBytes(): number {
    return this.#inFlight.bytes;
  }

  /** `maxQueueBytes`, or less under memory pressure. */
  get maxBytes(): number {
    return this.#rules.maxBytes;
  }

  /** Fullness from 0 to 1, by records or by bytes, whichever is higher. */
  get pressure(): number {
    return Math.min(1, this.#occupancy.pressure());
  }

  /** When the oldest unsettled batch was opened; Infinity if there is none. */
  get oldestAt(): number {
    return this.#oldest((batch) => batch.openedAt);
  }

  /** Lowest sequence number of the unsettled batches; Infinity if there is none. */
  get oldestSequence(): number {
    return this.#oldest((batch) => batch.sequence);
  }

  /**
   * Admits a record, or reports it, or an older one in its place, as dropped. Never throws. Getters of the record and the
   * `diag` logger may run code of the application: its records are dropped as `self`, because the queue is being changed.
   */
  admit(record: EmittedRecord): void {
    if (this.#isAdmitting) {
      this.#listener.dropped('self', 1, false, oneRecordOf(severityOf(record)));
      return;
    }
    this.#isAdmitting = true;
    try {
      this.#admit(record);
    } finally {
      this.#isAdmitting = false;
    }
  }

  /** Drops the record whose admission is interrupted by the exit of the process, for instance in a getter. */
  abandonAdmission(reason: DropReason): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    for (const batch of [...this.#waiting]) this.#waiting.removeIfEmpty(batch);
    this.#listener.dropped(reason, 1, false, oneRecordOf(0));
  }

  #admit(record: EmittedRecord): void {
    let batch: QueuedBatch<B> | undefined;
    this.#isReading = true;
    try {
      const severity = validSeverity(record.severityNumber);
      const isProtected = severity >= this.#limits.protectSeverity;
      const refusal =
        this.#rules.refusal(severity, this.#occupancy.records(), this.#occupancy.bytes()) ??
        (this.#cannotMakeRoom(isProtected) ? 'queue_full' : undefined);
      if (refusal !== undefined) {
        this.#isReading = false;
        this.#listener.dropped(refusal, 1, false, oneRecordOf(severity));
        return;
      }
      batch = this.#waiting.openFor(isProtected) ?? this.#open(isProtected);
      let size = batch.contents.add(record);
      if (batch.contents.bytes > this.#limits.maxExportBatchBytes && batch.contents.records > 1) {
        // The record does not fit: it opens the next batch.
        batch.contents.pop();
        this.#seal(batch);
        batch = this.#open(isProtected);
        size = batch.contents.add(record);
      }
      this.#isReading = false;
      this.#waiting.gained(batch, 1, size);
    } catch {
      // A failed `add` leaves the batch unchanged.
      if (batch !== undefined) this.#waiting.removeIfEmpty(batch);
      const severities = oneRecordOf(severityOf(record));
      this.#isReading = false;
      this.#listener.dropped('unserializable', 1, false, severities);
      return;
    }
    const { records, bytes } = batch.contents;
    if (records >= this.#fullBatchRecords || bytes >= this.#limits.maxExportBatchBytes) {
      this.#seal(batch);
    }
    this.#eviction.relieve();
  }

  /** Closes open batches. @returns the highest sequence number so far. */
  seal(): number {
    this.#waiting.sealAll();
    this.#listener.wake();
    return this.#sequence;
  }

  /**
   * Takes the first batch that is due, with followers that fit. It is in flight until `settle`, `requeue` or `abandon`.
   * @param size limit above which the batch is split.
   * @param passOver names batches to take only if there are no others.
   */
  take(
    now: number,
    size: TakeSize = {},
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined {
    const batch = this.choose(now, size, passOver);
    return batch && this.send(batch, size);
  }

  /** Chooses the batch for `send`. @returns undefined also while it must wait for batches in flight. */
  choose(
    now: number,
    size: TakeSize,
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined {
    const batch = this.#waiting.next(now, this.#isWriteAhead(), passOver);
    // Probes are small and must not wait for requests that hang.
    const isProbe = size.maxRecords !== undefined;
    if (batch === undefined || isProbe || this.#inFlight.batches === 0) return batch;
    const { records, bytes } = batch.amountWithin(size);
    const { room } = this.#inFlight;
    if (records <= room.records && bytes <= room.bytes) return batch;
    this.#inFlight.keepBack();
    return undefined;
  }

  /** Takes the chosen batch, or the part of it that fits in one request. */
  send(batch: QueuedBatch<B>, size: TakeSize): QueuedBatch<B> {
    const most = batch.recordsWithin(size);
    const isWhole = batch.contents.records <= most;
    const taken = isWhole ? batch : this.#waiting.splitOff(batch, most);
    if (isWhole) this.#waiting.remove(batch);
    if (isWhole && size.maxRecords === undefined) {
      const { maxExportBatchSize, maxExportBatchBytes } = this.#limits;
      const { room } = this.#inFlight;
      const most = size.othersWait ? maxExportBatchSize : this.#fullBatchRecords;
      this.#waiting.mergeFollowers(batch, {
        records: Math.min(room.records, most),
        bytes: Math.min(room.bytes, maxExportBatchBytes, size.maxBytes ?? maxExportBatchBytes),
      });
    }
    this.#inFlight.add(taken);
    return taken;
  }

  /** The earliest time at which `take` returns a batch; Infinity if there is none, or if too much is in flight. */
  dueAt(now: number): number {
    return this.#inFlight.isKeptBack
      ? Number.POSITIVE_INFINITY
      : this.#waiting.dueAt(now, this.#isWriteAhead());
  }

  /** Ends a batch in flight, whatever its outcome, and frees its room. */
  settle(batch: QueuedBatch<B>): void {
    if (!this.#inFlight.remove(batch)) return;
    batch.settle();
    this.#writes?.noteBatch();
    // Another part of the batch may wait to leave memory.
    if (batch.copy !== undefined) this.spiller?.wake();
  }

  /** Returns a batch in flight to its place, in halves if `halve` is set, or drops it under memory pressure. */
  requeue(batch: QueuedBatch<B>, halve = false): void {
    if (!this.#inFlight.remove(batch)) return;
    if (!batch.isProtected && this.#rules.refusesUnprotected && batch.canLeave && !this.spiller?.isUsable) {
      this.#eviction.abandon(batch, 'memory_limit');
      return;
    }
    batch.requeue();
    const older = halve ? batch.halve() : undefined;
    this.#waiting.putBack(batch);
    if (older !== undefined) this.#waiting.putBack(older);
    this.#writes?.noteBatch();
    // The bound may have been lowered while the batch was in flight.
    this.#eviction.relieve();
    this.#listener.wake();
  }

  /** Lets batches with a back-off of their own be sent immediately. */
  retryNow(): void {
    for (const batch of this.#waiting) batch.retryNow();
  }

  /** Sets or removes memory pressure, and trims the queue to its bounds. */
  restrict(restriction?: Restriction): void {
    this.#rules.restrict(restriction);
    this.#eviction.relieve();
  }

  /** Removes unprotected waiting batches; records without a copy on disk are dropped. */
  discardUnprotected(reason: DropReason): void {
    this.#eviction.discardUnprotected(reason);
  }

  /** Drops waiting batches that were opened at `openedUntil` or before, except those on disk or being written. */
  expire(openedUntil: number, reason: DropReason): void {
    this.#eviction.expire(openedUntil, reason);
  }

  /** Removes all batches, including those in flight; records without a copy on disk are dropped. */
  discard(reason: DropReason): void {
    this.#eviction.discard(reason);
  }

  /** Drops all batches that are neither on disk nor being written. */
  discardUnstored(reason: DropReason): void {
    this.#eviction.discardUnstored(reason);
  }

  /** Ends the retries of a batch in flight: it goes to disk or, if it is not stored and the disk is unusable, is dropped. */
  abandon(batch: QueuedBatch<B>, reason: DropReason): void {
    if (!this.#inFlight.remove(batch)) return;
    if (batch.canLeave && !this.spiller?.isUsable) {
      this.#eviction.abandon(batch, reason);
      return;
    }
    batch.waitForDisk();
    this.#waiting.putBack(batch);
    this.#writes?.noteBatch();
    this.#listener.wake();
    this.spiller?.moveToDisk(batch);
  }

  /** Whether every remaining batch up to this sequence number has a copy on disk. */
  isStoredUpTo(sequence: number): boolean {
    const isSafe = (batch: QueuedBatch<B>) => batch.sequence > sequence || batch.copy !== undefined;
    return [...this.#waiting, ...this.#inFlight].every(isSafe);
  }

  /** Removes batches that another process has taken over, including those in flight. @returns their records. */
  dropTakenOver(): number {
    const records = dropTakenOver(this.#waiting, this.#inFlight);
    this.#listener.wake();
    return records;
  }

  #isWriteAhead(): boolean {
    return this.spiller?.isWriteAhead ?? false;
  }

  #oldest(measure: (batch: QueuedBatch<B>) => number): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const batch of this.#waiting.firsts()) oldest = Math.min(oldest, measure(batch));
    for (const batch of this.#inFlight) oldest = Math.min(oldest, measure(batch));
    return oldest;
  }

  /** Checked before packing, which would be wasted on a record that is then dropped. */
  #cannotMakeRoom(isProtected: boolean): boolean {
    const occupancy = this.#occupancy;
    if (!occupancy.isFull()) return false;
    this.spiller?.makeRoom(() => occupancy.isFull());
    if (!occupancy.isFull(this.#inFlight.stored)) return false;
    if (isProtected && this.#waiting.ordinaryRecords > 0) return false;
    if (this.#limits.overflow === 'drop-newest') return true;
    return isProtected ? this.records === 0 : this.#waiting.ordinaryRecords === 0;
  }

  #open(isProtected: boolean): QueuedBatch<B> {
    const batch = new QueuedBatch(this.#openBatch(), ++this.#sequence, this.#now(), isProtected);
    this.#waiting.open(batch);
    this.#listener.wake();
    return batch;
  }

  #seal(batch: QueuedBatch<B>): void {
    batch.seal();
    this.#listener.wake();
  }
}
