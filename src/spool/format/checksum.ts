/** The checksum of everything on disk: CRC-32 as in zlib, gzip and PNG. */

import zlib from 'node:zlib';

/** Not a named import: on a Node without `crc32` it would fail at load time, before the version check. */
export const { crc32 } = zlib;
