/** Appends: many that wait go out in one write, into the segment that is being filled. */

import { crc32 } from 'node:zlib';
import type { Cancel, Clock } from '../clock.ts';
import { Segment } from './segment.ts';
import { SegmentFile, WriteFailure } from './segment-file.ts';
import type { SegmentStock } from './segment-stock.ts';
import { makeShelf, makeShelfSync, type Shelf, type ShelfContext } from './shelf.ts';
import type { NewEntry, SpoolEntry } from './spool-entry.ts';
import {
  ACK_BYTES,
  FRAME_HEADER_BYTES,
  frameHeader,
  MAX_PAYLOAD_BYTES,
  SEGMENT_HEADER_BYTES,
} from './spool-format.ts';
import { newSalt } from './spool-names.ts';
import { type SpoolRoom, segmentBytesFor } from './spool-room.ts';
import type { SpoolSettings } from './spool-settings.ts';
import type { SpoolTrouble } from './spool-trouble.ts';

/** What goes out in one write, at most, unless a single frame is larger. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

interface Append {
  readonly entry: NewEntry;
  readonly payloadCrc: number;
  readonly resolve: (entry: SpoolEntry | undefined) => void;
}

interface Write {
  readonly file: SegmentFile;
  readonly appends: readonly Append[];
  readonly positions: readonly number[];
  readonly buffers: readonly Uint8Array[];
  readonly offset: number;
}

export interface WriterContext extends ShelfContext {
  readonly settings: SpoolSettings;
  readonly stock: SegmentStock;
  readonly room: SpoolRoom;
  readonly trouble: SpoolTrouble;
  /** A shelf was made. */
  opened(shelf: Shelf): void;
  /** Finds out whether a shelf is still this process's. @returns false when it is not, or that cannot be found out. */
  confirm(shelf: Shelf): Promise<boolean>;
  /** Nothing more is written to a segment. */
  completed(segment: Segment): void;
}

export class SpoolWriter {
  readonly #context: WriterContext;
  readonly #clock: Clock;
  readonly #segmentBytes: number;
  readonly #waiting: Append[] = [];
  #pumping: Promise<void> | undefined;
  #write: Write | undefined;
  #shelf: Shelf | undefined;
  #file: SegmentFile | undefined;
  /** Those that are not closed yet. */
  readonly #files = new Set<SegmentFile>();
  #cancelSync: Cancel | undefined;
  #isClosed = false;

  constructor(context: WriterContext) {
    this.#context = context;
    this.#clock = context.clock;
    this.#segmentBytes = segmentBytesFor(context.settings.maxBytes);
  }

  /** The shelf that is being filled. */
  get shelf(): Shelf | undefined {
    return this.#shelf;
  }

  append(entry: NewEntry): Promise<SpoolEntry | undefined> {
    if (!this.#accepts(entry)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.push({ entry, payloadCrc: crc32(entry.payload), resolve });
      this.#pumping ??= this.#pump();
    });
  }

  appendSync(entry: NewEntry): SpoolEntry | undefined {
    if (!this.#accepts(entry)) return undefined;
    return this.#appendSync(entry, crc32(entry.payload));
  }

  /** The shelf is another's: what comes goes into a new one. */
  forget(shelf: Shelf): void {
    if (this.#shelf === shelf) this.#shelf = undefined;
    for (const file of this.#files) if (file.segment.shelf === shelf) void this.#finish(file, false);
  }

  /** Nothing was written for a while: a segment of which nothing is needed any more can go. */
  rest(): void {
    const file = this.#file;
    if (file?.segment.isDone && !file.segment.isBeingWritten && this.#waiting.length === 0)
      void this.#finish(file);
  }

  /** Writes what waits, and closes. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#pumping !== undefined) await this.#pumping;
    this.#cancelSync?.();
    for (const file of [...this.#files]) await this.#finish(file);
  }

  /** The same at once. Never throws. */
  closeSync(): void {
    this.#isClosed = true;
    this.#cancelSync?.();
    this.#rewrite();
    for (const append of this.#waiting.splice(0)) {
      append.resolve(this.#appendSync(append.entry, append.payloadCrc));
    }
    for (const file of this.#files) {
      try {
        if (this.#context.settings.fsync !== 'never') file.syncSync();
      } catch {
        // It is as durable as it could be made.
      }
      file.segment.isComplete = true;
    }
  }

  #accepts({ payload }: NewEntry): boolean {
    const { room, trouble } = this.#context;
    return (
      !this.#isClosed &&
      trouble.isOver &&
      payload.byteLength <= MAX_PAYLOAD_BYTES &&
      room.couldHave(footprint(payload) + SEGMENT_HEADER_BYTES)
    );
  }

  async #pump(): Promise<void> {
    // Appends of the same turn go out together.
    await null;
    while (this.#waiting.length > 0) {
      try {
        await this.#writeSome();
      } catch (error) {
        this.#context.trouble.failed(error instanceof WriteFailure ? error.cause : error);
        for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
      }
    }
    // In the turn in which there was nothing left: what comes next starts it again.
    this.#pumping = undefined;
  }

  async #writeSome(): Promise<void> {
    const { room } = this.#context;
    const first = this.#waiting[0] as Append;
    const needed = footprint(first.entry.payload);
    const file = await this.#fileFor(needed);
    // What waits may have been written at once meanwhile.
    if (this.#waiting[0] !== first) return;
    if (file === undefined || !(await room.make(needed))) {
      this.#waiting.shift();
      first.resolve(undefined);
      return;
    }
    if (this.#file !== file || this.#waiting[0] !== first) return;
    const appends = this.#take(file.segment);
    const write = reserve(file, appends);
    this.#write = write;
    try {
      await this.#perform(write);
    } finally {
      if (this.#write === write) this.#write = undefined;
    }
  }

  /** As many of those that wait as go out in one write. */
  #take(segment: Segment): Append[] {
    const { room } = this.#context;
    const appends: Append[] = [];
    let bytes = 0;
    for (const { entry } of this.#waiting) {
      const more = FRAME_HEADER_BYTES + entry.payload.byteLength;
      const isFirst = appends.length === 0;
      const all = bytes + more + (appends.length + 1) * ACK_BYTES;
      const fits =
        bytes + more <= MAX_WRITE_BYTES &&
        segment.bytes + bytes + more <= this.#segmentBytes &&
        room.has(all);
      if (!isFirst && !fits) break;
      appends.push(this.#waiting[appends.length] as Append);
      bytes += more;
    }
    this.#waiting.splice(0, appends.length);
    return appends;
  }

  async #perform(write: Write): Promise<void> {
    const { file, appends, positions, buffers, offset } = write;
    const { settings, trouble } = this.#context;
    let goodBytes = Number.POSITIVE_INFINITY;
    let failure: unknown;
    try {
      await file.write(buffers, offset);
    } catch (error) {
      failure = error;
      goodBytes = error instanceof WriteFailure ? error.writtenBytes : 0;
    }
    try {
      if (settings.fsync === 'always') await file.sync();
    } catch (error) {
      failure ??= error;
      goodBytes = 0;
    }
    // A write that took so long may have gone into another's shelf by now.
    const { shelf } = file.segment;
    const isRewritten = () => this.#write !== write;
    const isOurs =
      isRewritten() || shelf.lease.isInDate(this.#clock.now()) || (await this.#context.confirm(shelf));
    let end = 0;
    for (const [at, { entry, resolve }] of appends.entries()) {
      end += FRAME_HEADER_BYTES + entry.payload.byteLength;
      const position = positions[at] as number;
      const isGood = isOurs && !shelf.isLost && (end <= goodBytes || isRewritten());
      if (isGood) resolve(file.segment.written(position));
      else {
        file.segment.failed(position);
        resolve(undefined);
      }
    }
    if (failure !== undefined) {
      if (file.segment.bytes === offset + end) file.segment.bytes = offset + Math.min(end, goodBytes);
      void this.#finish(file, false);
      throw failure;
    }
    trouble.succeeded();
    if (settings.fsync === 'interval') this.#syncLater();
  }

  /** The file that takes the next frame; a new one if it must be. @throws what the file system does. */
  async #fileFor(bytes: number): Promise<SegmentFile | undefined> {
    const { settings, stock, room, files } = this.#context;
    const shelf = await this.#heldShelf();
    const current = this.#file;
    if (current !== undefined && !room.has(bytes) && current.segment.isDone) await this.#finish(current);
    else if (current !== undefined && this.#fits(current.segment, bytes)) return current;
    else if (current !== undefined) await this.#finish(current);
    if (!(await room.make(bytes + SEGMENT_HEADER_BYTES))) return undefined;
    if (this.#file !== undefined) return this.#file;
    const segment = new Segment(shelf, shelf.takeSequence(), newSalt());
    stock.add(segment);
    try {
      const file = await SegmentFile.create(segment, settings.fsync !== 'never', files);
      return this.#begin(file);
    } catch (error) {
      stock.remove(segment);
      throw error;
    }
  }

  /** @throws what the file system does. */
  async #heldShelf(): Promise<Shelf> {
    const held = this.#shelf;
    if (held !== undefined) {
      if (held.lease.isInDate(this.#clock.now()) || (await this.#context.confirm(held))) return held;
      if (!held.isLost) throw held.lease.lastError;
    }
    const made = await makeShelf(this.#context);
    const madeMeanwhile = this.#shelf;
    if (madeMeanwhile !== undefined) {
      await made.remove();
      return madeMeanwhile;
    }
    this.#shelf = made;
    this.#context.opened(made);
    return made;
  }

  #appendSync(entry: NewEntry, payloadCrc: number): SpoolEntry | undefined {
    const { room, settings, trouble } = this.#context;
    let file: SegmentFile | undefined;
    let position: number | undefined;
    try {
      const needed = footprint(entry.payload);
      file = this.#fileForSync(needed);
      if (file === undefined || !room.makeSync(needed)) return undefined;
      const { segment } = file;
      const offset = segment.bytes;
      const header = frameHeader(entry, segment.salt, segment.frames.length, payloadCrc);
      position = segment.begin(header, entry.payload.byteLength);
      file.writeSync(header, offset);
      file.writeSync(entry.payload, offset + FRAME_HEADER_BYTES);
      if (settings.fsync === 'always') file.syncSync();
      if (settings.fsync === 'interval' && !this.#isClosed) this.#syncLater();
      trouble.succeeded();
      return segment.written(position);
    } catch (error) {
      if (position !== undefined) file?.segment.failed(position);
      if (file !== undefined) void this.#finish(file, false);
      trouble.failed(error);
      return undefined;
    }
  }

  #fileForSync(bytes: number): SegmentFile | undefined {
    const { settings, stock, room, files } = this.#context;
    const now = this.#clock.now();
    const current = this.#file;
    const isHeld = this.#shelf?.lease.isInDate(now) === true;
    if (current !== undefined && isHeld && this.#fits(current.segment, bytes)) return current;
    if (current !== undefined) void this.#finish(current);
    if (!room.makeSync(bytes + SEGMENT_HEADER_BYTES)) return undefined;
    if (this.#shelf === undefined || !isHeld) {
      // There is no time to find out whether the one there is has been taken over.
      this.#shelf = makeShelfSync(this.#context);
      this.#context.opened(this.#shelf);
    }
    const segment = new Segment(this.#shelf, this.#shelf.takeSequence(), newSalt());
    const file = SegmentFile.createSync(segment, settings.fsync !== 'never', files);
    stock.add(segment);
    return this.#begin(file);
  }

  #fits(segment: Segment, bytes: number): boolean {
    return segment.frames.length === 0 || segment.bytes + bytes <= this.#segmentBytes;
  }

  #begin(file: SegmentFile): SegmentFile {
    if (this.#file !== undefined) void this.#finish(this.#file);
    this.#file = file;
    this.#files.add(file);
    return file;
  }

  /** Nothing more is appended to a file. Never rejects. */
  async #finish(file: SegmentFile, isSynced = this.#context.settings.fsync !== 'never'): Promise<void> {
    if (this.#file === file) this.#file = undefined;
    file.segment.isComplete = true;
    if (isSynced) await file.sync().catch((error: unknown) => this.#context.trouble.failed(error));
    await file.close();
    this.#files.delete(file);
    this.#context.completed(file.segment);
  }

  #syncLater(): void {
    this.#cancelSync ??= this.#clock.timer(() => {
      this.#cancelSync = undefined;
      for (const file of this.#files) {
        file.sync().catch((error: unknown) => {
          this.#context.trouble.failed(error);
          void this.#finish(file, false);
        });
      }
    }, this.#context.settings.fsyncIntervalMillis);
  }

  /** What is being written is written again, at the same place: it may never come to its end. */
  #rewrite(): void {
    const write = this.#write;
    if (write === undefined) return;
    try {
      let offset = write.offset;
      for (const buffer of write.buffers) {
        write.file.writeSync(buffer, offset);
        offset += buffer.byteLength;
      }
      // From now on it is good, however the other write ends.
      this.#write = undefined;
    } catch {
      // Then that one's result is what counts.
    }
  }
}

function footprint(payload: Uint8Array): number {
  return FRAME_HEADER_BYTES + payload.byteLength + ACK_BYTES;
}

/** Gives frames their place in the file. */
function reserve(file: SegmentFile, appends: readonly Append[]): Write {
  const { segment } = file;
  const offset = segment.bytes;
  const buffers: Uint8Array[] = [];
  const positions = appends.map(({ entry, payloadCrc }) => {
    const header = frameHeader(entry, segment.salt, segment.frames.length, payloadCrc);
    buffers.push(header, entry.payload);
    return segment.begin(header, entry.payload.byteLength);
  });
  return { file, appends, positions, buffers, offset };
}
