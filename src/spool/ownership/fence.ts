/** Fences mark where a segment ended at its takeover: its former owner must write later frames again elsewhere. */

import { join } from 'node:path';
import { readFully, readFullySync, type SpoolFiles, writeFully } from '../format/file-system.ts';
import {
  FENCE_AT,
  FILE_MODE,
  fenceBytes,
  parseSegmentHeader,
  SEGMENT_HEADER_BYTES,
  sequenceOf,
} from '../format/layout.ts';

/** Never rejects: without a fence, a write in progress may be stored twice, which is better than never sent. */
export async function fenceSegments(directory: string, files: SpoolFiles): Promise<void> {
  const names = await files.readdir(directory).catch((): string[] => []);
  for (const name of names.filter((one) => sequenceOf(one) !== undefined)) {
    await fenceSegment(join(directory, name), files).catch(() => {});
  }
}

async function fenceSegment(path: string, files: SpoolFiles): Promise<void> {
  const fd = await files.open(path, 'r+', FILE_MODE);
  try {
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
    await readFully(files, fd, header, 0);
    const parsed = parseSegmentHeader(header);
    // The first fence counts: frames beyond it were written again elsewhere.
    if (parsed.kind !== 'known' || parsed.end !== undefined) return;
    const { size } = await files.stat(path);
    await writeFully(files, fd, [fenceBytes(size, parsed.salt)], FENCE_AT);
  } finally {
    await files.close(fd);
  }
}

/** End of a segment by its fence; undefined without a fence. */
export async function fencedEnd(fd: number, files: SpoolFiles): Promise<number | undefined> {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  await readFully(files, fd, header, 0);
  return endIn(header);
}

/** Synchronous {@link fencedEnd}. */
export function fencedEndSync(fd: number, files: SpoolFiles): number | undefined {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  readFullySync(files, fd, header, 0);
  return endIn(header);
}

function endIn(header: Buffer): number | undefined {
  const parsed = parseSegmentHeader(header);
  return parsed.kind === 'known' ? parsed.end : undefined;
}
