/** The bounded queue between the application and the exporter: records go in one by one, batches come out. */

import type { DropReason } from '../errors.ts';
import { BatchLane } from './batch-lane.ts';
import type { EmittedRecord, LogBatch, OpenBatch } from './log-batch.ts';
import { QueuedBatch } from './queued-batch.ts';

/** The bounds and rules of a queue; validated by whoever builds it. */
export interface QueueLimits {
  readonly maxQueueSize: number;
  readonly maxQueueBytes: number;
  readonly maxExportBatchSize: number;
  readonly maxExportBatchBytes: number;
  readonly scheduledDelayMillis: number;
  readonly overflow: 'drop-oldest' | 'drop-newest';
  /** Infinity when no severity is protected. */
  readonly protectSeverity: number;
  /** Records below `belowSeverity` are refused while the queue is fuller than `above` (0 to 1). */
  readonly shed: { readonly above: number; readonly belowSeverity: number } | undefined;
}

/** What memory pressure asks of the queue on top of its limits. */
export interface Restriction {
  /** Replaces `maxQueueBytes` where it is smaller. */
  readonly maxBytes: number;
  /** Unprotected records below this severity are refused; 0 refuses none. */
  readonly minSeverity: number;
}

/** What the queue tells its owner: of records it lost, and that the loop has something new to look at. */
export interface QueueListener {
  /** `wasPassed`: the records had been handed to the exporter before, and had come back. */
  dropped(reason: DropReason, records: number, wasPassed: boolean): void;
  /** A batch was opened, became full, or lost records. */
  work(): void;
}

const UNRESTRICTED: Restriction = { maxBytes: Number.POSITIVE_INFINITY, minSeverity: 0 };

/**
 * Two lanes of batches (protected records leave first and are dropped last) and the batches in flight.
 *
 * Invariants, true whenever no method of the queue is running:
 * - `records` + `inFlightRecords` <= `maxQueueSize`, and the same in bytes: room is given back when a
 *   batch is done with, not when it is taken.
 * - Every record admitted is in exactly one place: a lane, in flight, handed out by `settle`, or reported
 *   to `dropped`.
 */
export class AsyncSinkQueue<B extends LogBatch> {
  readonly #limits: QueueLimits;
  readonly #openBatch: OpenBatch<B>;
  readonly #listener: QueueListener;
  readonly #now: () => number;
  readonly #ordinary = new BatchLane<B>();
  readonly #protected = new BatchLane<B>();
  readonly #inFlight = new Set<QueuedBatch<B>>();
  readonly #shedAboveRecords: number;
  readonly #shedAboveBytes: number;
  #sequence = 0;
  #ordinaryRecords = 0;
  #records = 0;
  #bytes = 0;
  #inFlightRecords = 0;
  #inFlightBytes = 0;
  #restriction = UNRESTRICTED;
  #maxBytes: number;

  constructor(limits: QueueLimits, openBatch: OpenBatch<B>, listener: QueueListener, now: () => number) {
    this.#limits = limits;
    this.#openBatch = openBatch;
    this.#listener = listener;
    this.#now = now;
    this.#maxBytes = limits.maxQueueBytes;
    this.#shedAboveRecords = limits.shed ? limits.shed.above * limits.maxQueueSize : Number.POSITIVE_INFINITY;
    this.#shedAboveBytes = limits.shed ? limits.shed.above * limits.maxQueueBytes : Number.POSITIVE_INFINITY;
  }

  /** Records waiting in the queue, without those in flight. */
  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get inFlightRecords(): number {
    return this.#inFlightRecords;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** The bound in bytes that holds now: `maxQueueBytes`, or less under memory pressure. */
  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** How full the queue is, 0 to 1, by records or by bytes, whichever is fuller. */
  get pressure(): number {
    return Math.min(
      1,
      Math.max(
        (this.#records + this.#inFlightRecords) / this.#limits.maxQueueSize,
        (this.#bytes + this.#inFlightBytes) / this.#maxBytes,
      ),
    );
  }

  /** When the oldest batch that is not done with was opened; undefined when there is none. */
  get oldestAt(): number | undefined {
    let oldest = Math.min(
      this.#protected.first?.openedAt ?? Number.POSITIVE_INFINITY,
      this.#ordinary.first?.openedAt ?? Number.POSITIVE_INFINITY,
    );
    for (const batch of this.#inFlight) oldest = Math.min(oldest, batch.openedAt);
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
  }

  /** The lowest sequence number among the batches not done with; Infinity when there is none. */
  get oldestSequence(): number {
    let oldest = Math.min(
      this.#protected.first?.sequence ?? Number.POSITIVE_INFINITY,
      this.#ordinary.first?.sequence ?? Number.POSITIVE_INFINITY,
    );
    for (const batch of this.#inFlight) oldest = Math.min(oldest, batch.sequence);
    return oldest;
  }

  /** Why a record of this severity would be refused now, whatever its size; undefined if it would not be. */
  refusal(severity: number): 'shed' | 'memory_limit' | undefined {
    if (severity >= this.#limits.protectSeverity) return undefined;
    if (severity < this.#restriction.minSeverity) return 'memory_limit';
    const shed = this.#limits.shed;
    // Severity 0 means that the record does not say: it is not known to be unimportant.
    if (
      shed !== undefined &&
      severity !== 0 &&
      severity < shed.belowSeverity &&
      (this.#records + this.#inFlightRecords > this.#shedAboveRecords ||
        this.#bytes + this.#inFlightBytes > this.#shedAboveBytes)
    ) {
      return 'shed';
    }
    return undefined;
  }

  /** Admits a record, or reports it, or an older one in its place, as dropped. Never throws. */
  admit(record: EmittedRecord): void {
    let size: number;
    let batch: QueuedBatch<B> | undefined;
    try {
      const severity = record.severityNumber ?? 0;
      const isProtected = severity >= this.#limits.protectSeverity;
      const refusal = this.refusal(severity);
      if (refusal !== undefined) {
        this.#listener.dropped(refusal, 1, false);
        return;
      }
      if (this.#cannotMakeRoom(isProtected)) {
        this.#listener.dropped('queue_full', 1, false);
        return;
      }
      const lane = isProtected ? this.#protected : this.#ordinary;
      batch = lane.open ?? this.#openIn(lane, isProtected);
      size = batch.contents.add(record);
      if (batch.contents.bytes > this.#limits.maxExportBatchBytes && batch.contents.records > 1) {
        // It joined a batch it does not fit in: it opens the next one instead.
        batch.contents.pop();
        this.#seal(lane);
        batch = this.#openIn(lane, isProtected);
        size = batch.contents.add(record);
      }
      if (!isProtected) this.#ordinaryRecords++;
      this.#records++;
      this.#bytes += size;
      if (
        batch.contents.records >= this.#limits.maxExportBatchSize ||
        batch.contents.bytes >= this.#limits.maxExportBatchBytes
      ) {
        this.#seal(lane);
      }
    } catch {
      if (batch !== undefined) this.#removeIfEmpty(batch);
      this.#listener.dropped('unserializable', 1, false);
      return;
    }
    if (this.#isOverfull()) this.#relieve();
  }

  /** Closes the open batches and returns the highest sequence number given so far. */
  seal(): number {
    this.#seal(this.#protected);
    this.#seal(this.#ordinary);
    return this.#sequence;
  }

  /**
   * Takes the batch to send next: the first that is due. It stays in flight until `settle` or `giveBack`.
   * @param maxRecords splits the batch when it is larger.
   * @param passOver names batches to leave aside as long as there is another.
   */
  take(
    now: number,
    maxRecords = Number.POSITIVE_INFINITY,
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined {
    if (this.dueAt(now) > now) return undefined;
    let chosen: QueuedBatch<B> | undefined;
    for (const batch of this.#candidates(now)) {
      chosen ??= batch;
      if (passOver?.(batch)) continue;
      chosen = batch;
      break;
    }
    if (chosen === undefined) return undefined;
    const lane = chosen.isProtected ? this.#protected : this.#ordinary;
    if (chosen.contents.records > maxRecords) {
      // The part left behind keeps its place, and stays sealed if it was.
      chosen = chosen.split(maxRecords);
    } else {
      lane.remove(chosen);
    }
    this.#leaveQueue(chosen, chosen.contents.records, chosen.contents.bytes);
    this.#inFlight.add(chosen);
    this.#inFlightRecords += chosen.contents.records;
    this.#inFlightBytes += chosen.contents.bytes;
    return chosen;
  }

  /** The earliest time at which `take` has a batch to give; `now` if it has one, Infinity if it is empty. */
  dueAt(now: number): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const lane of [this.#protected, this.#ordinary]) {
      for (const batch of lane) {
        const due = this.#dueAt(batch, lane);
        if (due <= now) return now;
        earliest = Math.min(earliest, due);
      }
    }
    return earliest;
  }

  isInFlight(batch: QueuedBatch<B>): boolean {
    return this.#inFlight.has(batch);
  }

  /** A batch in flight is done with, whatever became of it: its room is free again. */
  settle(batch: QueuedBatch<B>): void {
    if (!this.#inFlight.delete(batch)) return;
    this.#inFlightRecords -= batch.contents.records;
    this.#inFlightBytes -= batch.contents.bytes;
  }

  /** A batch in flight goes back to its place in the queue; halved first if `halve` is set. */
  giveBack(batch: QueuedBatch<B>, halve = false): void {
    if (!this.#inFlight.has(batch)) return;
    this.settle(batch);
    const lane = batch.isProtected ? this.#protected : this.#ordinary;
    const older = halve ? batch.split(Math.ceil(batch.contents.records / 2)) : undefined;
    for (const part of older === undefined ? [batch] : [batch, older]) {
      lane.putBack(part);
      this.#records += part.contents.records;
      this.#bytes += part.contents.bytes;
      if (!part.isProtected) this.#ordinaryRecords += part.contents.records;
    }
    // The limit may have been lowered meanwhile.
    if (this.#isOverfull()) this.#relieve();
  }

  /** Lets every batch be sent at once that waits for a time of its own. */
  hasten(): void {
    for (const lane of [this.#protected, this.#ordinary]) for (const batch of lane) batch.notBefore = 0;
  }

  /** Puts memory pressure on the queue, or takes it away, and trims it to what is allowed now. */
  restrict(restriction: Restriction = UNRESTRICTED): void {
    this.#restriction = restriction;
    this.#maxBytes = Math.min(this.#limits.maxQueueBytes, restriction.maxBytes);
    if (this.#isOverfull()) this.#relieve();
  }

  /** Drops what is not protected and not in flight. */
  discardUnprotected(reason: DropReason): void {
    this.#discardLane(this.#ordinary, reason);
  }

  /** Drops everything, in flight or not. */
  discard(reason: DropReason): void {
    for (const batch of [...this.#inFlight]) {
      this.settle(batch);
      this.#listener.dropped(reason, batch.contents.records, true);
    }
    this.#discardLane(this.#protected, reason);
    this.#discardLane(this.#ordinary, reason);
  }

  #discardLane(lane: BatchLane<B>, reason: DropReason): void {
    for (const batch of [...lane]) {
      lane.remove(batch);
      this.#leaveQueue(batch, batch.contents.records, batch.contents.bytes);
      this.#listener.dropped(reason, batch.contents.records, batch.attempts > 0);
    }
    this.#listener.work();
  }

  /** What may be sent now, in order. An open protected batch goes along as soon as anything goes. */
  *#candidates(now: number): Generator<QueuedBatch<B>> {
    for (const batch of this.#protected) if (batch.notBefore <= now) yield batch;
    for (const batch of this.#ordinary) if (this.#dueAt(batch, this.#ordinary) <= now) yield batch;
  }

  #dueAt(batch: QueuedBatch<B>, lane: BatchLane<B>): number {
    const ripeAt = batch === lane.open ? batch.openedAt + this.#limits.scheduledDelayMillis : 0;
    return Math.max(batch.notBefore, ripeAt);
  }

  /** Whether a record would only be packed to be dropped again: worth knowing before the work of packing. */
  #cannotMakeRoom(isProtected: boolean): boolean {
    if (this.#records + this.#inFlightRecords < this.#limits.maxQueueSize) return false;
    if (isProtected && this.#ordinaryRecords > 0) return false;
    if (this.#limits.overflow === 'drop-newest') return true;
    return isProtected ? this.#records === 0 : this.#ordinaryRecords === 0;
  }

  #isOverfull(): boolean {
    return (
      this.#records + this.#inFlightRecords > this.#limits.maxQueueSize ||
      this.#bytes + this.#inFlightBytes > this.#maxBytes
    );
  }

  /** Drops records one by one until the bounds hold: unprotected ones first, from the end that `overflow` names. */
  #relieve(): void {
    const reason: DropReason = this.#maxBytes < this.#limits.maxQueueBytes ? 'memory_limit' : 'queue_full';
    const newest = this.#limits.overflow === 'drop-newest';
    let passed = 0;
    let unpassed = 0;
    while (this.#isOverfull()) {
      const lane = this.#ordinaryRecords > 0 ? this.#ordinary : this.#protected;
      const batch = newest ? lane.last : lane.first;
      if (batch === undefined) break;
      const size = newest ? batch.contents.pop() : batch.contents.shift();
      this.#leaveQueue(batch, 1, size);
      this.#removeIfEmpty(batch);
      if (batch.attempts > 0) passed++;
      else unpassed++;
    }
    if (unpassed > 0) this.#listener.dropped(reason, unpassed, false);
    if (passed > 0) this.#listener.dropped(reason, passed, true);
    // A flush may have waited for just these.
    this.#listener.work();
  }

  #leaveQueue(batch: QueuedBatch<B>, records: number, bytes: number): void {
    this.#records -= records;
    this.#bytes -= bytes;
    if (!batch.isProtected) this.#ordinaryRecords -= records;
  }

  #removeIfEmpty(batch: QueuedBatch<B>): void {
    if (batch.contents.records === 0) (batch.isProtected ? this.#protected : this.#ordinary).remove(batch);
  }

  #openIn(lane: BatchLane<B>, isProtected: boolean): QueuedBatch<B> {
    const batch = new QueuedBatch(this.#openBatch(), ++this.#sequence, this.#now(), isProtected);
    lane.append(batch);
    lane.open = batch;
    this.#listener.work();
    return batch;
  }

  #seal(lane: BatchLane<B>): void {
    if (lane.open === undefined) return;
    lane.open = undefined;
    this.#listener.work();
  }
}
