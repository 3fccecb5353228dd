/** Writes acknowledgements and deletes what is done with, one segment at a time, behind everything else. */

import type { Clock } from '../../common/clock.ts';
import type { SpoolListener } from '../format/entry.ts';
import { isMissing, reasonOf, type SpoolFiles } from '../format/file-system.ts';
import type { Shelf } from '../ownership/partition.ts';
import type { DamagedFiles } from './quarantine.ts';
import type { SpoolRoom } from './quota.ts';
import type { Segment } from './segment.ts';
import type { SegmentStock } from './segment-list.ts';

export interface TidyContext {
  readonly stock: SegmentStock;
  readonly room: SpoolRoom;
  readonly damaged: DamagedFiles;
  readonly clock: Clock;
  readonly files: SpoolFiles;
  readonly warn: SpoolListener['warn'];
  /** A segment of this shelf is gone. */
  emptied(shelf: Shelf): Promise<void>;
}

export class SegmentTidy {
  readonly #context: TidyContext;
  #due = new Set<Segment>();
  #isScheduled = false;
  #running: Promise<void> = Promise.resolve();

  constructor(context: TidyContext) {
    this.#context = context;
  }

  /** There may be something to do about a segment. */
  note(segment: Segment): void {
    this.#due.add(segment);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#context.clock.immediate(() => {
      this.#isScheduled = false;
      void this.run();
    });
  }

  /** What failed before is tried again. */
  noteAll(): void {
    for (const segment of this.#context.stock) {
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
    for (const segment of [...this.#context.stock]) {
      try {
        if (segment.isComplete && segment.isDone && !segment.isDamaged) this.#deleteSync(segment);
        else segment.acks.flushSync(this.#context.files);
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
        this.#context.warn('spool acknowledgements', `the spool cannot be tidied: ${reasonOf(error)}`);
      }
    }
  }

  async #tidy(segment: Segment): Promise<void> {
    if (segment.fate !== 'stored') {
      if (segment.records === 0) this.#context.stock.remove(segment);
      return;
    }
    if (segment.isLeaving) return;
    if (!segment.isComplete || !segment.isDone) {
      await segment.acks.flush(this.#context.files, this.#context.room.has(segment.acks.optionalBytes));
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
    this.#context.stock.remove(segment);
    await this.#context.emptied(segment.shelf);
  }

  async #setAside(segment: Segment): Promise<void> {
    try {
      await this.#context.damaged.add(segment);
      this.#context.room.otherBytes += segment.bytes;
    } catch {
      await this.#unlink(segment.path);
    }
  }

  async #unlink(path: string): Promise<void> {
    try {
      await this.#context.files.unlink(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  #deleteSync(segment: Segment): void {
    this.#context.files.unlinkSync(segment.path);
    this.#context.stock.remove(segment);
    this.#context.files.unlinkSync(segment.ackPath);
  }
}
