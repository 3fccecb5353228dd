/** Reads acknowledgements in parts, within what a segment can have. */

import { readFully, type SpoolFiles } from './file-system.ts';
import { ACK_BYTES } from './layout.ts';

const PART_BYTES = 4_096 * ACK_BYTES;
/** Always allowed: a segment that is read may grow. */
const MIN_LIMIT_BYTES = 8 * 1024 * 1024;

class TooLarge extends Error {}

/** Whether {@link readAcks} failed because the file has more than acknowledgements of its segment. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof TooLarge;
}

/**
 * @param segmentBytes size of the segment: a record takes more room in it than its acknowledgement does here. @param
 *   found called with each part, which holds whole acknowledgements and is valid during the call only. @returns the
 *   size of the file. @throws also if the file is too large, before it is read.
 */
export async function readAcks(
  path: string,
  segmentBytes: number,
  files: SpoolFiles,
  found: (acks: Buffer) => void,
): Promise<number> {
  const fd = await files.open(path, 'r', 0);
  try {
    const { size } = await files.stat(path);
    if (size > Math.max(segmentBytes, MIN_LIMIT_BYTES)) throw new TooLarge('the file is too large');
    const part = Buffer.alloc(Math.min(size, PART_BYTES));
    let position = 0;
    while (position < size) {
      const bytes = await readFully(files, fd, part.subarray(0, size - position), position);
      found(part.subarray(0, bytes));
      position += bytes;
      if (bytes < part.length) break;
    }
    return position;
  } finally {
    await files.close(fd);
  }
}
