/**
 * Fences: what is behind the end that a segment had when its owner was taken for dead belongs to nobody, so that an
 * owner that was only stopped, and whose last write comes to its end later, knows which of its frames to write again.
 */

import { join } from 'node:path';
import { readFully, readFullySync, type SpoolFiles, writeFully } from '../format/file-system.ts';
import { FENCE_AT, fenceBytes, parseSegmentHeader, SEGMENT_HEADER_BYTES } from '../format/layout.ts';
import { FILE_MODE, sequenceOf } from '../format/names.ts';

/**
 * Fences all segments of a partition whose owner has lost it. Never rejects: without a fence what was being written may
 * be stored twice, which is better than not to be sent.
 */
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
    // The first fence holds: what it shut out has been written elsewhere.
    if (parsed.kind !== 'known' || parsed.end !== undefined) return;
    const { size } = await files.stat(path);
    await writeFully(files, fd, [fenceBytes(size, parsed.salt)], FENCE_AT);
  } finally {
    await files.close(fd);
  }
}

/** Where a segment ends by its fence; undefined when it has none. @throws what the file system does. */
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
