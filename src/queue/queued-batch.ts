/** A batch on its way: its contents, its place in the order of admission, and its state, which nothing else changes. */

import { type DeliveryHistory, UNTRIED } from './delivery-history.ts';
import type { DiskCopy } from './disk-copy.ts';
import type { LogBatch } from './log-batch.ts';
import type { Amount, TakeSize } from './queue-contract.ts';

/** A replay was read back from disk, where its records are counted; what is live was admitted by this process. */
export type Origin = 'live' | 'replay';

/** Where a batch is. */
export type Place = 'open' | 'waiting' | 'sending' | 'leaving' | 'gone';

/** What there is of a batch on disk. */
export type OnDisk = 'none' | 'writing' | 'refused' | 'copy';

/** The legal moves, as the drawing below has them. */
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

/** What became of writing a batch: its copy, or that the disk will not have it, or that it failed and may be tried again. */
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
 * - `leaving`: this process will not try it again; it waits to leave memory for the disk.
 * - `gone`: delivered, dropped, left to the disk, or part of another batch.
 * - `writing`: it must not change, nor be sent, until that has ended.
 * - `refused`: no bytes can be made of it, or the disk works and will not have it: there is no room.
 *
 * A move that is not drawn changes nothing, and the method says so by returning false.
 */
export class QueuedBatch<B extends LogBatch> {
  readonly contents: B;
  /** Position in the order of opening. Parts of a batch share its number, so a flush waits for all of them. */
  readonly sequence: number;
  /** When its first record was admitted, on the monotonic clock. */
  readonly openedAt: number;
  /** Whether its records are at or above `protectSeverity`. */
  readonly isProtected: boolean;
  readonly origin: Origin;
  /** What delivery has tried with it so far, and replaces. */
  history = UNTRIED;
  #offset = 0;
  #place: Place = 'open';
  #onDisk: OnDisk = 'none';
  /** Exactly when `#onDisk` is `copy`; it need not be there any more. */
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

  /** One that was read back: it waits, has its copy, and begins at `offset` of what that is a copy of. */
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

  /** Position among the parts of one batch: how many records were split off before it. */
  get offset(): number {
    return this.#offset;
  }

  /** No more records join it. */
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

  /** It is being written. */
  writeBegan(): boolean {
    return this.isStorable && this.#turn('writing', undefined);
  }

  /** It was written, or was not. */
  writeEnded(written: Written): boolean {
    if (this.#onDisk !== 'writing') return false;
    if (written === 'refused') return this.#turn('refused', undefined);
    if (written === 'failed') return this.#turn('none', undefined);
    // What was delivered, or counted as dropped, while it was being written is not to be found again.
    if (this.#place === 'gone') written.settle(this.#offset, this.contents.records);
    return this.#turn('copy', written);
  }

  /** Lets it be written after all: there may be room for it by now. */
  retryRefused(): boolean {
    return this.#onDisk === 'refused' && this.#turn('none', undefined);
  }

  /** Its records are done with, in its copy on disk as well. */
  settle(): boolean {
    if (!this.end()) return false;
    // What was read back is counted by the disk, which has to hear of it even when the file is gone.
    const copy = this.origin === 'replay' ? this.#copy : this.copy;
    copy?.settle(this.#offset, this.contents.records);
    return true;
  }

  /** When it may be sent, on the monotonic clock: Infinity while another part of a refused batch is. */
  get notBefore(): number {
    return this.history.search?.isUnderWay ? Number.POSITIVE_INFINITY : this.history.notBefore;
  }

  /** Lets it be sent immediately if it waits for a time of its own. */
  retryNow(): void {
    if (this.history.notBefore !== 0) this.history = { ...this.history, notBefore: 0 };
  }

  /** Whether an answer to it is still this process's to account for. */
  get isInFlight(): boolean {
    return this.#place === 'sending' && !(this.origin === 'replay' && this.isTakenOver);
  }

  /** Whether nothing has happened to it that another batch should not be drawn into. */
  get isUntouched(): boolean {
    return this.history.attempts === 0 && this.history.notBefore === 0 && this.#onDisk === 'none';
  }

  /** Its copy on disk, if it has one that is still there. */
  get copy(): DiskCopy | undefined {
    return this.#copy?.isStored ? this.#copy : undefined;
  }

  /** Whether it is another process's to send. */
  get isTakenOver(): boolean {
    return this.#copy?.isTakenOver ?? false;
  }

  /** Whether its copy had to give way: as long as it stays in memory, another one would only push others out in turn. */
  get wasEvicted(): boolean {
    return this.#copy?.isEvicted ?? false;
  }

  /** Whether its records may be taken out one by one: a copy on disk would not be the same any more. */
  get isChangeable(): boolean {
    return this.#onDisk !== 'writing' && this.copy === undefined;
  }

  /** Whether it may leave memory: not while another part of it has to stay, and its copy with that. */
  get canLeave(): boolean {
    return this.copy?.isReleasable ?? true;
  }

  /** Whether it could be written to disk now. */
  get isStorable(): boolean {
    if (this.#copy === undefined) return this.#onDisk === 'none';
    return !this.#copy.isStored && !this.#copy.isTakenOver;
  }

  /**
   * Whether it may be sent as far as the disk is concerned.
   * @param isWriteAhead whether only what has a copy may.
   */
  mayBeSent(now: number, isWriteAhead: boolean): boolean {
    if (this.#place === 'leaving' || this.#onDisk === 'writing') return false;
    const { copy } = this;
    if (copy !== undefined) return copy.maySend(now);
    if (this.isTakenOver) return false;
    return !isWriteAhead || this.#onDisk === 'refused' || this.wasEvicted;
  }

  /** About how much of it goes into one request. */
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

  /** How many of its records go into one request. */
  recordsWithin({
    maxRecords = Number.POSITIVE_INFINITY,
    maxBytes = Number.POSITIVE_INFINITY,
  }: TakeSize): number {
    const { records, bytes } = this.contents;
    // By records, which can be split exactly; by bytes as if all records weighed the same.
    const byBytes = bytes > maxBytes ? Math.max(1, Math.floor((records * maxBytes) / bytes)) : records;
    return Math.min(maxRecords, byBytes);
  }

  /**
   * Moves the older half into a new batch, the larger one if they differ. @returns undefined when it cannot be halved now:
   * one record, or what is being written, which must stay as it is.
   */
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
    // Also when it is not there any more: it is told when each of its parts has ended.
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
