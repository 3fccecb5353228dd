/** Frames on their way to their place in a file: every append among them is answered once, however the write ends. */

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

  /** Gives the frames their place in the file. */
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

  /** At the same place once more: the asynchronous write may never come to its end. @throws what the file system does. */
  repeatSync(): void {
    let { offset } = this;
    for (const buffer of this.buffers) {
      this.file.writeSync(buffer, offset);
      offset += buffer.byteLength;
    }
  }

  /** Frames are stored that end within the first `goodBytes` of what was written. */
  answer(goodBytes: number): void {
    for (const { resolve } of this.#storedUpTo(this.offset + goodBytes)) resolve(undefined);
  }

  /**
   * The partition is another's, or may be. What that process found in the file, up to its fence, is stored and its own to
   * send.
   * @returns the others: they go into a new partition, and are answered then.
   */
  share(fencedEnd: number): Append[] {
    return this.#storedUpTo(fencedEnd);
  }

  /** @param end in the file. @returns the appends of the other frames, which have failed and have no answer yet. */
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
