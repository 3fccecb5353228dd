/** gzip for requests and decompression of answers, outside of the main thread. */

import { promisify } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import type { HttpAnswer } from './http-exchange.ts';

/** zlib's error code for output beyond `maxOutputLength`. */
const TOO_LONG = 'ERR_BUFFER_TOO_LARGE';

export function gzipped(body: Uint8Array): Promise<Uint8Array> {
  return promisify(process.getBuiltinModule('node:zlib').gzip)(body);
}

/** Servers may compress unasked (RFC 9110, section 12.5.3). An undecodable body becomes an empty one that is `cut`. */
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
