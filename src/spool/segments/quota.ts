/** Keeps the spool within its limit by evicting the oldest segments. */

import type { SeverityCounts } from '../../common/severity-counts.ts';
import { countRecords } from '../format/entry.ts';
import { type SpoolFiles, unlinkIfThere, unlinkIfThereSync } from '../format/file-system.ts';
import type { DeferredEvents, Loss } from './deferred-events.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

const MIN_SEGMENT_BYTES = 256 * 1024;
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;
/** Segments guaranteed to each process, however much others occupy. */
const OWN_SEGMENTS = 2;

/** Limit for a segment, unless a single frame is larger. */
export function segmentBytesFor(maxBytes: number): number {
  const share = Math.min(Math.max(Math.floor(maxBytes / 16), MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES);
  return Math.min(share, Math.floor(maxBytes / 4));
}

export class SpoolQuota {
  readonly #maxBytes: number;
  readonly #segments: SegmentList;
  readonly #files: SpoolFiles;
  readonly #listener: Pick<DeferredEvents, 'droppedAll'>;
  /** Bytes of other processes' partitions and of the quarantine. */
  otherBytes = 0;
  /** Segment whose files are being deleted asynchronously. */
  #deleting: Segment | undefined;

  constructor(
    maxBytes: number,
    segments: SegmentList,
    files: SpoolFiles,
    listener: Pick<DeferredEvents, 'droppedAll'>,
  ) {
    this.#maxBytes = maxBytes;
    this.#segments = segments;
    this.#files = files;
    this.#listener = listener;
  }

  /** Segments taken over count as ours from now on: until the next scan, subtract them from the others'. */
  tookOver(segment: Segment): void {
    this.otherBytes = Math.max(0, this.otherBytes - segment.bytesOnDisk);
  }

  fits(bytes: number): boolean {
    return this.#segments.bytesInAll + bytes <= this.#limit;
  }

  couldEverFit(bytes: number): boolean {
    return bytes <= this.#limit;
  }

  /** Evicts segments until `bytes` fit. @returns false if nothing is left to evict. */
  async makeRoom(bytes: number): Promise<boolean> {
    while (!this.fits(bytes)) {
      const oldest = this.#segments.evictable;
      if (oldest === undefined || !this.couldEverFit(bytes)) return false;
      oldest.isBeingDeleted = true;
      this.#deleting = oldest;
      try {
        await oldest.acks.idle();
        await unlinkIfThere(this.#files, oldest.path);
        await this.#files.unlink(oldest.ackPath).catch(() => {});
      } catch (error) {
        oldest.isBeingDeleted = false;
        throw error;
      } finally {
        this.#deleting = undefined;
      }
      // It may have been evicted synchronously during the waits.
      if (oldest.fate === 'stored') this.#evicted(oldest);
    }
    return true;
  }

  makeRoomSync(bytes: number): boolean {
    while (!this.fits(bytes)) {
      const oldest = this.#deleting ?? this.#segments.evictable;
      if (oldest === undefined || !this.couldEverFit(bytes)) return false;
      this.#evictSync(oldest);
    }
    return true;
  }

  /** Completes an asynchronous eviction at the exit, so that no file disappears without its records being counted. */
  finishSync(): void {
    try {
      if (this.#deleting !== undefined) this.#evictSync(this.#deleting);
    } catch {
      // The file stays and is found by the next process.
    }
  }

  #evictSync(segment: Segment): void {
    this.#deleting = undefined;
    unlinkIfThereSync(this.#files, segment.path);
    try {
      this.#files.unlinkSync(segment.ackPath);
    } catch {
      // Optional, and useless without its segment.
    }
    this.#evicted(segment);
  }

  get #limit(): number {
    const own = OWN_SEGMENTS * segmentBytesFor(this.#maxBytes);
    return Math.max(this.#maxBytes - this.otherBytes, own);
  }

  #evicted(segment: Segment): void {
    this.#listener.droppedAll('spool_full', lossesOf(segment));
    segment.fate = 'evicted';
    this.#segments.remove(segment);
  }
}

export function lossesOf(segment: Segment): Loss[] {
  const losses = [false, true].map((wasPassed) => ({
    wasPassed,
    records: 0,
    severities: undefined as number[] | undefined,
  }));
  const { frames } = segment;
  for (const position of segment.waitingPositions()) {
    const loss = losses[Number(wasPassedHere(segment, position))] as (typeof losses)[number];
    const records = countRecords(segment.remaining(position));
    const known = records === frames.records(position) ? frames.severities(position) : undefined;
    const isKnown = known !== undefined && (loss.records === 0 || loss.severities !== undefined);
    loss.severities = isKnown ? plus(loss.severities, known) : undefined;
    loss.records += records;
  }
  return losses.filter(({ records }) => records > 0);
}

/** Attempts of an earlier process do not count. */
export function wasPassedHere(segment: Segment, position: number): boolean {
  return !segment.partition.isRecovered && segment.frames.attempts(position) > 0;
}

function plus(counts: SeverityCounts | undefined, more: SeverityCounts): number[] {
  return more.map((count, range) => count + (counts?.[range] ?? 0));
}
