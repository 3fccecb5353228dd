/** One write of several frames at fixed offsets of a file, which answers each append exactly once. */

import type { NewEntry, SpoolEntry } from './format/entry.ts';
import { frameHeader } from './format/layout.ts';
import type { SegmentFile } from './segments/segment-file.ts';

export interface Append {
  readonly entry: NewEntry;
  readonly payloadCrc: number;
  readonly resolve: (entry: SpoolEntry | undefined) => void;
}

export class FrameWrite {
  readonly file: SegmentFile;
  readonly offset: number;
  readonly buffers: readonly Uint8Array[];
  readonly #frames: readonly { readonly append: Append; readonly position: number; readonly end: number }[];
  #isAnswered = false;

  constructor(file: SegmentFile, appends: readonly Append[]) {
    const { segment } = file;
    const buffers: Uint8Array[] = [];
    this.file = file;
    this.offset = segment.bytes;
    this.buffers = buffers;
    this.#frames = appends.map((append) => {
      const { entry, payloadCrc } = append;
      const header = frameHeader(entry, segment.salt, segment.frames.length, payloadCrc);
      buffers.push(header, entry.payload);
      const position = segment.begin(header, entry.payload.byteLength);
      return { append, position, end: segment.bytes };
    });
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Repeats the write synchronously at the same offsets: the asynchronous one may never end. */
  repeatSync(): void {
    let { offset } = this;
    for (const buffer of this.buffers) {
      this.file.writeSync(buffer, offset);
      offset += buffer.byteLength;
    }
  }

  /** Answers all appends: frames within the first `goodBytes` of the write are stored, the others have failed. */
  answer(goodBytes: number): void {
    for (const { resolve } of this.#storedUpTo(this.offset + goodBytes)) resolve(undefined);
  }

  /**
   * For a partition that was, or may have been, taken over: frames before the fence are answered as stored, for the new
   * owner sends them. @returns the other appends, unanswered: they go into a new partition.
   */
  share(fencedEnd: number): Append[] {
    return this.#storedUpTo(fencedEnd);
  }

  /** @param end offset in the file. @returns the failed appends, not answered yet. */
  #storedUpTo(end: number): Append[] {
    if (this.#isAnswered) return [];
    this.#isAnswered = true;
    const { segment } = this.file;
    const failed: Append[] = [];
    for (const frame of this.#frames) {
      if (frame.end <= end) {
        frame.append.resolve(segment.written(frame.position));
      } else {
        segment.failed(frame.position);
        failed.push(frame.append);
      }
    }
    return failed;
  }
}
