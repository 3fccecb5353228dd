/** The segment that is being filled: made when there is something to write, and finished when it is full. */

import type { Cancel, Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/spool-settings.ts';
import { SEGMENT_HEADER_BYTES } from '../format/layout.ts';
import { newSalt } from '../format/names.ts';
import {
  makePartition,
  makePartitionSync,
  type Partition,
  type PartitionContext,
} from '../ownership/partition.ts';
import type { DiskHealth } from './disk-health.ts';
import { type SpoolQuota, segmentBytesFor } from './quota.ts';
import { Segment } from './segment.ts';
import { SegmentFile } from './segment-file.ts';
import type { SegmentList } from './segment-list.ts';

export interface ActiveSegmentContext extends PartitionContext {
  readonly settings: SpoolSettings;
  readonly segments: SegmentList;
  readonly quota: SpoolQuota;
  readonly diskHealth: DiskHealth;
  /** A partition was made. */
  partitionMade(partition: Partition): void;
  /** Finds out whether a partition is still this process's. @returns false when it is not, or that cannot be found out. */
  confirm(partition: Partition): Promise<boolean>;
  /** Another process has what was just stored. */
  takenOver(): void;
  /** Nothing more is written to a segment. */
  completed(segment: Segment): void;
}

export class ActiveSegment {
  readonly #context: ActiveSegmentContext;
  readonly #clock: Clock;
  readonly #isDurable: boolean;
  /** What a segment takes at most, unless a single frame takes more. */
  readonly maxBytes: number;
  #partition: Partition | undefined;
  #file: SegmentFile | undefined;
  /** Those that are not closed yet. */
  readonly #files = new Set<SegmentFile>();
  #cancelSync: Cancel | undefined;

  constructor(context: ActiveSegmentContext) {
    this.#context = context;
    this.#clock = context.clock;
    this.#isDurable = context.settings.fsync !== 'never';
    this.maxBytes = segmentBytesFor(context.settings.maxBytes);
  }

  /** The partition that is being filled. */
  get partition(): Partition | undefined {
    return this.#partition;
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
    const { segments, quota, files } = this.#context;
    const partition = await this.#takePartition();
    const current = this.#file;
    if (current !== undefined) {
      const isUseless = current.segment.isDone && !quota.fits(bytes);
      if (!isUseless && this.#fits(current.segment, bytes)) return current;
      await this.finish(current);
    }
    if (!(await quota.makeRoom(bytes + SEGMENT_HEADER_BYTES))) return undefined;
    // Made at once meanwhile.
    if (this.#file !== undefined) return this.#file;
    const segment = new Segment(partition, partition.takeSequence(), newSalt(this.#clock));
    segments.add(segment);
    try {
      const file = this.#begin(await SegmentFile.create(segment, this.#isDurable, files));
      // It is in another's hands by now: the next one will be in a new partition.
      if (partition.isOwnershipLost) void this.finish(file, false);
      return file;
    } catch (error) {
      segments.remove(segment);
      throw error;
    }
  }

  /** The same at once. */
  takeSync(bytes: number): SegmentFile | undefined {
    const { segments, quota, files } = this.#context;
    const current = this.#file;
    const areValid = this.#partition?.lease.isValid(this.#clock.now()) === true;
    if (current !== undefined) {
      if (areValid && this.#fits(current.segment, bytes)) return current;
      void this.finish(current);
    }
    if (!quota.makeRoomSync(bytes + SEGMENT_HEADER_BYTES)) return undefined;
    if (this.#partition === undefined || !areValid) {
      // There is no time to find out whether the one there is has been taken over.
      this.#partition = makePartitionSync(this.#context);
      this.#context.partitionMade(this.#partition);
    }
    const segment = new Segment(this.#partition, this.#partition.takeSequence(), newSalt(this.#clock));
    const file = SegmentFile.createSync(segment, this.#isDurable, files);
    segments.add(segment);
    return this.#begin(file);
  }

  /** Nothing more is appended to a file. Never rejects. */
  async finish(file: SegmentFile, isSynced = this.#isDurable): Promise<void> {
    if (this.#file === file) this.#file = undefined;
    file.segment.isComplete = true;
    if (isSynced) await file.sync().catch((error: unknown) => this.#context.diskHealth.failed(error));
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
          this.#context.diskHealth.failed(error);
          void this.finish(file, false);
        });
      }
    }, this.#context.settings.fsyncIntervalMillis);
  }

  /** The partition is another's: what comes goes into a new one. */
  detach(partition: Partition): void {
    if (this.#partition === partition) this.#partition = undefined;
    for (const file of this.#files) if (file.segment.partition === partition) void this.finish(file, false);
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
    this.#partition = undefined;
  }

  /** @throws what the file system does. */
  async #takePartition(): Promise<Partition> {
    const held = this.#partition;
    if (held !== undefined) {
      if (held.lease.isValid(this.#clock.now()) || (await this.#context.confirm(held))) return held;
      if (!held.isOwnershipLost) throw held.lease.lastError;
    }
    const made = await makePartition(this.#context);
    const madeMeanwhile = this.#partition;
    if (madeMeanwhile !== undefined) {
      await made.remove();
      return madeMeanwhile;
    }
    this.#partition = made;
    this.#context.partitionMade(made);
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
