/** The bounded queue between the application and the exporter: records go in one by one, batches come out. */

import type { DropReason } from '../common/errors.ts';
import { oneRecordOf, validSeverity } from '../common/severity-counts.ts';
import { AdmissionRules, type Restriction, severityOf } from './admission-rules.ts';
import { DiskWrites } from './disk-writes.ts';
import { Eviction } from './eviction.ts';
import { halfOf, InFlight } from './in-flight.ts';
import type { EmittedRecord, LogBatch, OpenBatch } from './log-batch.ts';
import { Occupancy } from './occupancy.ts';
import type { QueueLimits, QueueListener, TakeSize } from './queue-contract.ts';
import { QueuedBatch } from './queued-batch.ts';
import { type DiskBehind, Spiller } from './spiller.ts';
import { dropTakenOver } from './taken-over.ts';
import { WaitingBatches } from './waiting-batches.ts';

/**
 * Batches that wait and batches in flight.
 *
 * Invariants, true whenever no method of the queue is running:
 * - what waits and what is in flight are together within `maxQueueSize` and `maxBytes`: room is given
 *   back when a batch is done with, not when it is taken; beyond that is at most what is in flight, has a copy on disk, and
 *   would otherwise cost others their place because the disk takes no more;
 * - what is in flight is at most half of `maxQueueSize` and `maxQueueBytes`, but for a single batch, and for probes;
 * - every record admitted is in exactly one place: waiting, in flight, given out by `settle`, or reported
 *   to `dropped`.
 */
export class AsyncSinkQueue<B extends LogBatch> {
  readonly #limits: QueueLimits;
  readonly #rules: AdmissionRules;
  readonly #openBatch: OpenBatch<B>;
  readonly #listener: QueueListener;
  readonly #now: () => number;
  readonly #waiting: WaitingBatches<B>;
  readonly #inFlight: InFlight<B>;
  readonly #occupancy: Occupancy<B>;
  readonly #eviction: Eviction<B>;
  readonly #writes: DiskWrites<B> | undefined;
  /** What goes to disk of it, and when; undefined where there is no disk. */
  readonly spiller: Spiller<B> | undefined;
  #sequence = 0;
  #isAdmitting = false;
  /** Whether there is a record that is in none of the places yet. */
  #isReading = false;

  constructor(
    limits: QueueLimits,
    openBatch: OpenBatch<B>,
    listener: QueueListener,
    now: () => number,
    disk?: DiskBehind<B>,
  ) {
    this.#limits = limits;
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

  /** Records waiting in the queue, without those in flight. */
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

  /** The bound in bytes that holds now: `maxQueueBytes`, or less under memory pressure. */
  get maxBytes(): number {
    return this.#rules.maxBytes;
  }

  /** How full the queue is, 0 to 1, by records or by bytes, whichever is fuller. */
  get pressure(): number {
    return Math.min(1, this.#occupancy.pressure());
  }

  /** When the oldest batch that is not done with was opened; Infinity when there is none. */
  get oldestAt(): number {
    return this.#oldest((batch) => batch.openedAt);
  }

  /** The lowest sequence number among the batches not done with; Infinity when there is none. */
  get oldestSequence(): number {
    return this.#oldest((batch) => batch.sequence);
  }

  /**
   * Admits a record, or reports it, or an older one in its place, as dropped. Never throws.
   *
   * Reading a record can run code of the application (a getter), and so can reporting a loss (a diag logger).
   * What that logs is dropped as `self`: it would find the queue in the middle of a change.
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

  /** The process exits in the middle of an admission, by a getter of the record for instance: that record is dropped. */
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
        // It joined a batch it does not fit in: it opens the next one instead.
        batch.contents.pop();
        this.#seal(batch);
        batch = this.#open(isProtected);
        size = batch.contents.add(record);
      }
      this.#isReading = false;
      this.#waiting.gained(batch, 1, size);
    } catch {
      // Whatever reading the record threw, the batch is as it was.
      if (batch !== undefined) this.#waiting.removeIfEmpty(batch);
      const severities = oneRecordOf(severityOf(record));
      this.#isReading = false;
      this.#listener.dropped('unserializable', 1, false, severities);
      return;
    }
    const { records, bytes } = batch.contents;
    if (records >= this.#limits.maxExportBatchSize || bytes >= this.#limits.maxExportBatchBytes) {
      this.#seal(batch);
    }
    this.#eviction.relieve();
  }

  /** Closes the open batches and returns the highest sequence number given so far. */
  seal(): number {
    this.#waiting.sealAll();
    this.#listener.wake();
    return this.#sequence;
  }

  /**
   * Takes the batch to send next: the first that is due, and with it what fits. It stays in flight until `settle` or `requeue`.
   * @param size splits the batch when it is larger.
   * @param passOver names batches to leave aside as long as there is another.
   */
  take(
    now: number,
    size: TakeSize = {},
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined {
    const batch = this.choose(now, size, passOver);
    return batch && this.send(batch, size);
  }

  /** Chooses the batch that `take` would start with; one that has to wait for others in flight is remembered for `dueAt`. */
  choose(
    now: number,
    size: TakeSize,
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined {
    const batch = this.#waiting.next(now, this.#isWriteAhead(), passOver);
    // A probe is small, and must not wait for requests that hang.
    const isProbe = size.maxRecords !== undefined;
    if (batch === undefined || isProbe || this.#inFlight.batches === 0) return batch;
    const { records, bytes } = batch.amountWithin(size);
    const { room } = this.#inFlight;
    if (records <= room.records && bytes <= room.bytes) return batch;
    this.#inFlight.keepBack();
    return undefined;
  }

  /** Takes the batch that was chosen, or as much of it as fits in one request. */
  send(batch: QueuedBatch<B>, size: TakeSize): QueuedBatch<B> {
    const most = batch.recordsWithin(size);
    const isWhole = batch.contents.records <= most;
    const taken = isWhole ? batch : this.#waiting.splitOff(batch, most);
    if (isWhole) this.#waiting.remove(batch);
    if (isWhole && size.maxRecords === undefined) {
      const { maxExportBatchSize, maxExportBatchBytes } = this.#limits;
      const { room } = this.#inFlight;
      this.#waiting.mergeFollowers(batch, {
        records: Math.min(room.records, maxExportBatchSize),
        bytes: Math.min(room.bytes, maxExportBatchBytes, size.maxBytes ?? maxExportBatchBytes),
      });
    }
    this.#inFlight.add(taken);
    return taken;
  }

  /** The earliest time at which `take` has a batch to give; `now` if it has one, Infinity if it is empty or too much is in flight. */
  dueAt(now: number): number {
    return this.#inFlight.isKeptBack
      ? Number.POSITIVE_INFINITY
      : this.#waiting.dueAt(now, this.#isWriteAhead());
  }

  /** A batch in flight is done with, whatever became of it: its room is free again. */
  settle(batch: QueuedBatch<B>): void {
    if (!this.#inFlight.remove(batch)) return;
    batch.settle();
    this.#writes?.noteBatch();
    // Its other part may wait to leave memory.
    if (batch.copy !== undefined) this.spiller?.wake();
  }

  /** A batch in flight goes back to its place in the queue, or is lost if memory is short; halved first if `halve` is set. */
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
    // The bound may have been lowered meanwhile.
    this.#eviction.relieve();
    this.#listener.wake();
  }

  /** Lets every batch be sent at once that waits for a time of its own. */
  retryNow(): void {
    for (const batch of this.#waiting) batch.retryNow();
  }

  /** Puts memory pressure on the queue, or takes it away, and trims it to what is allowed now. */
  restrict(restriction?: Restriction): void {
    this.#rules.restrict(restriction);
    this.#eviction.relieve();
  }

  /** Gives up what is not protected and not in flight. */
  discardUnprotected(reason: DropReason): void {
    this.#eviction.discardUnprotected(reason);
  }

  /** Gives up what was opened at `openedUntil` or before and is neither in flight nor on disk. */
  expire(openedUntil: number, reason: DropReason): void {
    this.#eviction.expire(openedUntil, reason);
  }

  /** Gives up everything, in flight or not; what has a copy on disk is not lost. */
  discard(reason: DropReason): void {
    this.#eviction.discard(reason);
  }

  /** Gives up everything that is not on disk, nor on its way there. */
  discardUnstored(reason: DropReason): void {
    this.#eviction.discardUnstored(reason);
  }

  /** A batch in flight is not to be tried again: it is the disk's, and waits until it can leave memory, or lost. */
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

  /** Whether all batches up to this sequence number that are still here have a copy on disk. */
  isStoredUpTo(sequence: number): boolean {
    const isSafe = (batch: QueuedBatch<B>) => batch.sequence > sequence || batch.copy !== undefined;
    return [...this.#waiting, ...this.#inFlight].every(isSafe);
  }

  /** Takes out what another process will send, in flight or not. @returns how many records that were. */
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

  /** Whether a record would only be packed to be dropped again: worth knowing before the work of packing. */
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
