/** A batch on its way: its contents, its place in the order of admission, and what happened to it so far. */

import { UNTRIED } from './delivery-history.ts';
import type { LogBatch } from './log-batch.ts';
import type { Amount, TakeSize } from './queue-contract.ts';

/** A batch's copy on disk, as far as the queue has to know of it. The parts of a batch share it. */
export interface DiskCopy {
  /** Whether it is there, and ours: a copy can be evicted when its disk space is needed. */
  readonly isStored: boolean;
  /** Whether it had to give way to others on disk. */
  readonly isEvicted: boolean;
  /** Whether another process has taken the copy over, and will send it. */
  readonly isTakenOver: boolean;
  /** Whether the batch may leave memory now; not while another part of it is still here. */
  readonly isReleasable: boolean;
  /** One more part of the batch shares it. */
  split(): void;
  /** So many records of a part, from that position of the whole batch on, are done with; so is the part. */
  settle(offset: number, records: number): void;
  /** A part leaves memory; with the last of them, what is not settled is the disk's to keep. */
  release(): void;
}

/**
 * - `unstored`: in memory only.
 * - `storing`: being written; it must not change, nor be sent, until that has ended.
 * - `unstorable`: no bytes can be made of it, or the disk works and will not have it: there is no room.
 * - otherwise its copy.
 */
export type Durability = 'unstored' | 'storing' | 'unstorable' | DiskCopy;

export class QueuedBatch<B extends LogBatch> {
  readonly contents: B;
  /** Position in the order of opening. Parts of a batch share its number, so a flush waits for all of them. */
  readonly sequence: number;
  /** Position among the parts of one batch: how many records were split off before it. */
  offset = 0;
  /** When its first record was admitted, on the monotonic clock. */
  readonly openedAt: number;
  /** Whether its records are at or above `protectSeverity`. */
  readonly isProtected: boolean;
  /** What delivery has tried with it so far, and replaces. */
  history = UNTRIED;
  durability: Durability = 'unstored';
  /** Whether this process will not try it again: it only waits to leave memory. */
  isAbandoned = false;
  /** Whether the queue is done with it: delivered, dropped or left to the disk. */
  isDone = false;

  constructor(contents: B, sequence: number, openedAt: number, isProtected: boolean) {
    this.contents = contents;
    this.sequence = sequence;
    this.openedAt = openedAt;
    this.isProtected = isProtected;
  }

  /** When it may be sent, on the monotonic clock: Infinity while another part of a refused batch is. */
  get notBefore(): number {
    return this.history.search?.isUnderWay ? Number.POSITIVE_INFINITY : this.history.notBefore;
  }

  /** Lets it be sent immediately if it waits for a time of its own. */
  retryNow(): void {
    if (this.history.notBefore !== 0) this.history = { ...this.history, notBefore: 0 };
  }

  /** Whether nothing has happened to it that another batch should not be drawn into. */
  get isUntouched(): boolean {
    return this.history.attempts === 0 && this.history.notBefore === 0 && this.durability === 'unstored';
  }

  /** Its copy on disk, if it has one that is still there. */
  get copy(): DiskCopy | undefined {
    const { durability } = this;
    return typeof durability === 'object' && durability.isStored ? durability : undefined;
  }

  get isStoring(): boolean {
    return this.durability === 'storing';
  }

  /** Whether it is another process's to send. */
  get isTakenOver(): boolean {
    return typeof this.durability === 'object' && this.durability.isTakenOver;
  }

  /** Whether its copy had to give way: as long as it stays in memory, another one would only push others out in turn. */
  get wasEvicted(): boolean {
    return typeof this.durability === 'object' && this.durability.isEvicted;
  }

  /** Whether its records may be taken out one by one: a copy on disk would not be the same any more. */
  get isChangeable(): boolean {
    return !this.isStoring && this.copy === undefined;
  }

  /** Whether it may leave memory: not while another part of it has to stay, and its copy with that. */
  get canLeave(): boolean {
    return this.copy?.isReleasable ?? true;
  }

  /** Whether it could be written to disk now. */
  get isStorable(): boolean {
    const { durability } = this;
    return (
      durability === 'unstored' ||
      (typeof durability === 'object' && !durability.isStored && !durability.isTakenOver)
    );
  }

  /** About how much of it goes into one request. */
  amountWithin(size: TakeSize): Amount {
    const { records, bytes } = this.contents;
    const most = this.recordsWithin(size);
    return most < records ? { records: most, bytes: (bytes * most) / records } : { records, bytes };
  }

  isOlderThan(other: QueuedBatch<B>): boolean {
    return this.sequence < other.sequence || (this.sequence === other.sequence && this.offset < other.offset);
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
    return records > 1 && !this.isStoring ? this.split(Math.ceil(records / 2)) : undefined;
  }

  /** Moves the oldest `records` records into a new batch with the same place and history. */
  split(records: number): QueuedBatch<B> {
    // The interface cannot express that a batch splits into its own kind.
    const part = new QueuedBatch(
      this.contents.split(records) as B,
      this.sequence,
      this.openedAt,
      this.isProtected,
    );
    part.offset = this.offset;
    this.offset += records;
    part.history = this.history;
    part.durability = this.durability;
    part.isAbandoned = this.isAbandoned;
    // Also when it is not there any more: it is told when each of its parts has ended.
    if (typeof this.durability === 'object') this.durability.split();
    return part;
  }
}
