/** Reads payloads back and distinguishes damage from temporary failures. */

import { codeOf, type SpoolFiles } from '../format/file-system.ts';
import { SegmentReader } from '../format/segment-reader.ts';
import type { Segment } from './segment.ts';

/** Failures that may pass, such as a lack of file descriptors. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR', 'EACCES', 'EPERM']);
const ATTEMPTS = 2;

/** `missing`: there is no such file; `passing`: a later read may succeed. */
export type ReadResult = Buffer | 'damaged' | 'missing' | 'passing';

/** Never rejects. */
export async function readPayload(
  segment: Segment,
  position: number,
  files: SpoolFiles,
): Promise<ReadResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      const payload = await SegmentReader.during(segment.path, files, (reader) =>
        reader.payload(segment.frames, position),
      );
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
