/** A batch with its position in the order of admission and its state, which only this file changes. */

import { type DeliveryHistory, UNTRIED } from './delivery-history.ts';
import type { Amount, LogBatch, TakeSize } from './log-batch.ts';

/** A copy on disk, which the parts of a batch share. */
export interface DiskCopy {
  /** Whether the copy exists and belongs to this process: it can be evicted or taken over. */
  readonly isStored: boolean;
  /** Whether the copy was deleted to free disk space. */
  readonly isEvicted: boolean;
  /** Whether another process owns the copy and will send it. */
  readonly isTakenOver: boolean;
  /** Whether the batch may leave memory now: not while another part of it is still here. */
  readonly isReleasable: boolean;
  /** False while another process may have taken the copy over unnoticed. */
  maySend(now: number): boolean;
  /** Another part shares the copy from now on. */
  split(): void;
  /** Settles a part: `records` records from position `offset` of the whole batch on. */
  settle(offset: number, records: number): void;
  /** A part leaves memory; after the last part, the disk keeps the unsettled records. */
  release(): void;
}

/** `replay`: read back from disk, where its records are counted. `live`: admitted by this process. */
export type Origin = 'live' | 'replay';

export type Place = 'open' | 'waiting' | 'sending' | 'leaving' | 'gone';

export type OnDisk = 'none' | 'writing' | 'refused' | 'copy';

/** The legal transitions, as drawn below. */
export const PLACE_EXITS: Readonly<Record<Place, readonly Place[]>> = {
  open: ['waiting', 'sending', 'gone'],
  waiting: ['sending', 'gone'],
  sending: ['waiting', 'leaving', 'gone'],
  leaving: ['gone'],
  gone: [],
};

export const DISK_EXITS: Readonly<Record<OnDisk, readonly OnDisk[]>> = {
  none: ['writing'],
  writing: ['none', 'refused', 'copy'],
  refused: ['none'],
  copy: ['writing'],
};

/** Result of a write: the copy, a refusal of the disk, or a failure that permits another try. */
export type Written = DiskCopy | 'refused' | 'failed';

/**
 * ```text
 *               ┌──────────── take ────────────┐
 *               │                              ▼            waitForDisk
 *  (admitted) open ──seal──▶ waiting ──take──▶ sending ──────────────▶ leaving
 *               │            │    ▲             │   │                     │
 *  (read back)──┼────────────┤    └── requeue ──┘   │                     │
 *               └──── end ───┴──────── end ─────────┴──────── end ────────┴──▶ gone
 *
 *           writeBegan             writeEnded
 *     none ────────────▶ writing ─────────────▶ copy ──writeBegan, once the copy is not there any more──▶ writing
 *      ▲                    │ └── writeEnded ──▶ refused
 *      └──── writeEnded ────┴──── retryRefused ─────┘
 * ```
 *
 * - `leaving`: this process does not retry it; it waits to leave memory for the disk.
 * - `gone`: delivered, dropped, left to the disk, or merged into another batch.
 * - `writing`: must neither change nor be sent until the write ends.
 * - `refused`: it cannot be encoded, or a working disk has no room.
 *
 * A transition that is not drawn changes nothing and returns false.
 */
export class QueuedBatch<B extends LogBatch> {
  readonly contents: B;
  /** Position in the order of opening. Parts of a batch share it, so that a flush waits for all of them. */
  readonly sequence: number;
  /** Admission time of the first record, on the monotonic clock. */
  readonly openedAt: number;
  /** Whether the records are at or above `protectSeverity`. */
  readonly isProtected: boolean;
  readonly origin: Origin;
  /** Replaced by delivery. */
  history = UNTRIED;
  #offset = 0;
  #place: Place = 'open';
  #onDisk: OnDisk = 'none';
  /** Defined exactly when `#onDisk` is `copy`; the copy itself may be gone. */
  #copy: DiskCopy | undefined;

  constructor(
    contents: B,
    sequence: number,
    openedAt: number,
    isProtected: boolean,
    origin: Origin = 'live',
  ) {
    this.contents = contents;
    this.sequence = sequence;
    this.openedAt = openedAt;
    this.isProtected = isProtected;
    this.origin = origin;
  }

  /** A batch read back from disk: waiting, with its copy. @param offset of its first record in the copied batch. */
  static replayed<B extends LogBatch>(
    contents: B,
    { sequence, openedAt, isProtected }: Pick<QueuedBatch<B>, 'sequence' | 'openedAt' | 'isProtected'>,
    offset: number,
    history: DeliveryHistory,
    copy: DiskCopy,
  ): QueuedBatch<B> {
    const batch = new QueuedBatch(contents, sequence, openedAt, isProtected, 'replay');
    batch.history = history;
    batch.#offset = offset;
    batch.#place = 'waiting';
    batch.#onDisk = 'copy';
    batch.#copy = copy;
    return batch;
  }

  get place(): Place {
    return this.#place;
  }

  get onDisk(): OnDisk {
    return this.#onDisk;
  }

  /** Number of records split off before this part. */
  get offset(): number {
    return this.#offset;
  }

  seal(): boolean {
    return this.#move('waiting', 'open');
  }

  take(): boolean {
    return this.#move('sending');
  }

  requeue(): boolean {
    return this.#move('waiting', 'sending');
  }

  waitForDisk(): boolean {
    return this.#move('leaving');
  }

  end(): boolean {
    return this.#move('gone');
  }

  writeBegan(): boolean {
    return this.isStorable && this.#turn('writing', undefined);
  }

  writeEnded(written: Written): boolean {
    if (this.#onDisk !== 'writing') return false;
    if (written === 'refused') return this.#turn('refused', undefined);
    if (written === 'failed') return this.#turn('none', undefined);
    // Records that were delivered or dropped during the write must not be replayed.
    if (this.#place === 'gone') written.settle(this.#offset, this.contents.records);
    return this.#turn('copy', written);
  }

  /** Permits another write: the disk may have room by now. */
  retryRefused(): boolean {
    return this.#onDisk === 'refused' && this.#turn('none', undefined);
  }

  /** Ends the batch and settles its records on disk. */
  settle(): boolean {
    if (!this.end()) return false;
    // The disk counts replayed records, so it must be informed even if the file is gone.
    const copy = this.origin === 'replay' ? this.#copy : this.copy;
    copy?.settle(this.#offset, this.contents.records);
    return true;
  }

  /** On the monotonic clock; Infinity while another part of the refused batch is being sent. */
  get notBefore(): number {
    return this.history.search?.isUnderWay ? Number.POSITIVE_INFINITY : this.history.notBefore;
  }

  /** Ends the batch's own back-off. */
  retryNow(): void {
    if (this.history.notBefore !== 0) this.history = { ...this.history, notBefore: 0 };
  }

  /** Whether this process must account for the answer. */
  get isInFlight(): boolean {
    return this.#place === 'sending' && !(this.origin === 'replay' && this.isTakenOver);
  }

  /** Whether another batch may be merged with it: never tried, not delayed, not on disk. */
  get isUntouched(): boolean {
    return this.history.attempts === 0 && this.history.notBefore === 0 && this.#onDisk === 'none';
  }

  /** Undefined also after the copy was evicted or taken over. */
  get copy(): DiskCopy | undefined {
    return this.#copy?.isStored ? this.#copy : undefined;
  }

  get isTakenOver(): boolean {
    return this.#copy?.isTakenOver ?? false;
  }

  /** Whether its copy was evicted: while the batch is in memory, another copy would only push others out in turn. */
  get wasEvicted(): boolean {
    return this.#copy?.isEvicted ?? false;
  }

  /** Whether records may be removed one by one: a copy on disk would no longer match. */
  get isChangeable(): boolean {
    return this.#onDisk !== 'writing' && this.copy === undefined;
  }

  /** Whether it may leave memory: not while another part that shares its copy is still here. */
  get canLeave(): boolean {
    return this.copy?.isReleasable ?? true;
  }

  get isStorable(): boolean {
    if (this.#copy === undefined) return this.#onDisk === 'none';
    return !this.#copy.isStored && !this.#copy.isTakenOver;
  }

  /** Whether its state on disk permits sending. @param isWriteAhead whether only batches with a copy may be sent. */
  mayBeSent(now: number, isWriteAhead: boolean): boolean {
    if (this.#place === 'leaving' || this.#onDisk === 'writing') return false;
    const { copy } = this;
    if (copy !== undefined) return copy.maySend(now);
    if (this.isTakenOver) return false;
    return !isWriteAhead || this.#onDisk === 'refused' || this.wasEvicted;
  }

  /** Approximate amount in one request. */
  amountWithin(size: TakeSize): Amount {
    const { records, bytes } = this.contents;
    const most = this.recordsWithin(size);
    return most < records ? { records: most, bytes: (bytes * most) / records } : { records, bytes };
  }

  isOlderThan(other: QueuedBatch<B>): boolean {
    return (
      this.sequence < other.sequence || (this.sequence === other.sequence && this.#offset < other.#offset)
    );
  }

  recordsWithin({
    maxRecords = Number.POSITIVE_INFINITY,
    maxBytes = Number.POSITIVE_INFINITY,
  }: TakeSize): number {
    const { records, bytes } = this.contents;
    // Splits are exact by records; by bytes they assume records of equal size.
    const byBytes = bytes > maxBytes ? Math.max(1, Math.floor((records * maxBytes) / bytes)) : records;
    return Math.min(maxRecords, byBytes);
  }

  /** Moves the older half, the larger one if they differ, into a new batch. Undefined for one record or during a write. */
  halve(): QueuedBatch<B> | undefined {
    const { records } = this.contents;
    return records > 1 && this.#onDisk !== 'writing' ? this.split(Math.ceil(records / 2)) : undefined;
  }

  /** Moves the oldest `records` records into a new batch with the same place, state and history. */
  split(records: number): QueuedBatch<B> {
    // The interface cannot express that a batch splits into its own kind.
    const contents = this.contents.split(records) as B;
    const part = new QueuedBatch(contents, this.sequence, this.openedAt, this.isProtected, this.origin);
    part.history = this.history;
    part.#offset = this.#offset;
    part.#place = this.#place;
    part.#onDisk = this.#onDisk;
    part.#copy = this.#copy;
    this.#offset += records;
    // Even if the copy is gone: it counts its parts until each has ended.
    this.#copy?.split();
    return part;
  }

  #move(to: Place, from = this.#place): boolean {
    if (this.#place !== from || !PLACE_EXITS[from].includes(to)) return false;
    this.#place = to;
    return true;
  }

  #turn(to: OnDisk, copy: DiskCopy | undefined): boolean {
    if (!DISK_EXITS[this.#onDisk].includes(to)) return false;
    this.#onDisk = to;
    this.#copy = copy;
    return true;
  }
}
