/** gzip in both directions, in a thread of its own. */

import { promisify } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import type { HttpAnswer } from './http-exchange.ts';

/** What zlib answers when there is more than was asked for. */
const TOO_LONG = 'ERR_BUFFER_TOO_LARGE';

export function gzipped(body: Uint8Array): Promise<Uint8Array> {
  return promisify(process.getBuiltinModule('node:zlib').gzip)(body);
}

/**
 * The body of an answer as it was before the server compressed it, which it may do although it was not asked for it
 * (RFC 9110, section 12.5.3). What cannot be read is none, and cut short.
 */
export async function gunzipped(
  { headers, body, extent }: HttpAnswer,
  maxBytes: number,
): Promise<Pick<HttpAnswer, 'body' | 'extent'>> {
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (body.length === 0 || encoding === 'identity' || extent === 'too long') return { body, extent };
  const { unzip, brotliDecompress } = process.getBuiltinModule('node:zlib');
  try {
    const inflate = promisify<Buffer, ZlibOptions, Buffer>(encoding === 'br' ? brotliDecompress : unzip);
    return { body: await inflate(body, { maxOutputLength: maxBytes }), extent };
  } catch (error) {
    const isTooLong = (error as NodeJS.ErrnoException).code === TOO_LONG;
    return { body: Buffer.alloc(0), extent: isTooLong ? 'too long' : 'cut' };
  }
}
