/** Finds the frames of a segment, also behind damage. */

import { readFully, type SpoolFiles } from './file-system.ts';
import {
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  frameField,
  isFrameHeader,
  MAX_SEGMENT_BYTES,
  parseSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './layout.ts';

/** In a segment that is only damaged there are hardly any. */
const MAX_TRIES = 100_000;

/** The header is valid until the next frame is requested. */
interface FoundFrame {
  readonly header: Buffer;
  readonly offset: number;
}

/** Complete once all frames were read. */
export interface ScannedSegment {
  readonly header: SegmentHeader;
  /** Undefined if the header is damaged and no frame was found. */
  readonly salt: number | undefined;
  /** Bytes that are neither frames nor the remains of an interrupted write, or beyond what is read. */
  readonly damagedBytes: number;
}

export class SegmentScan {
  readonly #window: FileWindow;
  /** End of what is read: of the file, of the segment by its fence, or of the largest segment there can be. */
  #bytes: number;
  readonly #beyondBytes: number;
  #header: SegmentHeader = { kind: 'damaged' };
  #salt: number | undefined;
  #damagedBytes = 0;
  #lastIndex = -1;
  /** Looks at what may be a header and is none, which a file could be full of. */
  #triesLeft = MAX_TRIES;

  /** @param bytes the size of the file. */
  constructor(fd: number, bytes: number, files: SpoolFiles) {
    this.#window = new FileWindow(fd, files);
    this.#bytes = Math.min(bytes, MAX_SEGMENT_BYTES);
    this.#beyondBytes = bytes - this.#bytes;
  }

  get result(): ScannedSegment {
    return { header: this.#header, salt: this.#salt, damagedBytes: this.#damagedBytes + this.#beyondBytes };
  }

  /** All frames in order; none in a segment of a newer version. */
  async *frames(): AsyncGenerator<FoundFrame> {
    const start = await this.#window.from(0, SEGMENT_HEADER_BYTES);
    this.#header = parseSegmentHeader(start);
    if (this.#header.kind === 'newer') return;
    if (this.#header.kind === 'known') {
      this.#salt = this.#header.salt;
      this.#bytes = Math.min(this.#bytes, this.#header.end ?? Number.POSITIVE_INFINITY);
    }
    let offset = this.#header.kind === 'known' ? SEGMENT_HEADER_BYTES : 0;
    while (this.#bytes - offset > 0) {
      const header = await this.#frameAt(offset);
      if (header !== undefined) {
        this.#salt = frameField.salt(header, 0);
        this.#lastIndex = frameField.index(header, 0);
        yield { header, offset };
        offset += FRAME_HEADER_BYTES + frameField.payloadBytes(header, 0);
        continue;
      }
      const next = await this.#search(offset);
      if (await this.#isDamage(offset, next)) this.#damagedBytes += (next ?? this.#bytes) - offset;
      if (next === undefined) return;
      offset = next;
    }
  }

  /** The header of a complete frame at `offset` whose index is above the previous one. */
  async #frameAt(offset: number): Promise<Buffer | undefined> {
    const header = await this.#headerAt(offset);
    return header !== undefined && this.#isWhole(header, 0, offset) ? header : undefined;
  }

  async #headerAt(offset: number): Promise<Buffer | undefined> {
    const bytes = await this.#window.from(offset, FRAME_HEADER_BYTES);
    return isFrameHeader(bytes, 0, this.#salt) && frameField.index(bytes, 0) > this.#lastIndex
      ? bytes.subarray(0, FRAME_HEADER_BYTES)
      : undefined;
  }

  #isWhole(bytes: Buffer, at: number, offset: number): boolean {
    return offset + FRAME_HEADER_BYTES + frameField.payloadBytes(bytes, at) <= this.#bytes;
  }

  /** Offset of the next frame behind `offset`. */
  async #search(offset: number): Promise<number | undefined> {
    let from = offset + 1;
    while (this.#bytes - from >= FRAME_HEADER_BYTES && this.#triesLeft > 0) {
      const bytes = await this.#window.from(from, FRAME_HEADER_BYTES);
      const at = this.#frameIn(bytes, from);
      if (at >= 0) return from + at;
      // A header may begin in the last bytes read.
      from += Math.max(1, bytes.length - FRAME_HEADER_BYTES + 1);
    }
    return undefined;
  }

  /** Position of the first whole header in these bytes of the file; -1 if there is none. */
  #frameIn(bytes: Buffer, start: number): number {
    for (let at = bytes.indexOf(FRAME_MAGIC); at >= 0; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
      if (bytes.length - at < FRAME_HEADER_BYTES || this.#triesLeft-- <= 0) return -1;
      if (
        frameField.index(bytes, at) > this.#lastIndex &&
        this.#isWhole(bytes, at, start + at) &&
        isFrameHeader(bytes, at, this.#salt)
      ) {
        return at;
      }
    }
    return -1;
  }

  /** An interrupted write leaves part of a frame at the end, or zeros: neither is damage. */
  async #isDamage(offset: number, next: number | undefined): Promise<boolean> {
    if (next === undefined && (await this.#isTorn(offset))) return false;
    const end = next ?? this.#bytes;
    for (let at = offset; at < end; ) {
      const bytes = await this.#window.from(at, 1);
      if (bytes.length === 0) return false;
      const length = Math.min(bytes.length, end - at);
      if (bytes.compare(ZEROS, 0, length, 0, length) !== 0) return true;
      at += length;
    }
    return false;
  }

  async #isTorn(offset: number): Promise<boolean> {
    if ((await this.#headerAt(offset)) !== undefined) return true;
    if (this.#header.kind !== 'known') return false;
    const bytes = await this.#window.from(offset, FRAME_HEADER_BYTES);
    const start = bytes.subarray(0, FRAME_MAGIC.length);
    return bytes.length < FRAME_HEADER_BYTES && FRAME_MAGIC.subarray(0, start.length).equals(start);
  }
}

const WINDOW_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(WINDOW_BYTES);

class FileWindow {
  readonly #fd: number;
  readonly #files: SpoolFiles;
  readonly #buffer = Buffer.allocUnsafe(WINDOW_BYTES);
  #start = 0;
  #length = 0;

  constructor(fd: number, files: SpoolFiles) {
    this.#fd = fd;
    this.#files = files;
  }

  /** Bytes from `offset`: at least `bytes`, unless the file ends first. Valid until the next call. */
  async from(offset: number, bytes: number): Promise<Buffer> {
    const at = offset - this.#start;
    if (at < 0 || at + bytes > this.#length) await this.#move(offset, bytes);
    return this.#buffer.subarray(offset - this.#start, this.#length);
  }

  async #move(offset: number, bytes: number): Promise<void> {
    this.#start = offset;
    this.#length = 0;
    this.#length = await readFully(this.#files, this.#fd, this.#buffer, offset, bytes);
  }
}
