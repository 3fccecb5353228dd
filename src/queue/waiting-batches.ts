/** Batches that wait to be sent, in two priority classes: protected ones leave first and lose records last. */

import { BatchDeque } from './batch-deque.ts';
import type { Amount, LogBatch, TakeSize } from './log-batch.ts';
import type { QueuedBatch } from './queued-batch.ts';

/** A smaller part of the next batch is not worth its copy. */
const LEAST_FILLED_SHARE = 0.125;

/** Invariant: `records` and `bytes` are the sums over all batches whenever no method is running. */
export class WaitingBatches<B extends LogBatch> {
  readonly #scheduledDelayMillis: number;
  readonly #protected = new BatchDeque<B>();
  readonly #ordinary = new BatchDeque<B>();
  readonly #classes = [this.#protected, this.#ordinary] as const;
  #protectedRecords = 0;
  #ordinaryRecords = 0;
  #bytes = 0;
  /** The waiting batch that lost its oldest record last. */
  #shortened: QueuedBatch<B> | undefined;

  /** @param scheduledDelayMillis how long an open batch waits for more records. */
  constructor(scheduledDelayMillis: number) {
    this.#scheduledDelayMillis = scheduledDelayMillis;
  }

  get records(): number {
    return this.#protectedRecords + this.#ordinaryRecords;
  }

  get ordinaryRecords(): number {
    return this.#ordinaryRecords;
  }

  get bytes(): number {
    return this.#bytes;
  }

  openFor(isProtected: boolean): QueuedBatch<B> | undefined {
    return (isProtected ? this.#protected : this.#ordinary).open;
  }

  open(batch: QueuedBatch<B>): void {
    this.#dequeOf(batch).append(batch);
  }

  sealAll(): void {
    for (const deque of this.#classes) deque.open?.seal();
  }

  /** Updates the totals; `records` and `bytes` are negative for losses. */
  gained(batch: QueuedBatch<B>, records: number, bytes: number): void {
    if (batch.isProtected) this.#protectedRecords += records;
    else this.#ordinaryRecords += records;
    this.#bytes += bytes;
  }

  /** Inserts a batch in order of age. */
  putBack(batch: QueuedBatch<B>): void {
    this.#dequeOf(batch).putBack(batch);
    this.gained(batch, batch.contents.records, batch.contents.bytes);
  }

  remove(batch: QueuedBatch<B>): void {
    this.#dequeOf(batch).remove(batch);
    this.gained(batch, -batch.contents.records, -batch.contents.bytes);
  }

  /** Takes the oldest `records` records out of a waiting batch; the rest keeps its place. */
  splitOff(batch: QueuedBatch<B>, records: number): QueuedBatch<B> {
    const before = batch.contents.bytes;
    const part = batch.split(records);
    // Not the size of the part: two batches can weigh more than the one they were.
    this.gained(part, -part.contents.records, batch.contents.bytes - before);
    return part;
  }

  /** Those that follow a taken batch join it, so that they cost one request: exports that stall leave many, flushes small ones. */
  mergeFollowers(batch: QueuedBatch<B>, most: Amount): void {
    if (!batch.isUntouched) return;
    const { contents } = batch;
    const deque = this.#dequeOf(batch);
    const roomFor = () => ({
      maxRecords: most.records - contents.records,
      maxBytes: most.bytes - contents.bytes,
    });
    for (let next = deque.first; next?.place === 'waiting' && next.isUntouched; next = deque.first) {
      const { maxRecords, maxBytes } = roomFor();
      if (next.contents.records > maxRecords || next.contents.bytes > maxBytes) break;
      this.#join(batch, next);
    }
    if (batch !== this.#shortened) return;
    this.#shortened = undefined;
    this.#fill(batch, deque.first, roomFor());
  }

  /** A full queue eats into the batch that is sent next: the following one makes up for it, so that requests stay large. */
  #fill(
    batch: QueuedBatch<B>,
    next: QueuedBatch<B> | undefined,
    room: Required<Omit<TakeSize, 'othersWait'>>,
  ): void {
    if (next?.place !== 'waiting' || !next.isUntouched) return;
    const least = batch.contents.records * LEAST_FILLED_SHARE;
    const records = next.recordsWithin(room);
    if (records < least || records >= next.contents.records) return;
    const part = this.splitOff(next, records);
    if (part.contents.bytes <= room.maxBytes) {
      part.end();
      batch.contents.append(part.contents);
    } else {
      this.putBack(part);
    }
  }

  #join(batch: QueuedBatch<B>, next: QueuedBatch<B>): void {
    this.remove(next);
    next.end();
    batch.contents.append(next.contents);
  }

  /** The batch to lose a record, unprotected if possible; never one stored or being written: its copy would not match. */
  victim(end: 'oldest' | 'newest'): QueuedBatch<B> | undefined {
    for (const deque of [this.#ordinary, this.#protected]) {
      if (end === 'newest') {
        if (deque.last?.isChangeable) return deque.last;
      } else {
        for (const batch of deque) if (batch.isChangeable) return batch;
      }
    }
    return undefined;
  }

  evictOne(batch: QueuedBatch<B>, end: 'oldest' | 'newest'): void {
    if (end === 'oldest') this.#shortened = batch;
    this.gained(batch, -1, -(end === 'newest' ? batch.contents.pop() : batch.contents.shift()));
    this.removeIfEmpty(batch);
  }

  removeIfEmpty(batch: QueuedBatch<B>): void {
    if (batch.contents.records > 0) return;
    if (batch === this.#shortened) this.#shortened = undefined;
    this.#dequeOf(batch).remove(batch);
    batch.end();
  }

  /** The first batch that may be sent now and that `passOver` does not exclude; if it excludes all, the first of them. */
  next(
    now: number,
    isWriteAhead: boolean,
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined {
    if (this.dueAt(now, isWriteAhead) > now) return undefined;
    let first: QueuedBatch<B> | undefined;
    for (const batch of this.#candidates(now, isWriteAhead)) {
      if (!passOver?.(batch)) return batch;
      first ??= batch;
    }
    return first;
  }

  /** The earliest time at which a batch may be sent: `now` if one may; Infinity if there is none. */
  dueAt(now: number, isWriteAhead: boolean): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const deque of this.#classes) {
      for (const batch of deque) {
        earliest = Math.min(earliest, this.#dueAt(batch, now, isWriteAhead));
        if (earliest <= now) return now;
      }
    }
    return earliest;
  }

  /** Closes open batches whose delay has passed. @returns when the next delay passes; Infinity if there is none. */
  sealDue(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const deque of this.#classes) {
      const { open } = deque;
      if (open === undefined) continue;
      const closesAt = open.openedAt + this.#scheduledDelayMillis;
      if (closesAt <= now) open.seal();
      else next = Math.min(next, closesAt);
    }
    return next;
  }

  /** Closed batches, unprotected ones first: they can wait longer. */
  *sealed(): Generator<QueuedBatch<B>> {
    for (const deque of [this.#ordinary, this.#protected]) {
      for (const batch of deque) if (batch.place !== 'open') yield batch;
    }
  }

  /** The first batch of each class: one of them has the oldest record. */
  *firsts(): Generator<QueuedBatch<B>> {
    for (const deque of this.#classes) if (deque.first !== undefined) yield deque.first;
  }

  *[Symbol.iterator](): Generator<QueuedBatch<B>> {
    for (const deque of this.#classes) yield* deque;
  }

  /** Open protected batches skip their delay as soon as anything is sent: protected records leave first. */
  *#candidates(now: number, isWriteAhead: boolean): Generator<QueuedBatch<B>> {
    for (const batch of this.#protected) {
      if (batch.notBefore <= now && batch.mayBeSent(now, isWriteAhead)) yield batch;
    }
    for (const batch of this.#ordinary) if (this.#dueAt(batch, now, isWriteAhead) <= now) yield batch;
  }

  #dueAt(batch: QueuedBatch<B>, now: number, isWriteAhead: boolean): number {
    if (!batch.mayBeSent(now, isWriteAhead)) return Number.POSITIVE_INFINITY;
    const closesAt = batch.place === 'open' ? batch.openedAt + this.#scheduledDelayMillis : 0;
    return Math.max(batch.notBefore, closesAt);
  }

  #dequeOf(batch: QueuedBatch<B>): BatchDeque<B> {
    return batch.isProtected ? this.#protected : this.#ordinary;
  }
}
