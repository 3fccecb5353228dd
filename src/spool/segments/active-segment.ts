/** The segment being filled, which is created on demand and finished when it is full. */

import type { Cancel, Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/option-groups.ts';
import { newSalt, SEGMENT_HEADER_BYTES } from '../format/layout.ts';
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
  partitionMade(partition: Partition): void;
  /** @returns whether this process certainly still owns the partition. */
  confirm(partition: Partition): Promise<boolean>;
  /** Another process took entries over while they were written. */
  takenOver(): void;
  completed(segment: Segment): void;
}

export class ActiveSegment {
  readonly #context: ActiveSegmentContext;
  readonly #clock: Clock;
  readonly #isDurable: boolean;
  readonly maxBytes: number;
  #partition: Partition | undefined;
  #file: SegmentFile | undefined;
  readonly #files = new Set<SegmentFile>();
  #cancelSync: Cancel | undefined;

  constructor(context: ActiveSegmentContext) {
    this.#context = context;
    this.#clock = context.clock;
    this.#isDurable = context.settings.fsync !== 'never';
    this.maxBytes = segmentBytesFor(context.settings.maxBytes);
  }

  get partition(): Partition | undefined {
    return this.#partition;
  }

  get file(): SegmentFile | undefined {
    return this.#file;
  }

  /** The file with room for `bytes`, creating the next one if needed; undefined if there is no room. */
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
    // Created synchronously during the wait.
    if (this.#file !== undefined) return this.#file;
    const segment = new Segment(partition, partition.takeSequence(), newSalt(this.#clock));
    segments.add(segment);
    try {
      const file = this.#begin(await SegmentFile.create(segment, this.#isDurable, files));
      // Taken over during the creation: the next segment goes into a new partition.
      if (partition.isOwnershipLost) void this.finish(file, false);
      return file;
    } catch (error) {
      segments.remove(segment);
      throw error;
    }
  }

  /** Synchronous {@link take}. */
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
      // A new partition: there is no time to confirm that the current one was not taken over.
      this.#partition = makePartitionSync(this.#context);
      this.#context.partitionMade(this.#partition);
    }
    const segment = new Segment(this.#partition, this.#partition.takeSequence(), newSalt(this.#clock));
    const file = SegmentFile.createSync(segment, this.#isDurable, files);
    segments.add(segment);
    return this.#begin(file);
  }

  /** Syncs and closes a file. Never rejects. */
  async finish(file: SegmentFile, isSynced = this.#isDurable): Promise<void> {
    if (this.#file === file) this.#file = undefined;
    file.segment.isComplete = true;
    if (isSynced) await file.sync().catch((error: unknown) => this.#context.diskHealth.failed(error));
    await file.close();
    this.#files.delete(file);
    this.#context.completed(file.segment);
  }

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

  /** Closes the files of a lost partition. */
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
        // Nothing more can be done at the exit.
      }
    }
    this.#files.clear();
    this.#file = undefined;
    this.#partition = undefined;
  }

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
