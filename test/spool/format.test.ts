/** The bytes of the spool: what docs/spool-format.md says, to the offset, and a partition that an earlier version wrote. */

import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NewEntry } from '../../src/spool/format/entry.ts';
import {
  ACK_BYTES,
  acksIn,
  FENCE_AT,
  FRAME_HEADER_BYTES,
  fenceBytes,
  frameField,
  frameHeader,
  isFrameHeader,
  MAX_PAYLOAD_BYTES,
  parseSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentHeader,
  writeAck,
} from '../../src/spool/format/layout.ts';
import { filesBelow } from '../support/faulty-files.ts';
import { SpoolMember, spoolDirectory } from '../support/spool-member.ts';

const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'spool-format-1');
const PARTITION = join(FIXTURE, 'partition-00112233445566ff');
const MAX_UINT32 = 2 ** 32 - 1;

const uint32 = fc.integer({ min: 0, max: MAX_UINT32 });
/** A record takes two bytes of the payload at least. */
const anyContents = fc
  .uint8Array({ maxLength: 200 })
  .chain((payload) => fc.record({ payload: fc.constant(payload), records: fc.nat(payload.length >> 1) }));
const anyLabels = fc.record({
  severities: fc.array(uint32, { minLength: 7, maxLength: 7 }),
  openedAtUnixMillis: fc.nat(8.64e15),
  attempts: uint32,
  isProtected: fc.boolean(),
});
const anyEntry: fc.Arbitrary<NewEntry> = fc
  .tuple(anyContents, anyLabels)
  .map(([contents, labels]) => ({ ...contents, ...labels }));

/** What the fixture was made of. */
function fixtureEntry(number: number): NewEntry {
  return {
    payload: Buffer.from(`payload ${number} `.padEnd(150, String(number))),
    records: number + 1,
    severities: [0, 0, 0, number, 0, 1, 0],
    openedAtUnixMillis: Date.UTC(2026, 0, number, 12),
    attempts: number - 1,
    isProtected: number === 2,
  };
}

test('a frame says what was stored, whatever that was', () => {
  fc.assert(
    fc.property(anyEntry, uint32, uint32, (entry, salt, index) => {
      const payloadCrc = crc32(entry.payload);
      const bytes = Buffer.concat([Buffer.alloc(5, 'x'), frameHeader(entry, salt, index, payloadCrc)]);
      expect(isFrameHeader(bytes, 5, salt)).toBe(true);
      expect(isFrameHeader(bytes, 5, undefined)).toBe(true);
      expect(isFrameHeader(bytes, 5, salt ^ 1)).toBe(false);
      const read = Object.fromEntries(Object.entries(frameField).map(([name, of]) => [name, of(bytes, 5)]));
      const { payload, ...told } = entry;
      expect(read).toEqual({ ...told, salt, index, payloadCrc, payloadBytes: payload.byteLength });
    }),
  );
});

test('numbers that are none, or too large, are stored as the nearest that can be', () => {
  const entry: NewEntry = {
    payload: new Uint8Array(),
    records: 2 ** 40,
    severities: [Number.NaN, -1, 1.5],
    openedAtUnixMillis: -5,
    attempts: Number.NaN,
    isProtected: false,
  };
  const header = frameHeader(entry, 1, 0, 0);
  expect(frameField.records(header, 0)).toBe(MAX_UINT32);
  expect(frameField.severities(header, 0)).toEqual([0, 0, 1, 0, 0, 0, 0]);
  expect(frameField.openedAtUnixMillis(header, 0)).toBe(0);
  expect(frameField.attempts(header, 0)).toBe(0);
});

test('a frame with any bit turned over, cut off, or with a length above the largest is none', () => {
  const header = frameHeader(fixtureEntry(1), 7, 0, 1);
  for (let bit = 0; bit < FRAME_HEADER_BYTES * 8; bit++) {
    const bytes = Buffer.from(header);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(isFrameHeader(bytes, 0, 7), `bit ${bit}`).toBe(false);
  }
  expect(isFrameHeader(header.subarray(0, -1), 0, 7)).toBe(false);
  const long = Buffer.from(header);
  long.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 12);
  long.writeUInt32LE(crc32(long.subarray(0, 68)), 68);
  expect(isFrameHeader(long, 0, 7)).toBe(false);
});

describe("a segment's header", () => {
  test('the header of a segment gives the salt, and none when any bit of it is turned over', () => {
    const header = segmentHeader(0xfedc_ba98);
    expect(parseSegmentHeader(header)).toEqual({ kind: 'known', salt: 0xfedc_ba98, end: undefined });
    for (let bit = 0; bit < FENCE_AT * 8; bit++) {
      const bytes = Buffer.from(header);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(parseSegmentHeader(bytes), `bit ${bit}`).toEqual({ kind: 'damaged' });
    }
    expect(parseSegmentHeader(header.subarray(0, -1))).toEqual({ kind: 'damaged' });
  });

  test('the header of a segment says by its fence where it ends, and nothing of that when any bit of it is turned over', () => {
    const header = segmentHeader(5);
    for (const end of [SEGMENT_HEADER_BYTES, 1_234, 2 ** 33 + 7]) {
      fenceBytes(end, 5).copy(header, FENCE_AT);
      expect(parseSegmentHeader(header)).toEqual({ kind: 'known', salt: 5, end });
    }
    for (let bit = FENCE_AT * 8; bit < SEGMENT_HEADER_BYTES * 8; bit++) {
      const bytes = Buffer.from(header);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(parseSegmentHeader(bytes), `bit ${bit}`).toEqual({ kind: 'known', salt: 5, end: undefined });
    }
    for (const none of [fenceBytes(1_234, 6), fenceBytes(0, 5), Buffer.alloc(12)]) {
      none.copy(header, FENCE_AT);
      expect(parseSegmentHeader(header)).toEqual({ kind: 'known', salt: 5, end: undefined });
    }
  });

  test('the header of a segment of a newer version is known by its first 16 bytes, whatever follows', () => {
    const header = segmentHeader(1);
    header.writeUInt32LE(9, 8);
    header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
    header.fill(0xff, 16);
    expect(parseSegmentHeader(header)).toEqual({ kind: 'newer', version: 9 });
  });
});

test('acknowledgements are read as they were written; damaged, torn and foreign ones are skipped', () => {
  const bytes = Buffer.alloc(4 * ACK_BYTES + 7);
  writeAck(bytes, 0, 5, 1, 2, 3);
  writeAck(bytes, ACK_BYTES, 6, 4, 5, 6);
  writeAck(bytes, 2 * ACK_BYTES, 5, 7, 8, 9);
  bytes[2 * ACK_BYTES] = 6;
  writeAck(bytes, 3 * ACK_BYTES, 5, MAX_UINT32, 0, MAX_UINT32);
  expect([...acksIn(bytes, 5)]).toEqual([
    { index: 1, first: 2, records: 3 },
    { index: MAX_UINT32, first: 0, records: MAX_UINT32 },
  ]);
});

describe('a partition of format 1 that was written once', () => {
  test('a partition of format 1 that was written once is what the code writes today, byte for byte', () => {
    const segments = ['00000001.seg', '00000002.seg'].map((name) => readFileSync(join(PARTITION, name)));
    const contents = [[1, 2], [3]];
    for (const [at, segment] of segments.entries()) {
      const header = parseSegmentHeader(segment);
      const salt = header.kind === 'known' ? header.salt : Number.NaN;
      const frames = (contents[at] as number[]).flatMap((number, index) => {
        const entry = fixtureEntry(number);
        return [frameHeader(entry, salt, index, crc32(entry.payload)), entry.payload];
      });
      expect(segment).toEqual(Buffer.concat([segmentHeader(salt), ...frames]));
      if (at > 0) continue;
      const acks = Buffer.alloc(2 * ACK_BYTES);
      writeAck(acks, 0, salt, 0, 0, 2);
      writeAck(acks, ACK_BYTES, salt, 1, 1, 1);
      expect(readFileSync(join(PARTITION, '00000001.ack'))).toEqual(acks);
    }
  });

  test('a partition of format 1 that was written once has each number where the document says', () => {
    const segment = readFileSync(join(PARTITION, '00000001.seg'));
    const frame = 36 + 72 + 150;
    expect(segment.toString('latin1', 0, 8)).toBe('SPILLWAY');
    expect(segment.readUInt32LE(8)).toBe(1);
    expect(segment.readUInt32LE(12)).toBe(crc32(segment.subarray(0, 12)));
    expect(segment.readUInt32LE(20)).toBe(crc32(segment.subarray(0, 20)));
    expect(segment.toString('latin1', frame, frame + 4)).toBe('SPFR');
    expect(segment.readUInt32LE(frame + 4)).toBe(segment.readUInt32LE(16));
    const numbers = [8, 12, 20, 24, 36, 44, 52, 64].map((at) => segment.readUInt32LE(frame + at));
    expect(numbers).toEqual([1, 150, 3, 0, 2, 1, 1, 1]);
    expect(segment.readUInt32LE(frame + 16)).toBe(crc32(segment.subarray(frame + 72)));
    expect(segment.readBigUInt64LE(frame + 56)).toBe(BigInt(Date.UTC(2026, 0, 2, 12)));
    expect(segment.readUInt32LE(frame + 68)).toBe(crc32(segment.subarray(frame, frame + 68)));
  });

  test('a partition of format 1 that was written once is recovered with what was not settled', async () => {
    const directory = await spoolDirectory();
    cpSync(FIXTURE, directory, { recursive: true });
    const member = await SpoolMember.open(directory);
    expect(member.events.recoveries).toEqual([2, 4]);
    expect(member.spool.oldestUnixMillis).toBe(Date.UTC(2026, 0, 2, 12));
    const found = await member.drain();
    expect(found.map(({ payload, remaining }) => [payload.toString(), remaining])).toEqual([
      [
        fixtureEntry(2).payload.toString(),
        [
          [0, 1],
          [2, 1],
        ],
      ],
      [fixtureEntry(3).payload.toString(), [[0, 4]]],
    ]);
    expect(found.map(({ entry }) => [entry.records, entry.bytes, entry.attempts, entry.isProtected])).toEqual(
      [
        [3, 222, 1, true],
        [4, 222, 2, false],
      ],
    );
    expect(member.events.warnings).toEqual([]);
    await member.close();
    expect(filesBelow(directory)).toEqual([]);
  });
});
