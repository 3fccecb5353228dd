/** Reads a file through a window that moves along it, so that small things are not read one by one. */

import type { SpoolFiles } from './file-system.ts';

const WINDOW_BYTES = 64 * 1024;

export class FileWindow {
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
    while (this.#length < bytes) {
      const room = this.#buffer.subarray(this.#length);
      const read = await this.#files.read(this.#fd, room, offset + this.#length);
      if (read === 0) return;
      this.#length += read;
    }
  }
}
