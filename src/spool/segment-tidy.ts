/** Writes acknowledgements and deletes what is done with, one segment at a time, behind everything else. */

import type { Clock } from '../clock.ts';
import type { DamagedFiles } from './damaged-files.ts';
import { isMissing, reasonOf } from './file-errors.ts';
import type { Segment } from './segment.ts';
import type { SegmentStock } from './segment-stock.ts';
import type { Shelf } from './shelf.ts';
import type { SpoolListener } from './spool-entry.ts';
import type { SpoolFiles } from './spool-files.ts';
import type { SpoolRoom } from './spool-room.ts';

export class SegmentTidy {
  readonly #stock: SegmentStock;
  readonly #room: SpoolRoom;
  readonly #damaged: DamagedFiles;
  readonly #listener: Pick<SpoolListener, 'warn'>;
  readonly #emptied: (shelf: Shelf) => Promise<void>;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #due = new Set<Segment>();
  #isScheduled = false;
  #running: Promise<void> = Promise.resolve();

  /** @param emptied is called for the shelf of a segment that is gone. */
  constructor(
    stock: SegmentStock,
    room: SpoolRoom,
    damaged: DamagedFiles,
    listener: Pick<SpoolListener, 'warn'>,
    emptied: (shelf: Shelf) => Promise<void>,
    clock: Clock,
    files: SpoolFiles,
  ) {
    this.#stock = stock;
    this.#room = room;
    this.#damaged = damaged;
    this.#listener = listener;
    this.#emptied = emptied;
    this.#clock = clock;
    this.#files = files;
  }

  /** There may be something to do about a segment. */
  note(segment: Segment): void {
    this.#due.add(segment);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.immediate(() => {
      this.#isScheduled = false;
      void this.run();
    });
  }

  /** What failed before is tried again. */
  noteAll(): void {
    for (const segment of this.#stock) {
      if (segment.acks.isPending || (segment.isComplete && segment.isDone)) this.note(segment);
    }
  }

  /** Does what is due. Never rejects. */
  run(): Promise<void> {
    this.#running = this.#running.then(() => this.#run());
    return this.#running;
  }

  /** The same at once, at the end of the process. Never throws. */
  runSync(): void {
    for (const segment of [...this.#stock]) {
      try {
        if (segment.isComplete && segment.isDone && !segment.isDamaged) this.#deleteSync(segment);
        else segment.acks.flushSync(this.#files);
      } catch {
        // It is delivered a second time: there is no one left to tell.
      }
    }
  }

  async #run(): Promise<void> {
    const due = this.#due;
    this.#due = new Set();
    for (const segment of due) {
      try {
        await this.#tidy(segment);
      } catch (error) {
        this.#listener.warn('spool acknowledgements', `the spool cannot be tidied: ${reasonOf(error)}`);
      }
    }
  }

  async #tidy(segment: Segment): Promise<void> {
    if (segment.isLeaving || segment.fate !== 'stored') return;
    if (!segment.isComplete || !segment.isDone) {
      await segment.acks.flush(this.#files, this.#room.has(segment.acks.optionalBytes));
      return;
    }
    segment.isLeaving = true;
    try {
      await segment.acks.idle();
      if (segment.isDamaged) await this.#setAside(segment);
      else await this.#unlink(segment.path);
      // Without its segment it is of no use, and goes with the shelf at the latest.
      await this.#unlink(segment.ackPath).catch(() => {});
    } catch (error) {
      segment.isLeaving = false;
      throw error;
    }
    this.#stock.remove(segment);
    await this.#emptied(segment.shelf);
  }

  async #setAside(segment: Segment): Promise<void> {
    try {
      await this.#damaged.add(segment);
      this.#room.otherBytes += segment.bytes;
    } catch {
      await this.#unlink(segment.path);
    }
  }

  async #unlink(path: string): Promise<void> {
    try {
      await this.#files.unlink(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  #deleteSync(segment: Segment): void {
    this.#files.unlinkSync(segment.path);
    this.#stock.remove(segment);
    this.#files.unlinkSync(segment.ackPath);
  }
}
