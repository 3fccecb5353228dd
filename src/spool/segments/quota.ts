/** Keeps the spool within its bound: what is stored longest gives way to what is new. */

import type { SeverityCounts } from '../../common/severity-counts.ts';
import { type SpoolFiles, unlinkIfThere, unlinkIfThereSync } from '../format/file-system.ts';
import { countRecords } from '../format/record-ranges.ts';
import type { DeferredEvents, Loss } from './deferred-events.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

const MIN_SEGMENT_BYTES = 256 * 1024;
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;
/** Segments that a process may always have, whatever the others take. */
const OWN_SEGMENTS = 2;

/** What a segment takes at most, unless a single frame takes more. */
export function segmentBytesFor(maxBytes: number): number {
  const share = Math.min(Math.max(Math.floor(maxBytes / 16), MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES);
  return Math.min(share, Math.floor(maxBytes / 4));
}

export class SpoolQuota {
  readonly #maxBytes: number;
  readonly #segments: SegmentList;
  readonly #files: SpoolFiles;
  readonly #listener: Pick<DeferredEvents, 'droppedAll'>;
  /** What others have in the directory, and what is in quarantine. */
  otherBytes = 0;
  /** Whose file is being deleted. */
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

  /** What was another's until now is in the stock, and is not to be counted twice until the next look at the others. */
  tookOver(segment: Segment): void {
    this.otherBytes = Math.max(0, this.otherBytes - segment.bytesOnDisk);
  }

  fits(bytes: number): boolean {
    return this.#segments.bytesInAll + bytes <= this.#limit;
  }

  /** Whether it could ever have. */
  couldEverFit(bytes: number): boolean {
    return bytes <= this.#limit;
  }

  /** Evicts until there is room. @returns false when there is nothing left to evict. @throws what the file system does. */
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
      // Unless that was done at once meanwhile.
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

  /** Ends what `make` has begun, before the process does: or a file could be gone whose records nobody has counted. */
  finishSync(): void {
    try {
      if (this.#deleting !== undefined) this.#evictSync(this.#deleting);
    } catch {
      // Then it stays, and is found again.
    }
  }

  #evictSync(segment: Segment): void {
    this.#deleting = undefined;
    unlinkIfThereSync(this.#files, segment.path);
    try {
      this.#files.unlinkSync(segment.ackPath);
    } catch {
      // It need not be there, and is of no use without its segment.
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

/** What waits in a segment. */
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

/** Attempts of an earlier process are not in this one's counts. */
export function wasPassedHere(segment: Segment, position: number): boolean {
  return !segment.partition.isRecovered && segment.frames.attempts(position) > 0;
}

function plus(counts: SeverityCounts | undefined, more: SeverityCounts): number[] {
  return more.map((count, range) => count + (counts?.[range] ?? 0));
}
