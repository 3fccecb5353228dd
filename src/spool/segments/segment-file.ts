/** The file of a segment being written, in which every write has a fixed offset, so that repeating one is harmless. */

import { type SpoolFiles, writeFully, writeFullySync } from '../format/file-system.ts';
import { FILE_MODE, segmentHeader } from '../format/layout.ts';
import { fencedEnd, fencedEndSync } from '../ownership/fence.ts';
import type { Segment } from './segment.ts';

/** A failed write, of which `writtenBytes` are in the file. */
export class WriteFailure extends Error {
  readonly writtenBytes: number;

  constructor(cause: unknown, writtenBytes: number) {
    super('write failed', { cause });
    this.writtenBytes = writtenBytes;
  }
}

export class SegmentFile {
  readonly segment: Segment;
  readonly #fd: number;
  readonly #files: SpoolFiles;
  /** Whether a loss of power would lose data. */
  isDirty = true;
  #underWay: Promise<unknown> = Promise.resolve();
  #calls = 0;
  /** No call begins any more. */
  #isClosed = false;
  /** The descriptor is valid: calls in progress may use it even after `#isClosed`. */
  #isOpen = true;

  private constructor(segment: Segment, fd: number, files: SpoolFiles) {
    this.segment = segment;
    this.#fd = fd;
    this.#files = files;
  }

  static async create(segment: Segment, isDurable: boolean, files: SpoolFiles): Promise<SegmentFile> {
    const fd = await files.open(segment.path, 'wx+', FILE_MODE);
    const file = new SegmentFile(segment, fd, files);
    try {
      await file.write([segmentHeader(segment.salt)], 0);
      if (isDurable) await files.syncDirectory(segment.partition.path);
    } catch (error) {
      await file.close();
      await files.unlink(segment.path).catch(() => {});
      throw error;
    }
    return file;
  }

  static createSync(segment: Segment, isDurable: boolean, files: SpoolFiles): SegmentFile {
    const fd = files.openSync(segment.path, 'wx+', FILE_MODE);
    const file = new SegmentFile(segment, fd, files);
    try {
      file.writeSync(segmentHeader(segment.salt), 0);
      if (isDurable) files.syncDirectorySync(segment.partition.path);
    } catch (error) {
      files.closeSync(fd);
      throw error;
    }
    return file;
  }

  /** @throws WriteFailure */
  write(buffers: readonly Uint8Array[], offset: number): Promise<void> {
    return this.#during(this.#write(buffers, offset));
  }

  writeSync(bytes: Uint8Array, offset: number): void {
    this.isDirty = true;
    writeFullySync(this.#files, this.#fd, bytes, offset);
  }

  /** End of the part that another process took over; undefined if unknown. Never rejects. */
  async fencedEnd(): Promise<number | undefined> {
    if (!this.#isOpen) return undefined;
    return await this.#during(fencedEnd(this.#fd, this.#files)).catch(() => undefined);
  }

  /** Synchronous {@link fencedEnd}. Never throws. */
  fencedEndSync(): number | undefined {
    try {
      return fencedEndSync(this.#fd, this.#files);
    } catch {
      return undefined;
    }
  }

  async sync(): Promise<void> {
    if (!this.isDirty || this.#isClosed) return;
    // Writes that begin from here on may miss this sync.
    this.isDirty = false;
    try {
      await this.#during(this.#files.datasync(this.#fd));
    } catch (error) {
      this.isDirty = true;
      throw error;
    }
  }

  syncSync(): void {
    if (!this.isDirty || this.#isClosed) return;
    this.#files.datasyncSync(this.#fd);
    this.isDirty = false;
  }

  /** Closes once no call is in progress. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Closed earlier, the descriptor could be reused, and calls in progress would write to another file.
    await this.#underWay;
    this.#isOpen = false;
    await this.#files.close(this.#fd).catch(() => {});
  }

  /** Leaves the file open while calls are in progress: its descriptor must not be reused. */
  closeSync(): void {
    if (this.#isClosed || this.#calls > 0) return;
    this.#isClosed = true;
    this.#isOpen = false;
    this.#files.closeSync(this.#fd);
  }

  keepOpenFor<T>(work: Promise<T>): Promise<T> {
    this.#underWay = Promise.allSettled([this.#underWay, work]);
    return work;
  }

  #during<T>(call: Promise<T>): Promise<T> {
    this.#calls++;
    const ended = () => {
      this.#calls--;
    };
    return this.keepOpenFor(call.finally(ended));
  }

  async #write(buffers: readonly Uint8Array[], offset: number): Promise<void> {
    this.isDirty = true;
    let done = 0;
    const wrote = (bytes: number) => {
      done += bytes;
    };
    try {
      await writeFully(this.#files, this.#fd, buffers, offset, wrote);
    } catch (error) {
      throw new WriteFailure(error, done);
    }
    this.isDirty = true;
  }
}
