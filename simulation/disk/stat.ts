/** What `stat` says of a file or a directory, as far as the spool asks. */

import type { DiskNode } from './nodes.ts';

const DIRECTORY_TYPE = 0o040000;
const FILE_TYPE = 0o100000;
/** The spool compares a directory's owner with the user who runs it. */
const UID = process.getuid?.() ?? 0;

export interface Stat {
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  isDirectory(): boolean;
}

export function statOf(node: DiskNode): Stat {
  const { isDirectory, size, mode } = node;
  return {
    size,
    mode: (isDirectory ? DIRECTORY_TYPE : FILE_TYPE) | mode,
    uid: UID,
    isDirectory: () => isDirectory,
  };
}
