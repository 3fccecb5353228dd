/** A segment's file while frames are appended to it: every write has its place, so that writing twice does no harm. */

import { type SpoolFiles, writeFully, writeFullySync } from '../format/file-system.ts';
import { segmentHeader } from '../format/layout.ts';
import { FILE_MODE } from '../format/names.ts';
import { fencedEnd, fencedEndSync } from '../ownership/fence.ts';
import type { Segment } from './segment.ts';

/** A write that failed: so many bytes of it are in the file. */
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
  /** Whether there is anything that a loss of power would take. */
  isDirty = true;
  #underWay: Promise<unknown> = Promise.resolve();
  #calls = 0;
  /** Nothing is begun any more … */
  #isClosed = false;
  /** … and what is under way has the file until this is false. */
  #isOpen = true;

  private constructor(segment: Segment, fd: number, files: SpoolFiles) {
    this.segment = segment;
    this.#fd = fd;
    this.#files = files;
  }

  /** @throws what the file system does. */
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

  /** @throws what the file system does. */
  writeSync(bytes: Uint8Array, offset: number): void {
    this.isDirty = true;
    writeFullySync(this.#files, this.#fd, bytes, offset);
  }

  /** Where the part of it ends that another process has taken over; undefined when that is not known. Never rejects. */
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

  /** @throws what the file system does. */
  async sync(): Promise<void> {
    if (!this.isDirty || this.#isClosed) return;
    // What is written from here on may miss it.
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

  /** When nothing is under way. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Before that its number would be free for another file, to which what is under way would go.
    await this.#underWay;
    this.#isOpen = false;
    await this.#files.close(this.#fd).catch(() => {});
  }

  /** At once. What is under way keeps it open: its number must not become another file's. */
  closeSync(): void {
    if (this.#isClosed || this.#calls > 0) return;
    this.#isClosed = true;
    this.#isOpen = false;
    this.#files.closeSync(this.#fd);
  }

  /** `close` waits until `work` has ended. */
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
