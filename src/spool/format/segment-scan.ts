/** Finds the frames of a segment, around whatever damage there is. */

import { readFully, type SpoolFiles } from './file-system.ts';
import {
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  frameField,
  isFrameHeader,
  parseSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './layout.ts';

/** A frame that was found. The header is valid until the next one is asked for. */
interface FoundFrame {
  readonly header: Buffer;
  readonly offset: number;
}

/** What is known of a segment when all its frames were asked for. */
export interface ScannedSegment {
  readonly header: SegmentHeader;
  /** Undefined when the header is damaged and there is no frame. */
  readonly salt: number | undefined;
  /** Bytes that are neither a frame nor what a write that was cut off leaves. */
  readonly damagedBytes: number;
}

export class SegmentScan {
  readonly #window: FileWindow;
  /** Where the segment ends: with the file, or at its fence. */
  #bytes: number;
  #header: SegmentHeader = { kind: 'damaged' };
  #salt: number | undefined;
  #damagedBytes = 0;
  #lastIndex = -1;

  /** @param bytes the size of the file. */
  constructor(fd: number, bytes: number, files: SpoolFiles) {
    this.#window = new FileWindow(fd, files);
    this.#bytes = bytes;
  }

  get result(): ScannedSegment {
    return { header: this.#header, salt: this.#salt, damagedBytes: this.#damagedBytes };
  }

  /** In their order. Finds none in a segment of a newer version. @throws what the file system does. */
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

  /** The header of a frame that begins here and is all there, and is not one of the past. */
  async #frameAt(offset: number): Promise<Buffer | undefined> {
    const header = await this.#headerAt(offset);
    return header !== undefined && this.#isWhole(header, offset) ? header : undefined;
  }

  async #headerAt(offset: number): Promise<Buffer | undefined> {
    const bytes = await this.#window.from(offset, FRAME_HEADER_BYTES);
    return isFrameHeader(bytes, 0, this.#salt) && frameField.index(bytes, 0) > this.#lastIndex
      ? bytes.subarray(0, FRAME_HEADER_BYTES)
      : undefined;
  }

  #isWhole(header: Buffer, offset: number): boolean {
    return offset + FRAME_HEADER_BYTES + frameField.payloadBytes(header, 0) <= this.#bytes;
  }

  /** Where the next frame begins, behind `offset`. */
  async #search(offset: number): Promise<number | undefined> {
    let from = offset + 1;
    while (this.#bytes - from >= FRAME_HEADER_BYTES) {
      const bytes = await this.#window.from(from, FRAME_HEADER_BYTES);
      const at = bytes.indexOf(FRAME_MAGIC);
      if (at < 0) {
        // The magic may begin in the last bytes of what was read.
        from += Math.max(1, bytes.length - FRAME_MAGIC.length + 1);
        continue;
      }
      from += at;
      if ((await this.#frameAt(from)) !== undefined) return from;
      from++;
    }
    return undefined;
  }

  /** A write that was cut off leaves part of a frame at the end, or zeros. */
  async #isDamage(offset: number, next: number | undefined): Promise<boolean> {
    if (next === undefined && (await this.#isTorn(offset))) return false;
    const end = next ?? this.#bytes;
    for (let at = offset; at < end; ) {
      const bytes = await this.#window.from(at, 1);
      if (bytes.length === 0) return false;
      const length = Math.min(bytes.length, end - at);
      for (let index = 0; index < length; index++) if (bytes[index] !== 0) return true;
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

  /**
   * The file from `offset`, as far as the window goes: at least `bytes`, unless the file ends before.
   * Valid until the next call. @throws what the file system does.
   */
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
