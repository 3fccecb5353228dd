/** Writes acknowledgements and deletes settled segments in the background, one at a time. */

import { type Clock, coalesced } from '../../common/clock.ts';
import type { SpoolListener } from '../format/entry.ts';
import { reasonOf, type SpoolFiles, unlinkIfThere } from '../format/file-system.ts';
import type { Partition } from '../ownership/partition.ts';
import type { Quarantine } from './quarantine.ts';
import type { SpoolQuota } from './quota.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

export interface CleanerContext {
  readonly segments: SegmentList;
  readonly quota: SpoolQuota;
  readonly quarantine: Quarantine;
  readonly clock: Clock;
  readonly files: SpoolFiles;
  readonly warn: SpoolListener['warn'];
  emptied(partition: Partition): Promise<void>;
}

export class SegmentCleaner {
  readonly #context: CleanerContext;
  #due = new Set<Segment>();
  readonly #runLater: () => void;
  #running: Promise<void> = Promise.resolve();

  constructor(context: CleanerContext) {
    this.#context = context;
    this.#runLater = coalesced(context.clock, () => void this.run());
  }

  schedule(segment: Segment): void {
    this.#due.add(segment);
    this.#runLater();
  }

  /** Retries what failed before. */
  scheduleAll(): void {
    for (const segment of this.#context.segments) {
      if (segment.acks.isPending || (segment.isComplete && segment.isDone)) this.schedule(segment);
    }
  }

  /** Never rejects. */
  run(): Promise<void> {
    this.#running = this.#running.then(() => this.#run());
    return this.#running;
  }

  /** Synchronous {@link run} for all segments, at the exit of the process. Never throws. */
  runSync(): void {
    for (const segment of [...this.#context.segments]) {
      try {
        if (segment.isComplete && segment.isDone && !segment.isDamaged) this.#deleteSync(segment);
        else segment.acks.flushSync(this.#context.files);
      } catch {
        // Its settled records are delivered a second time.
      }
    }
  }

  async #run(): Promise<void> {
    const due = this.#due;
    this.#due = new Set();
    for (const segment of due) {
      try {
        await this.#clean(segment);
      } catch (error) {
        this.#context.warn('spool acknowledgements', `the spool cannot be tidied: ${reasonOf(error)}`);
      }
    }
  }

  async #clean(segment: Segment): Promise<void> {
    if (segment.fate !== 'stored') {
      if (segment.records === 0) this.#context.segments.remove(segment);
      return;
    }
    if (segment.isBeingDeleted) return;
    if (!segment.isComplete || !segment.isDone) {
      await segment.acks.flush(this.#context.files, this.#context.quota.fits(segment.acks.optionalBytes));
      return;
    }
    segment.isBeingDeleted = true;
    try {
      await segment.acks.idle();
      if (segment.isDamaged) await this.#quarantine(segment);
      else await unlinkIfThere(this.#context.files, segment.path);
      // Useless without its segment, and removed with the partition at the latest.
      await this.#context.files.unlink(segment.ackPath).catch(() => {});
    } catch (error) {
      segment.isBeingDeleted = false;
      throw error;
    }
    this.#context.segments.remove(segment);
    await this.#context.emptied(segment.partition);
  }

  async #quarantine(segment: Segment): Promise<void> {
    try {
      await this.#context.quarantine.add(segment);
      this.#context.quota.otherBytes += segment.bytes;
    } catch {
      await unlinkIfThere(this.#context.files, segment.path);
    }
  }

  #deleteSync(segment: Segment): void {
    this.#context.files.unlinkSync(segment.path);
    this.#context.segments.remove(segment);
    this.#context.files.unlinkSync(segment.ackPath);
  }
}
