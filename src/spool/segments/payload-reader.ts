/** Reads payloads back, and tells damage from what passes by itself. */

import { crc32 } from '../format/checksum.ts';
import { codeOf, readFully, type SpoolFiles } from '../format/file-system.ts';
import { FRAME_HEADER_BYTES } from '../format/layout.ts';
import type { Segment } from './segment.ts';

/** Short of something that others use up as well. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR', 'EACCES', 'EPERM']);
/** A disk may fail once. */
const ATTEMPTS = 2;

/**
 * - `missing`: there is no such file.
 * - `passing`: it may be readable later.
 */
export type ReadResult = Buffer | 'damaged' | 'missing' | 'passing';

/** Never rejects. */
export async function readPayload(
  segment: Segment,
  position: number,
  files: SpoolFiles,
): Promise<ReadResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      const payload = await readBytes(segment, position, files);
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

/** Undefined when it is not what was written. */
async function readBytes(segment: Segment, position: number, files: SpoolFiles): Promise<Buffer | undefined> {
  const { frames } = segment;
  const payload = Buffer.allocUnsafeSlow(frames.payloadBytes(position));
  const offset = frames.offset(position) + FRAME_HEADER_BYTES;
  const fd = await files.open(segment.path, 'r', 0);
  try {
    if ((await readFully(files, fd, payload, offset)) < payload.length) return undefined;
  } finally {
    await files.close(fd);
  }
  return crc32(payload) === frames.payloadCrc(position) ? payload : undefined;
}
