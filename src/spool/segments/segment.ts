/** A segment's frames: who holds each of them, and which records are settled. */

import { AckLog } from '../format/ack-log.ts';
import {
  countRecords,
  type EntryState,
  type RecordRange,
  type SpoolEntry,
  without,
} from '../format/entry.ts';
import { FrameTable } from '../format/frame-table.ts';
import { ACK_BYTES, FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../format/layout.ts';
import type { Partition } from '../ownership/partition.ts';

/** Holder of a frame's records: nobody yet, the caller of `store`, the spool alone, the caller of `next`, nobody. */
const WRITING = 0;
const HELD = 1;
const WAITING = 2;
const GIVEN = 3;
const DONE = 4;

const FIRST_ROWS = 16;

/**
 * Frames are identified by their position in `frames`. Invariants between calls: `records` is the sum of what remains
 * of waiting and given frames; `live` counts frames that are not done.
 */
export class Segment {
  readonly partition: Partition;
  readonly sequence: number;
  readonly salt: number;
  readonly path: string;
  readonly ackPath: string;
  readonly acks: AckLog;
  readonly frames = new FrameTable();
  /** File size, including writes in progress. */
  bytes = SEGMENT_HEADER_BYTES;
  isComplete = false;
  isDamaged = false;
  /** While its files are deleted, nothing is given out or acknowledged. */
  isBeingDeleted = false;
  fate: EntryState = 'stored';
  #holds = new Uint8Array(FIRST_ROWS);
  /** Only of partly settled frames. */
  readonly #remaining = new Map<number, readonly RecordRange[]>();
  readonly #entries = new Map<number, SegmentEntry>();
  #live = 0;
  #beingWritten = 0;
  #waiting = 0;
  #given = 0;
  #records = 0;
  /** No frame before this position waits. */
  #cursor = 0;
  /** All frames before this position are done. */
  #oldest = 0;

  constructor(partition: Partition, sequence: number, salt: number) {
    this.partition = partition;
    this.sequence = sequence;
    this.salt = salt;
    this.path = partition.segmentPath(sequence);
    this.ackPath = partition.ackPath(sequence);
    this.acks = new AckLog(this.ackPath, salt);
  }

  /** Records that the spool alone holds, including those given out by `next`. */
  get records(): number {
    return this.#records;
  }

  get bytesOnDisk(): number {
    return this.fate === 'stored' ? this.bytes + this.acks.bytes : 0;
  }

  /** Including the space for acknowledging every frame. */
  get bytesInAll(): number {
    if (this.fate !== 'stored') return 0;
    return this.bytesOnDisk + this.#live * ACK_BYTES + this.acks.pendingBytes;
  }

  get hasWaiting(): boolean {
    return this.#waiting > 0 && !this.isBeingDeleted;
  }

  get isEvictable(): boolean {
    return this.isComplete && this.#given === 0 && this.#beingWritten === 0 && !this.isBeingDeleted;
  }

  get isDone(): boolean {
    return this.#live === 0;
  }

  /** Reserves the next place in the file for a frame. */
  begin(header: Uint8Array, payloadBytes: number): number {
    const position = this.#add(header, this.bytes, WRITING);
    this.bytes += FRAME_HEADER_BYTES + payloadBytes;
    this.#beingWritten++;
    return position;
  }

  /** A frame is on disk; the caller of `store` holds its records. */
  written(position: number): SpoolEntry {
    this.#beingWritten--;
    this.#holds[position] = HELD;
    return this.#entry(position);
  }

  failed(position: number): void {
    this.#beingWritten--;
    // The frame may be on disk nevertheless: its acknowledgement hides it.
    this.acks.noteWhole(this.frames.index(position), this.frames.records(position));
    this.#end(position);
  }

  /** Frees the unwritten space of a failed write, unless other frames follow it. */
  cutShort(offset: number, buffers: readonly Uint8Array[], writtenBytes: number): void {
    const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (this.bytes === offset + bytes) this.bytes = offset + writtenBytes;
  }

  found(header: Uint8Array, offset: number): void {
    const position = this.#add(header, offset, WAITING);
    this.#waiting++;
    this.#records += this.frames.records(position);
    if (this.frames.records(position) === 0) this.#end(position);
  }

  /** Applies an acknowledgement read from disk: `settle` without writing one. */
  acknowledged(index: number, first: number, records: number): void {
    const position = this.frames.positionOf(index);
    if (position !== undefined) this.#subtract(position, first, records);
  }

  next(): SpoolEntry | undefined {
    if (!this.hasWaiting) return undefined;
    while (this.#cursor < this.frames.length && this.#holds[this.#cursor] !== WAITING) this.#cursor++;
    if (this.#cursor === this.frames.length) return undefined;
    const position = this.#cursor++;
    this.#holds[position] = GIVEN;
    this.#waiting--;
    this.#given++;
    return this.#entry(position);
  }

  /** The spool alone holds the frame from now on. @returns whether somebody else held it. */
  release(position: number): boolean {
    const hold = this.#holds[position];
    if (hold !== HELD && hold !== GIVEN) return false;
    if (hold === GIVEN) this.#given--;
    else this.#records += countRecords(this.remaining(position));
    this.#holds[position] = WAITING;
    this.#waiting++;
    this.#cursor = Math.min(this.#cursor, position);
    return true;
  }

  /** @returns whether anything changed. */
  settle(position: number, first: number, records: number): boolean {
    const before = this.remaining(position);
    if (this.#subtract(position, first, records) === 0) return false;
    if (this.fate !== 'stored') return true;
    const isDone = this.#holds[position] === DONE;
    const index = this.frames.index(position);
    if (isDone) this.acks.noteWhole(index, this.frames.records(position));
    else this.acks.notePart(index, before, this.remaining(position));
    return true;
  }

  requeue(position: number): void {
    if (this.#holds[position] === GIVEN) this.release(position);
  }

  /** The frame is gone from the disk. @returns lost records: 0 if the caller of `store` still has them. */
  drop(position: number, isDamage: boolean): number {
    if (isDamage) {
      this.isDamaged = true;
      this.#entry(position).isDamaged = true;
    }
    const hold = this.#holds[position];
    if (hold !== WAITING && hold !== GIVEN) return 0;
    const lost = countRecords(this.remaining(position));
    this.settle(position, 0, this.frames.records(position));
    return lost;
  }

  /** The file is gone: waiting records are lost, records given out are still in memory. */
  markGone(): void {
    this.fate = 'damaged';
    for (const position of this.waitingPositions())
      this.#subtract(position, 0, this.frames.records(position));
  }

  remaining(position: number): readonly RecordRange[] {
    if (this.#holds[position] === DONE) return [];
    return this.#remaining.get(position) ?? [[0, this.frames.records(position)]];
  }

  /** Positions of the frames that the spool alone holds. */
  *ownPositions(): Generator<number> {
    for (; this.#holds[this.#oldest] === DONE; this.#oldest++);
    for (let position = this.#oldest; position < this.frames.length; position++) {
      const hold = this.#holds[position];
      if (hold === WAITING || hold === GIVEN) yield position;
    }
  }

  *waitingPositions(): Generator<number> {
    for (let position = this.#cursor; position < this.frames.length; position++) {
      if (this.#holds[position] === WAITING) yield position;
    }
  }

  #add(header: Uint8Array, offset: number, hold: number): number {
    const position = this.frames.add(header, offset);
    if (position === this.#holds.length) {
      const holds = new Uint8Array(position * 2);
      holds.set(this.#holds);
      this.#holds = holds;
    }
    this.#holds[position] = hold;
    this.#live++;
    return position;
  }

  #entry(position: number): SegmentEntry {
    let entry = this.#entries.get(position);
    if (entry === undefined) {
      entry = new SegmentEntry(this, position);
      this.#entries.set(position, entry);
    }
    return entry;
  }

  /** @returns newly settled records. */
  #subtract(position: number, first: number, records: number): number {
    const before = this.remaining(position);
    const after = without(before, first, records);
    const settled = countRecords(before) - countRecords(after);
    if (settled === 0) return 0;
    const hold = this.#holds[position];
    if (hold === WAITING || hold === GIVEN) this.#records -= settled;
    if (after.length === 0) this.#end(position);
    else this.#remaining.set(position, after);
    return settled;
  }

  #end(position: number): void {
    const hold = this.#holds[position];
    if (hold === WAITING) this.#waiting--;
    if (hold === GIVEN) this.#given--;
    this.#holds[position] = DONE;
    this.#live--;
    this.#remaining.delete(position);
    this.#entries.delete(position);
  }
}

/** A handle for a frame; all state is in the segment. */
export class SegmentEntry implements SpoolEntry {
  readonly segment: Segment;
  readonly position: number;
  isDamaged = false;

  constructor(segment: Segment, position: number) {
    this.segment = segment;
    this.position = position;
  }

  get state(): EntryState {
    return this.isDamaged ? 'damaged' : this.segment.fate;
  }

  get records(): number {
    return this.segment.frames.records(this.position);
  }

  get bytes(): number {
    return FRAME_HEADER_BYTES + this.segment.frames.payloadBytes(this.position);
  }

  get openedAtUnixMillis(): number {
    return this.segment.frames.openedAtUnixMillis(this.position);
  }

  get attempts(): number {
    return this.segment.frames.attempts(this.position);
  }

  get isProtected(): boolean {
    return this.segment.frames.isProtected(this.position);
  }

  get isRecovered(): boolean {
    return this.segment.partition.isRecovered;
  }

  get remaining(): readonly RecordRange[] {
    return this.segment.remaining(this.position);
  }
}
