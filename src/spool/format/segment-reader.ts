/** Reads a segment file for its owner, for a takeover and for the command line, without changing it. */

import { codeOf, readFully, type SpoolFiles } from './file-system.ts';
import type { FrameTable } from './frame-table.ts';
import {
  crc32,
  FRAME_HEADER_BYTES,
  parseSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './layout.ts';
import { type ScannedSegment, SegmentScan } from './segment-scan.ts';

export class SegmentReader {
  readonly #path: string;
  readonly #fd: number;
  readonly #files: SpoolFiles;

  private constructor(path: string, fd: number, files: SpoolFiles) {
    this.#path = path;
    this.#fd = fd;
    this.#files = files;
  }

  /** The caller must close it. */
  static async open(path: string, files: SpoolFiles): Promise<SegmentReader> {
    return new SegmentReader(path, await files.open(path, 'r', 0), files);
  }

  /** Opens a segment for the duration of `work`. */
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

  async bytes(): Promise<number> {
    return (await this.#files.stat(this.#path)).size;
  }

  async header(): Promise<SegmentHeader> {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    return parseSegmentHeader(bytes.subarray(0, await readFully(this.#files, this.#fd, bytes, 0)));
  }

  /**
   * Finds the frames, also behind damage; none in a segment of a newer version. @param bytes of the file to scan.
   * @param found called with each frame in order; the header is valid during the call only.
   */
  async scan(bytes: number, found: (header: Buffer, offset: number) => void): Promise<ScannedSegment> {
    const scan = new SegmentScan(this.#fd, bytes, this.#files);
    for await (const { header, offset } of scan.frames()) found(header, offset);
    return scan.result;
  }

  /** @returns undefined if the payload is incomplete or fails its checksum. */
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

/** Failures that may pass, such as a lack of file descriptors. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR', 'EACCES', 'EPERM']);
const ATTEMPTS = 2;

/** `missing`: there is no such file; `passing`: a later read may succeed. */
export type ReadResult = Buffer | 'damaged' | 'missing' | 'passing';

/** Reads one payload and distinguishes damage from temporary failures. Never rejects. */
export async function readPayload(
  { path, frames }: { readonly path: string; readonly frames: FrameTable },
  position: number,
  files: SpoolFiles,
): Promise<ReadResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      const payload = await SegmentReader.during(path, files, (reader) => reader.payload(frames, position));
      if (payload !== undefined) return payload;
      if (attempt === ATTEMPTS) return 'damaged';
    } catch (error) {
      const code = codeOf(error) ?? '';
      if (code === 'ENOENT') return 'missing';
      if (PASSING.has(code)) return 'passing';
      if (attempt === ATTEMPTS) return 'damaged';
    }
  }
}
