/** Writes acknowledgements, deletes settled segments and keeps damaged ones, in the background and one at a time. */

import { join } from 'node:path';
import { type Clock, coalesced } from '../../common/clock.ts';
import type { SpoolListener } from '../format/entry.ts';
import { codeOf, isDirectory, reasonOf, type SpoolFiles, unlinkIfThere } from '../format/file-system.ts';
import { DIRECTORY_MODE, QUARANTINE_NAME, segmentName } from '../format/layout.ts';
import type { Partition } from '../ownership/partition.ts';
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

/** Share of `maxBytes`. */
const SHARE = 1 / 8;
/** Names begin with the time, so that they sort by age. */
const TIME_DIGITS = 14;

/** Keeps the latest damaged segments for inspection, within a limit. */
export class Quarantine {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;

  constructor(directory: string, maxBytes: number, clock: Clock, files: SpoolFiles) {
    this.#directory = join(directory, QUARANTINE_NAME);
    this.#maxBytes = Math.floor(maxBytes * SHARE);
    this.#clock = clock;
    this.#files = files;
  }

  async add(segment: Segment): Promise<void> {
    const time = String(Math.max(0, Math.trunc(this.#clock.wallNow()))).padStart(TIME_DIGITS, '0');
    const partition = segment.partition.name.slice('partition-'.length);
    try {
      await this.#files.mkdir(this.#directory, DIRECTORY_MODE);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      // Through a link, files would be deleted where it leads to.
      if (!(await isDirectory(this.#directory, this.#files))) throw error;
    }
    const name = `${time}-${partition}-${segmentName(segment.sequence)}`;
    await this.#files.rename(segment.path, join(this.#directory, name));
    await this.#shrink();
  }

  async #shrink(): Promise<void> {
    const names = (await this.#files.readdir(this.#directory)).filter((name) => name.endsWith('.seg'));
    const sizes = new Map<string, number>();
    let total = 0;
    for (const name of names.toSorted()) {
      const { size } = await this.#files.stat(join(this.#directory, name));
      sizes.set(name, size);
      total += size;
    }
    for (const [name, size] of sizes) {
      if (total <= this.#maxBytes) return;
      await this.#files.unlink(join(this.#directory, name));
      total -= size;
    }
  }
}
