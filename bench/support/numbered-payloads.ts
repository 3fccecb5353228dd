/** Payloads that can be told from each other and from damaged ones when they come back. */

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const HEAD_BYTES = 8;
const SHIFTS = 4_096;

/** Makes payloads of one size, no two of 4,096 in a row alike. */
export function payloadMaker(bytes: number): (number: number) => Buffer {
  const noise = randomBytes(bytes + SHIFTS);
  return (number) => {
    const payload = Buffer.from(noise.subarray(number % SHIFTS, (number % SHIFTS) + bytes));
    payload.writeUInt32LE(number, 4);
    payload.writeUInt32LE(crc32(payload.subarray(4)), 0);
    return payload;
  };
}

/** The number of a payload; undefined when it is not as it was made. */
export function numberOf(payload: Uint8Array): number | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (bytes.length < HEAD_BYTES || bytes.readUInt32LE(0) !== crc32(bytes.subarray(4))) return undefined;
  return bytes.readUInt32LE(4);
}
