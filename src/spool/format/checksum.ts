/** The checksum of everything on disk: CRC-32 as in zlib, gzip and PNG. */

import zlib from 'node:zlib';

/** Of the module's object: an import by a name that an old Node does not have would fail, and not say why. */
export const { crc32 } = zlib;
