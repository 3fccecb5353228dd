/** Appends entries to the active segment; those that wait share one write. */

import type { Clock } from '../common/clock.ts';
import type { NewEntry, SpoolEntry } from './format/entry.ts';
import {
  ACK_BYTES,
  crc32,
  FRAME_HEADER_BYTES,
  frameHeader,
  MAX_PAYLOAD_BYTES,
  SEGMENT_HEADER_BYTES,
} from './format/layout.ts';
import { type Append, FrameWrite } from './frame-write.ts';
import type { Partition } from './ownership/partition.ts';
import { ActiveSegment, type ActiveSegmentContext } from './segments/active-segment.ts';
import type { Segment } from './segments/segment.ts';
import { type SegmentFile, WriteFailure } from './segments/segment-file.ts';

/** Limit for one write, unless a single frame is larger. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

/** A new owner fences the segments shortly after the takeover: attempts to find the fence, and their interval. */
const LOOKS = 20;
const LOOK_AGAIN_MILLIS = 50;

export class SpoolWriter {
  readonly #context: ActiveSegmentContext;
  readonly #clock: Clock;
  readonly #active: ActiveSegment;
  readonly #waiting: Append[] = [];
  #pumping: Promise<void> | undefined;
  #write: FrameWrite | undefined;
  #isClosed = false;

  constructor(context: ActiveSegmentContext) {
    this.#context = context;
    this.#clock = context.clock;
    this.#active = new ActiveSegment(context);
  }

  get partition(): Partition | undefined {
    return this.#active.partition;
  }

  append(entry: NewEntry, resolve: (entry: SpoolEntry | undefined) => void): void {
    if (this.#isClosed || !this.#accepts(entry)) {
      resolve(undefined);
      return;
    }
    this.#waiting.push({ entry, payloadCrc: crc32(entry.payload), resolve });
    this.#pumping ??= this.#pump();
  }

  /** Works even after `closeSync`, in a new partition that the caller must release. */
  appendSync(entry: NewEntry): SpoolEntry | undefined {
    return this.#accepts(entry) ? this.#appendSync(entry, crc32(entry.payload)) : undefined;
  }

  /** Stops using a partition that was lost: new entries go into another one. */
  detach(partition: Partition): void {
    this.#active.detach(partition);
  }

  /** Finishes the active segment if nothing in it is needed any more, so that it can be deleted. */
  idle(): void {
    const { file } = this.#active;
    if (file?.segment.isDone && this.#waiting.length === 0) void this.#active.finish(file);
  }

  /** Writes waiting appends and the one in progress synchronously, and answers them. Never throws. */
  flushSync(): void {
    if (!this.#context.diskHealth.isHanging) this.#rewrite();
    for (const { entry, payloadCrc, resolve } of this.#waiting.splice(0)) {
      resolve(this.#context.diskHealth.isHanging ? undefined : this.#appendSync(entry, payloadCrc));
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#pumping !== undefined) await this.#pumping;
    await this.#active.close();
  }

  /** Synchronous {@link close}. Never throws. */
  closeSync(): void {
    this.#isClosed = true;
    this.flushSync();
    if (!this.#context.diskHealth.isHanging) this.#active.closeSync();
  }

  #accepts({ payload }: NewEntry): boolean {
    const { quota, diskHealth } = this.#context;
    return (
      diskHealth.isUsable &&
      payload.byteLength <= MAX_PAYLOAD_BYTES &&
      quota.couldEverFit(footprint(payload) + SEGMENT_HEADER_BYTES)
    );
  }

  async #pump(): Promise<void> {
    // Appends of the same turn go out together.
    await null;
    while (this.#waiting.length > 0) {
      // If the disk hangs, appends that still wait are refused: their records can be sent from memory.
      this.#context.diskHealth.writeBegan(() => this.#refuse());
      try {
        await this.#writeSome();
      } catch (error) {
        this.#context.diskHealth.failed(error instanceof WriteFailure ? error.cause : error);
        this.#refuse();
      } finally {
        this.#context.diskHealth.writeEnded();
      }
    }
    // Reset in the turn in which the loop found nothing, so that the next append starts it again.
    this.#pumping = undefined;
  }

  #refuse(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }

  async #writeSome(): Promise<void> {
    const first = this.#waiting[0] as Append;
    const needed = footprint(first.entry.payload);
    const file = await this.#active.take(needed);
    const hasRoom = file !== undefined && (await this.#context.quota.makeRoom(needed));
    // A synchronous flush may have written the waiting appends and finished the file.
    if (this.#waiting[0] !== first) return;
    if (!hasRoom) {
      this.#waiting.shift();
      first.resolve(undefined);
      return;
    }
    if (this.#active.file !== file) return;
    const write = new FrameWrite(file, this.#take(file.segment));
    this.#write = write;
    try {
      await file.keepOpenFor(this.#perform(write));
    } finally {
      this.#write = undefined;
    }
  }

  #take(segment: Segment): Append[] {
    let bytes = 0;
    let count = 0;
    for (const { entry } of this.#waiting) {
      const more = bytes + FRAME_HEADER_BYTES + entry.payload.byteLength;
      const fits =
        more <= MAX_WRITE_BYTES &&
        segment.bytes + more <= this.#active.maxBytes &&
        this.#context.quota.fits(more + (count + 1) * ACK_BYTES);
      if (count > 0 && !fits) break;
      bytes = more;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #perform(write: FrameWrite): Promise<void> {
    const { file, buffers, offset } = write;
    const { settings, diskHealth } = this.#context;
    let goodBytes = Number.POSITIVE_INFINITY;
    let failure: unknown;
    try {
      await file.write(buffers, offset);
    } catch (error) {
      failure = error;
      goodBytes = error instanceof WriteFailure ? error.writtenBytes : 0;
      file.segment.cutShort(offset, buffers, goodBytes);
    }
    try {
      if (settings.fsync === 'always') await file.sync();
    } catch (error) {
      failure ??= error;
      goodBytes = 0;
    }
    const { partition } = file.segment;
    // The partition may have been taken over during a slow write.
    const isOurs = partition.lease.isValid(this.#clock.now()) || (await this.#context.confirm(partition));
    if (partition.isOwnershipLost) {
      const end = await this.#fencedEnd(file);
      this.#waiting.unshift(...write.share(end ?? 0));
      if (end !== undefined) this.#context.takenOver();
      return;
    }
    if (!isOurs) failure ??= partition.lease.lastError;
    // Before the answer: its receiver asks whether the disk works.
    if (failure !== undefined) diskHealth.failed(failure instanceof WriteFailure ? failure.cause : failure);
    write.answer(isOurs ? goodBytes : 0);
    if (failure !== undefined) {
      void this.#active.finish(file, false);
      throw failure;
    }
    diskHealth.succeeded();
    if (settings.fsync === 'interval') this.#active.syncLater();
  }

  /** Waits for the fence that the new owner writes. */
  async #fencedEnd(file: SegmentFile): Promise<number | undefined> {
    for (let looks = 1; ; looks++) {
      const end = await file.fencedEnd();
      if (end !== undefined || file.segment.fate !== 'takenOver' || looks === LOOKS) return end;
      await new Promise<void>((resolve) => void this.#clock.timer(resolve, LOOK_AGAIN_MILLIS));
    }
  }

  #appendSync(entry: NewEntry, payloadCrc: number, isLastTry = false): SpoolEntry | undefined {
    const { quota, settings, diskHealth } = this.#context;
    let file: SegmentFile | undefined;
    let position: number | undefined;
    try {
      const needed = footprint(entry.payload);
      file = this.#active.takeSync(needed);
      if (file === undefined || !quota.makeRoomSync(needed)) return undefined;
      const { segment } = file;
      const offset = segment.bytes;
      const header = frameHeader(entry, segment.salt, segment.frames.length, payloadCrc);
      position = segment.begin(header, entry.payload.byteLength);
      file.writeSync(header, offset);
      file.writeSync(entry.payload, offset + FRAME_HEADER_BYTES);
      if (settings.fsync === 'always') file.syncSync();
      if (settings.fsync === 'interval' && !this.#isClosed) this.#active.syncLater();
      const { lease } = segment.partition;
      if (!isLastTry && !lease.isValid(this.#clock.now()) && !lease.isInPlaceSync()) {
        // As in `#perform`, but without waiting for a fence: the second try makes a new partition.
        const end = offset + FRAME_HEADER_BYTES + entry.payload.byteLength;
        if (end <= (file.fencedEndSync() ?? 0)) return segment.written(position);
        segment.failed(position);
        return this.#appendSync(entry, payloadCrc, true);
      }
      diskHealth.succeeded();
      return segment.written(position);
    } catch (error) {
      if (position !== undefined) file?.segment.failed(position);
      if (file !== undefined) void this.#active.finish(file, false);
      diskHealth.failed(error);
      return undefined;
    }
  }

  /** Repeats the write in progress synchronously at the same offsets: it may never end. */
  #rewrite(): void {
    const write = this.#write;
    if (write === undefined || write.isAnswered) return;
    const { file } = write;
    const { lease } = file.segment.partition;
    let isWritten = true;
    try {
      write.repeatSync();
      if (this.#context.settings.fsync === 'always') file.syncSync();
    } catch {
      isWritten = false;
    }
    const isHeld = lease.isValid(this.#clock.now());
    // If it failed, the result of the asynchronous write counts.
    if (isHeld && !isWritten) return;
    if (isHeld || (isWritten && lease.isInPlaceSync())) write.answer(Number.POSITIVE_INFINITY);
    else this.#waiting.unshift(...write.share(file.fencedEndSync() ?? 0));
  }
}

function footprint(payload: Uint8Array): number {
  return FRAME_HEADER_BYTES + payload.byteLength + ACK_BYTES;
}
