/** Reads one segment file, for its owner, for who takes it over, and for the command line. Changes nothing. */

import { crc32 } from './checksum.ts';
import { readFully, type SpoolFiles } from './file-system.ts';
import type { FrameTable } from './frame-table.ts';
import {
  FRAME_HEADER_BYTES,
  parseSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './layout.ts';
import { type ScannedSegment, SegmentScan } from './segment-scan.ts';

/** All methods throw what the file system does. */
export class SegmentReader {
  readonly #path: string;
  readonly #fd: number;
  readonly #files: SpoolFiles;

  private constructor(path: string, fd: number, files: SpoolFiles) {
    this.#path = path;
    this.#fd = fd;
    this.#files = files;
  }

  /** The caller closes it. */
  static async open(path: string, files: SpoolFiles): Promise<SegmentReader> {
    return new SegmentReader(path, await files.open(path, 'r', 0), files);
  }

  /** Opened for `work`, and closed when that has ended. */
  static async during<T>(
    path: string,
    files: SpoolFiles,
    work: (reader: SegmentReader) => Promise<T>,
  ): Promise<T> {
    const reader = await SegmentReader.open(path, files);
    try {
      return await work(reader);
    } finally {
      await reader.close();
    }
  }

  /** The size of the file. */
  async bytes(): Promise<number> {
    return (await this.#files.stat(this.#path)).size;
  }

  async header(): Promise<SegmentHeader> {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    return parseSegmentHeader(bytes.subarray(0, await readFully(this.#files, this.#fd, bytes, 0)));
  }

  /**
   * Finds the frames, around damage if there is any. There are none in a segment of a newer version.
   * @param bytes of the file that are looked at.
   * @param found is given each frame in order; the header is valid during the call.
   */
  async scan(bytes: number, found: (header: Buffer, offset: number) => void): Promise<ScannedSegment> {
    const scan = new SegmentScan(this.#fd, bytes, this.#files);
    for await (const { header, offset } of scan.frames()) found(header, offset);
    return scan.result;
  }

  /** The payload of a frame; undefined when it is not what was written. */
  async payload(frames: FrameTable, position: number): Promise<Buffer | undefined> {
    const payload = Buffer.allocUnsafeSlow(frames.payloadBytes(position));
    const start = frames.offset(position) + FRAME_HEADER_BYTES;
    const read = await readFully(this.#files, this.#fd, payload, start);
    return read === payload.length && crc32(payload) === frames.payloadCrc(position) ? payload : undefined;
  }

  async close(): Promise<void> {
    await this.#files.close(this.#fd);
  }
}
