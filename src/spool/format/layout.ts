/** Encodes and decodes the bytes and file names of the spool, as docs/spool-format.md specifies them: pure functions, no files. */

import zlib from 'node:zlib';
import type { Clock } from '../../common/clock.ts';
import { SEVERITY_RANGES, type SeverityCounts } from '../../common/severity-counts.ts';
import type { NewEntry } from './entry.ts';

/** Not a named import: on a Node without `crc32` it would fail at load time, before the version check. */
export const { crc32 } = zlib;

export const FORMAT_VERSION = 1;
export const SEGMENT_HEADER_BYTES = 36;
/** Offset of the fence, the last part of a segment header. */
export const FENCE_AT = 24;
export const FRAME_HEADER_BYTES = 72;
export const ACK_BYTES = 16;
/** Far above any batch: a larger claim is damage and must not be allocated. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
/** The largest segment is one of a single frame: others end at 8 MiB. */
export const MAX_SEGMENT_BYTES = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES;
/** Of a record in a payload: its tag and its length. */
const MIN_RECORD_BYTES = 2;

const SEGMENT_MAGIC = Buffer.from('SPILLWAY', 'latin1');
/** Start of every frame; readers search for it after damage. */
export const FRAME_MAGIC = Buffer.from('SPFR', 'latin1');

const VERSION_AT = 8;
const VERSION_CRC_AT = 12;
const SEGMENT_SALT_AT = 16;
const SEGMENT_CRC_AT = 20;
const FENCE_BYTES = 12;
const FENCE_CRC_AT = 8;

const SALT_AT = 4;
const INDEX_AT = 8;
const PAYLOAD_BYTES_AT = 12;
const PAYLOAD_CRC_AT = 16;
const RECORDS_AT = 20;
const SEVERITIES_AT = 24;
const ATTEMPTS_AT = 52;
const OPENED_AT = 56;
const FLAGS_AT = 64;
const FRAME_CRC_AT = 68;

const PROTECTED_FLAG = 1;
const UINT32 = 2 ** 32;

/** Frames may be intact behind a damaged header. */
export type SegmentHeader =
  | {
      readonly kind: 'known';
      readonly salt: number;
      /** End of the segment by its fence; undefined without a fence. */
      readonly end: number | undefined;
    }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'damaged' };

export function segmentHeader(salt: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(header);
  header.writeUInt32LE(FORMAT_VERSION, VERSION_AT);
  header.writeUInt32LE(crc32(header.subarray(0, VERSION_CRC_AT)), VERSION_CRC_AT);
  header.writeUInt32LE(salt, SEGMENT_SALT_AT);
  header.writeUInt32LE(crc32(header.subarray(0, SEGMENT_CRC_AT)), SEGMENT_CRC_AT);
  return header;
}

export function parseSegmentHeader(bytes: Buffer): SegmentHeader {
  if (
    bytes.length < SEGMENT_HEADER_BYTES ||
    !bytes.subarray(0, VERSION_AT).equals(SEGMENT_MAGIC) ||
    crc32(bytes.subarray(0, VERSION_CRC_AT)) !== bytes.readUInt32LE(VERSION_CRC_AT)
  ) {
    return { kind: 'damaged' };
  }
  const version = bytes.readUInt32LE(VERSION_AT);
  if (version > FORMAT_VERSION) return { kind: 'newer', version };
  if (crc32(bytes.subarray(0, SEGMENT_CRC_AT)) !== bytes.readUInt32LE(SEGMENT_CRC_AT))
    return { kind: 'damaged' };
  const salt = bytes.readUInt32LE(SEGMENT_SALT_AT);
  return { kind: 'known', salt, end: fenceIn(bytes, salt) };
}

export function fenceBytes(end: number, salt: number): Buffer {
  const bytes = Buffer.alloc(FENCE_BYTES);
  bytes.writeUInt32LE(end % UINT32, 0);
  bytes.writeUInt32LE(Math.trunc(end / UINT32), 4);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, FENCE_CRC_AT), salt), FENCE_CRC_AT);
  return bytes;
}

function fenceIn(header: Buffer, salt: number): number | undefined {
  const fence = header.subarray(FENCE_AT, FENCE_AT + FENCE_BYTES);
  const end = fence.readUInt32LE(4) * UINT32 + fence.readUInt32LE(0);
  const isSound = crc32(fence.subarray(0, FENCE_CRC_AT), salt) === fence.readUInt32LE(FENCE_CRC_AT);
  // Zeros are no fence, whatever their checksum.
  return isSound && end >= SEGMENT_HEADER_BYTES ? end : undefined;
}

/** @param payloadCrc `crc32(entry.payload)`. */
export function frameHeader(entry: NewEntry, salt: number, index: number, payloadCrc: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  FRAME_MAGIC.copy(header);
  header.writeUInt32LE(salt, SALT_AT);
  header.writeUInt32LE(index, INDEX_AT);
  header.writeUInt32LE(entry.payload.byteLength, PAYLOAD_BYTES_AT);
  header.writeUInt32LE(payloadCrc, PAYLOAD_CRC_AT);
  header.writeUInt32LE(uint32(entry.records), RECORDS_AT);
  for (let range = 0; range < SEVERITY_RANGES.length; range++) {
    header.writeUInt32LE(uint32(entry.severities[range] ?? 0), SEVERITIES_AT + 4 * range);
  }
  header.writeUInt32LE(uint32(entry.attempts), ATTEMPTS_AT);
  const openedAt = Math.max(0, Math.trunc(entry.openedAtUnixMillis) || 0);
  header.writeUInt32LE(openedAt % UINT32, OPENED_AT);
  header.writeUInt32LE(Math.trunc(openedAt / UINT32) % UINT32, OPENED_AT + 4);
  header.writeUInt32LE(entry.isProtected ? PROTECTED_FLAG : 0, FLAGS_AT);
  header.writeUInt32LE(crc32(header.subarray(0, FRAME_CRC_AT)), FRAME_CRC_AT);
  return header;
}

/** Whether a complete frame header begins `at` this offset. @param salt undefined if the segment header is damaged. */
export function isFrameHeader(bytes: Buffer, at: number, salt: number | undefined): boolean {
  return (
    bytes.length - at >= FRAME_HEADER_BYTES &&
    bytes.readUInt32LE(at) === FRAME_MAGIC.readUInt32LE() &&
    (salt === undefined || bytes.readUInt32LE(at + SALT_AT) === salt) &&
    bytes.readUInt32LE(at + PAYLOAD_BYTES_AT) <= MAX_PAYLOAD_BYTES &&
    bytes.readUInt32LE(at + RECORDS_AT) * MIN_RECORD_BYTES <= bytes.readUInt32LE(at + PAYLOAD_BYTES_AT) &&
    crc32(bytes.subarray(at, at + FRAME_CRC_AT)) === bytes.readUInt32LE(at + FRAME_CRC_AT)
  );
}

export const frameField = {
  salt: (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + SALT_AT),
  index: (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + INDEX_AT),
  payloadBytes: (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + PAYLOAD_BYTES_AT),
  payloadCrc: (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + PAYLOAD_CRC_AT),
  records: (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + RECORDS_AT),
  attempts: (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + ATTEMPTS_AT),
  openedAtUnixMillis: (bytes: Buffer, at: number): number =>
    bytes.readUInt32LE(at + OPENED_AT + 4) * UINT32 + bytes.readUInt32LE(at + OPENED_AT),
  isProtected: (bytes: Buffer, at: number): boolean =>
    (bytes.readUInt32LE(at + FLAGS_AT) & PROTECTED_FLAG) !== 0,
  severities: (bytes: Buffer, at: number): SeverityCounts =>
    SEVERITY_RANGES.map((_, range) => bytes.readUInt32LE(at + SEVERITIES_AT + 4 * range)),
} as const;

export function writeAck(
  bytes: Buffer,
  at: number,
  salt: number,
  index: number,
  first: number,
  records: number,
): void {
  bytes.writeUInt32LE(index, at);
  bytes.writeUInt32LE(first, at + 4);
  bytes.writeUInt32LE(records, at + 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 12), salt), at + 12);
}

export interface Ack {
  readonly index: number;
  readonly first: number;
  readonly records: number;
}

/** The intact acknowledgements of a file; others are skipped. */
export function* acksIn(bytes: Buffer, salt: number): Generator<Ack> {
  for (let at = 0; at + ACK_BYTES <= bytes.length; at += ACK_BYTES) {
    if (crc32(bytes.subarray(at, at + 12), salt) !== bytes.readUInt32LE(at + 12)) continue;
    yield {
      index: bytes.readUInt32LE(at),
      first: bytes.readUInt32LE(at + 4),
      records: bytes.readUInt32LE(at + 8),
    };
  }
}

function uint32(value: number): number {
  return Math.min(Math.max(0, Math.trunc(value) || 0), UINT32 - 1);
}

const ID_BYTES = 8;
const ID = '[0-9a-f]{16}';
const PARTITION = new RegExp(`^partition-${ID}$`);
const MOVING = new RegExp(`^\\.new-${ID}$`);
const SEGMENT = /^(\d{8,})\.seg$/;

export const LEASE_NAME = 'lease';
/** A lease that its owner has released. */
export const RELEASED_LEASE_NAME = 'lease.released';
/** A new lease before it replaces another. */
export const NEW_LEASE_NAME = 'lease.new';
export const QUARANTINE_NAME = 'quarantine';
export const DIRECTORY_MODE = 0o700;
export const FILE_MODE = 0o600;

/** Must be unique among all processes. */
export function newId(clock: Pick<Clock, 'uniqueBytes'>): string {
  return clock.uniqueBytes(ID_BYTES).toString('hex');
}

export function newSalt(clock: Pick<Clock, 'uniqueBytes'>): number {
  return clock.uniqueBytes(4).readUInt32LE();
}

export function partitionName(id: string): string {
  return `partition-${id}`;
}

/** Name of a partition during its creation or takeover. */
export function movingName(id: string): string {
  return `.new-${id}`;
}

export function isPartitionName(name: string): boolean {
  return PARTITION.test(name);
}

export function isMovingName(name: string): boolean {
  return MOVING.test(name);
}

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(8, '0')}.seg`;
}

export function ackName(sequence: number): string {
  return `${String(sequence).padStart(8, '0')}.ack`;
}

/** @returns undefined if the name is not a segment's. */
export function sequenceOf(name: string): number | undefined {
  const digits = SEGMENT.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const sequence = Number(digits);
  return sequence >= 1 && segmentName(sequence) === name ? sequence : undefined;
}
