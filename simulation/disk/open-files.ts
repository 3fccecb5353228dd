/** The file descriptors of one process. */

import type { OpenFile } from './file-tree.ts';

/** Numbers begin above those that any process has open. */
const FIRST_FD = 20;

/** A new file gets the lowest number that is free, as everywhere: what uses one that is closed hits another file. */
export class OpenFiles {
  #files: (OpenFile | undefined)[] = [];

  get all(): OpenFile[] {
    return this.#files.filter((file) => file !== undefined);
  }

  get(fd: number): OpenFile | undefined {
    return this.#files[fd - FIRST_FD];
  }

  /** @returns its number. */
  add(file: OpenFile): number {
    const free = this.#files.indexOf(undefined);
    const index = free === -1 ? this.#files.length : free;
    this.#files[index] = file;
    return FIRST_FD + index;
  }

  remove(fd: number): void {
    this.#files[fd - FIRST_FD] = undefined;
  }

  takeAll(): OpenFile[] {
    const { all } = this;
    this.#files = [];
    return all;
  }
}
