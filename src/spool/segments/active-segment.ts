/** The segment that is being filled: made when there is something to write, and finished when it is full. */

import type { Cancel, Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/spool-settings.ts';
import { SEGMENT_HEADER_BYTES } from '../format/layout.ts';
import { newSalt } from '../format/names.ts';
import { makeShelf, makeShelfSync, type Shelf, type ShelfContext } from '../ownership/partition.ts';
import type { SpoolTrouble } from './disk-health.ts';
import { type SpoolRoom, segmentBytesFor } from './quota.ts';
import { Segment } from './segment.ts';
import { SegmentFile } from './segment-file.ts';
import type { SegmentStock } from './segment-list.ts';

export interface OpenSegmentContext extends ShelfContext {
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

export class OpenSegment {
  readonly #context: OpenSegmentContext;
  readonly #clock: Clock;
  readonly #isDurable: boolean;
  /** What a segment takes at most, unless a single frame takes more. */
  readonly maxBytes: number;
  #shelf: Shelf | undefined;
  #file: SegmentFile | undefined;
  /** Those that are not closed yet. */
  readonly #files = new Set<SegmentFile>();
  #cancelSync: Cancel | undefined;

  constructor(context: OpenSegmentContext) {
    this.#context = context;
    this.#clock = context.clock;
    this.#isDurable = context.settings.fsync !== 'never';
    this.maxBytes = segmentBytesFor(context.settings.maxBytes);
  }

  /** The shelf that is being filled. */
  get shelf(): Shelf | undefined {
    return this.#shelf;
  }

  /** What frames are appended to now. */
  get file(): SegmentFile | undefined {
    return this.#file;
  }

  /**
   * The file for a frame that takes so much; a new one if it must be.
   * @returns undefined when there is no room. @throws what the file system does.
   */
  async take(bytes: number): Promise<SegmentFile | undefined> {
    const { stock, room, files } = this.#context;
    const shelf = await this.#takeShelf();
    const current = this.#file;
    if (current !== undefined) {
      const isUseless = current.segment.isDone && !room.has(bytes);
      if (!isUseless && this.#fits(current.segment, bytes)) return current;
      await this.finish(current);
    }
    if (!(await room.make(bytes + SEGMENT_HEADER_BYTES))) return undefined;
    // Made at once meanwhile.
    if (this.#file !== undefined) return this.#file;
    const segment = new Segment(shelf, shelf.takeSequence(), newSalt(this.#clock));
    stock.add(segment);
    try {
      const file = this.#begin(await SegmentFile.create(segment, this.#isDurable, files));
      // It is in another's hands by now: the next one will be in a new shelf.
      if (shelf.isLost) void this.finish(file, false);
      return file;
    } catch (error) {
      stock.remove(segment);
      throw error;
    }
  }

  /** The same at once. */
  takeSync(bytes: number): SegmentFile | undefined {
    const { stock, room, files } = this.#context;
    const current = this.#file;
    const isHeld = this.#shelf?.lease.isInDate(this.#clock.now()) === true;
    if (current !== undefined) {
      if (isHeld && this.#fits(current.segment, bytes)) return current;
      void this.finish(current);
    }
    if (!room.makeSync(bytes + SEGMENT_HEADER_BYTES)) return undefined;
    if (this.#shelf === undefined || !isHeld) {
      // There is no time to find out whether the one there is has been taken over.
      this.#shelf = makeShelfSync(this.#context);
      this.#context.opened(this.#shelf);
    }
    const segment = new Segment(this.#shelf, this.#shelf.takeSequence(), newSalt(this.#clock));
    const file = SegmentFile.createSync(segment, this.#isDurable, files);
    stock.add(segment);
    return this.#begin(file);
  }

  /** Nothing more is appended to a file. Never rejects. */
  async finish(file: SegmentFile, isSynced = this.#isDurable): Promise<void> {
    if (this.#file === file) this.#file = undefined;
    file.segment.isComplete = true;
    if (isSynced) await file.sync().catch((error: unknown) => this.#context.trouble.failed(error));
    await file.close();
    this.#files.delete(file);
    this.#context.completed(file.segment);
  }

  /** What was written is made durable when the interval has passed. */
  syncLater(): void {
    this.#cancelSync ??= this.#clock.timer(() => {
      this.#cancelSync = undefined;
      for (const file of this.#files) {
        file.sync().catch((error: unknown) => {
          this.#context.trouble.failed(error);
          void this.finish(file, false);
        });
      }
    }, this.#context.settings.fsyncIntervalMillis);
  }

  /** The shelf is another's: what comes goes into a new one. */
  forget(shelf: Shelf): void {
    if (this.#shelf === shelf) this.#shelf = undefined;
    for (const file of this.#files) if (file.segment.shelf === shelf) void this.finish(file, false);
  }

  async close(): Promise<void> {
    this.#cancelSync?.();
    for (const file of [...this.#files]) await this.finish(file);
  }

  /** Never throws. */
  closeSync(): void {
    this.#cancelSync?.();
    for (const file of this.#files) {
      file.segment.isComplete = true;
      try {
        if (this.#isDurable) file.syncSync();
        file.closeSync();
      } catch {
        // It is as durable as it could be made.
      }
    }
    this.#files.clear();
    this.#file = undefined;
    this.#shelf = undefined;
  }

  /** @throws what the file system does. */
  async #takeShelf(): Promise<Shelf> {
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

  #fits(segment: Segment, bytes: number): boolean {
    return segment.frames.length === 0 || segment.bytes + bytes <= this.maxBytes;
  }

  #begin(file: SegmentFile): SegmentFile {
    if (this.#file !== undefined) void this.finish(this.#file);
    this.#file = file;
    this.#files.add(file);
    return file;
  }
}
