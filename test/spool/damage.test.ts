/** The spool over files that are damaged, foreign, or of another version: what is lost is what was hit, and no open fails. */

import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SpoolSettings } from '../../src/options/option-groups.ts';
import {
  appendGarbage,
  bytesBelow,
  FaultyFiles,
  filesBelow,
  flipBit,
  truncate,
} from '../support/faulty-files.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { promptFiles } from '../support/prompt-files.ts';
import { runs } from '../support/property-runs.ts';
import { entryOf, LEASE_MILLIS, namesOf, SpoolMember, spoolDirectory } from '../support/spool-member.ts';

const RECORDS = 3;
const NAMES = ['a', 'b', 'c', 'd'];
const PAYLOAD_BYTES = 30;

/** What a process left: a frame for each name, in one segment. `ends[i]` is the size of the segment with frame i. */
interface Left {
  readonly directory: string;
  readonly ends: readonly number[];
}

/** What is on disk is all that counts here, and not when: the calls are real, and answered immediately. */
function open(directory: string, overrides: Partial<SpoolSettings> = {}): Promise<SpoolMember> {
  return SpoolMember.open(directory, overrides, new ManualClock(), new FaultyFiles(promptFiles));
}

async function leave(names = NAMES, bytes = PAYLOAD_BYTES): Promise<Left> {
  const directory = await spoolDirectory();
  const member = await open(directory);
  const ends: number[] = [];
  for (const name of names) {
    await member.store(entryOf(name, { records: RECORDS, bytes }));
    ends.push(bytesBelow(directory, '.seg'));
  }
  await member.close();
  return { directory, ends };
}

let copies = 0;

function copyOf({ directory }: Left): string {
  const copy = `${directory}-${copies++}`;
  cpSync(directory, copy, { recursive: true });
  return copy;
}

function only(directory: string, suffix: string): string {
  const paths = filesBelow(directory, suffix);
  expect(paths).toHaveLength(1);
  return paths[0] as string;
}

interface Recovery {
  readonly names: string[];
  readonly corruptRecords: number;
  readonly recoveredRecords: number;
  readonly warnings: number;
}

/** Opens, takes over what there is, drains it and closes. Every payload that is found is checked to be what was stored. */
async function recover(directory: string, bytes = PAYLOAD_BYTES): Promise<Recovery> {
  const member = await open(directory);
  const found = await member.drain();
  for (const [index, name] of namesOf(found).entries()) {
    expect(found[index]?.payload).toEqual(Buffer.from(entryOf(name, { bytes }).payload));
    expect(found[index]?.entry.records).toBe(RECORDS);
  }
  expect(member.spool.records).toBe(0);
  await member.close();
  return {
    names: namesOf(found),
    corruptRecords: member.events.droppedRecords('spool_corrupt'),
    recoveredRecords: member.events.recoveredRecords,
    warnings: member.events.warnings.length,
  };
}

test('a tail that is torn at any byte of the last frame loses that frame alone', async () => {
  const left = await leave();
  const [start, end] = left.ends.slice(-2) as [number, number];
  for (let bytes = start; bytes < end; bytes++) {
    const directory = copyOf(left);
    truncate(only(directory, '.seg'), bytes);
    const { names, recoveredRecords } = await recover(directory);
    expect(names, `cut off at ${bytes} of ${end}`).toEqual(NAMES.slice(0, -1));
    expect(recoveredRecords).toBe(3 * RECORDS);
  }
});

test('a bit that flipped costs the frame it is in at most, and is not kept quiet', async () => {
  const left = await leave();
  const [end, next] = left.ends as [number, number];
  const headerBytes = end - (next - end);
  for (let byte = 0; byte < (left.ends.at(-1) as number); byte++) {
    // All of the header and of the second frame, and some of the others.
    if (byte >= headerBytes && (byte < end || byte >= next) && byte % 11 > 0) continue;
    const directory = copyOf(left);
    flipBit(only(directory, '.seg'), byte, byte % 8);
    const { names, corruptRecords, warnings } = await recover(directory);
    const hit = byte < headerBytes ? -1 : left.ends.findIndex((frameEnd) => byte < frameEnd);
    const others = NAMES.filter((_, index) => index !== hit);
    expect(
      names.filter((name) => name !== NAMES[hit]),
      `bit ${byte % 8} of byte ${byte}`,
    ).toEqual(others);
    if (names.length < NAMES.length) {
      const isTold = corruptRecords === RECORDS || warnings > 0;
      expect(isTold, `byte ${byte} of frame ${hit} is told of`).toBe(true);
    }
  }
});

test('a payload that quotes another segment is not taken for it when its own frame is damaged', async () => {
  const quoted = readFileSync(only((await leave()).directory, '.seg'));
  const directory = await spoolDirectory();
  const member = await open(directory);
  await member.store(entryOf('x'));
  const start = bytesBelow(directory, '.seg');
  await member.store({ ...entryOf('quote'), payload: quoted });
  await member.store(entryOf('z'));
  await member.close();
  flipBit(only(directory, '.seg'), start + 30, 3);
  const successor = await open(directory);
  expect(namesOf(await successor.drain())).toEqual(['x', 'z']);
  await successor.close();
});

test('a payload that is damaged is counted with its severities, and kept aside', async () => {
  const left = await leave();
  flipBit(only(left.directory, '.seg'), (left.ends[1] as number) - 1, 0);
  const member = await open(left.directory);
  expect(member.spool.records).toBe(NAMES.length * RECORDS);
  const first = member.spool.next();
  expect((await member.spool.read(first as never))?.subarray(0, 1).toString()).toBe('a');
  const second = member.spool.next();
  expect(second).toBeDefined();
  if (second === undefined) return;
  const read = member.events.during(() => member.spool.read(second));
  expect(await read).toBeUndefined();
  await member.rest();
  expect(second.state).toBe('damaged');
  expect(member.events.drops).toMatchObject([
    { reason: 'spool_corrupt', records: RECORDS, severities: [0, 0, 0, RECORDS, 0, 0, 0] },
  ]);
  member.spool.settle(second, 0, RECORDS);
  member.spool.requeue(second);
  expect(namesOf(await member.drain())).toEqual(['c', 'd']);
  expect(member.spool.records).toBe(RECORDS);
  member.spool.settle(first as never, 0, RECORDS);
  await member.rest();
  expect(member.events.untimely).toEqual([]);
  await member.close();
  const damaged = filesBelow(left.directory).filter((path) => path.includes('quarantine'));
  expect(damaged.length).toBeGreaterThan(0);
  expect((await recover(left.directory)).names).toEqual([]);
});

test('what is in quarantine takes an eighth of the spool at most', async () => {
  const directory = await spoolDirectory();
  const maxBytes = 1024 * 1024;
  for (let round = 0; round < 6; round++) {
    const writer = await open(directory, { maxBytes });
    await writer.store(entryOf('a', { bytes: 60_000 }));
    await writer.close();
    const segments = filesBelow(directory, '.seg').filter((path) => !path.includes('quarantine'));
    for (const path of segments) flipBit(path, statSync(path).size - 1, 0);
    const reader = await open(directory, { maxBytes });
    expect(await reader.drain()).toEqual([]);
    await reader.pass(2 * LEASE_MILLIS);
    await reader.close();
    expect(reader.events.droppedRecords('spool_corrupt')).toBe(1);
  }
  const kept = bytesBelow(join(directory, 'quarantine'));
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThanOrEqual(maxBytes / 8);
});

describe('acknowledgements', () => {
  /** a is settled whole, of b the middle record; c and d not at all. */
  async function leaveAcknowledged(): Promise<Left> {
    const left = await leave();
    const member = await open(left.directory);
    const [a, b] = [member.spool.next(), member.spool.next()];
    if (a === undefined || b === undefined) throw new Error('not found');
    member.spool.settle(a, 0, RECORDS);
    member.spool.settle(b, 1, 1);
    await member.close();
    return left;
  }

  test('acknowledgements hold across processes, to the record', async () => {
    const { directory } = await leaveAcknowledged();
    const member = await open(directory);
    expect(member.events.recoveredRecords).toBe(2 + 2 * RECORDS);
    const found = await member.drain();
    expect(namesOf(found)).toEqual(['b', 'c', 'd']);
    expect(found[0]?.remaining).toEqual([
      [0, 1],
      [2, 1],
    ]);
    await member.close();
    expect((await recover(directory)).names).toEqual([]);
    expect(filesBelow(directory)).toEqual([]);
  });

  test('acknowledgements that are damaged anywhere cost a second delivery at most, never a record', async () => {
    const left = await leaveAcknowledged();
    const bytes = statSync(only(left.directory, '.ack')).size;
    for (let byte = 0; byte < bytes; byte++) {
      for (const damage of ['flip', 'cut', 'garbage']) {
        const directory = copyOf(left);
        const path = only(directory, '.ack');
        if (damage === 'flip') flipBit(path, byte, (byte * 5) % 8);
        else truncate(path, byte);
        if (damage === 'garbage') appendGarbage(path, Buffer.alloc(bytes, byte));
        const { names, recoveredRecords } = await recover(directory);
        expect(names.slice(-3), `${damage} at byte ${byte}`).toEqual(['b', 'c', 'd']);
        expect(recoveredRecords).toBeGreaterThanOrEqual(2 + 2 * RECORDS);
      }
    }
  });

  test('acknowledgements without their segment are removed, and are no exception', async () => {
    const { directory } = await leaveAcknowledged();
    rmSync(only(directory, '.seg'));
    expect((await recover(directory)).names).toEqual([]);
    expect(filesBelow(directory, '.ack')).toEqual([]);
  });
});

describe('an open does not fail', () => {
  test.each<[string, (segment: string, partition: string, directory: string) => void, string[]]>([
    ['an empty segment', (segment) => truncate(segment, 0), []],
    ['a segment cut off in its header', (segment) => truncate(segment, 7), []],
    ['a segment of zeros', (segment) => writeFileSync(segment, Buffer.alloc(5_000)), []],
    ['garbage at the end', (segment) => appendGarbage(segment, Buffer.alloc(3_000, 'garbage')), NAMES],
    ['zeros at the end', (segment) => appendGarbage(segment, Buffer.alloc(3_000)), NAMES],
    [
      'a text for a segment',
      (_, partition) => writeFileSync(join(partition, '00000002.seg'), 'Dear spool'),
      NAMES,
    ],
    ['a directory for a segment', (_, partition) => mkdirSync(join(partition, '00000009.seg')), NAMES],
    ['a directory for acknowledgements', (_, partition) => mkdirSync(join(partition, '00000001.ack')), NAMES],
    [
      'foreign files in the partition',
      (_, partition) => writeFileSync(join(partition, 'README'), 'x'),
      NAMES,
    ],
    [
      'foreign files in the spool',
      (_, __, directory) => writeFileSync(join(directory, '.nfs01'), 'x'),
      NAMES,
    ],
    [
      'a file with the name of a partition',
      (_, __, directory) => writeFileSync(join(directory, 'partition-0123456789abcdef'), 'x'),
      NAMES,
    ],
    [
      'an empty partition',
      (_, __, directory) => mkdirSync(join(directory, 'partition-0123456789abcdef'), { mode: 0o700 }),
      NAMES,
    ],
    [
      'a partition with a damaged name',
      (_, __, directory) => mkdirSync(join(directory, 'partition-..')),
      NAMES,
    ],
    ['an empty lease', (_, partition) => writeFileSync(join(partition, 'lease'), ''), NAMES],
    [
      'a lease that is garbage',
      (_, partition) => writeFileSync(join(partition, 'lease'), 'x'.repeat(500)),
      NAMES,
    ],
    ['a lease that is a directory', (_, partition) => mkdirSync(join(partition, 'lease')), NAMES],
    [
      'a file called quarantine',
      (_, __, directory) => writeFileSync(join(directory, 'quarantine'), 'x'),
      NAMES,
    ],
  ])('an open does not fail over %s', async (_what, harm, expected) => {
    const { directory } = await leave();
    const segment = only(directory, '.seg');
    harm(segment, dirname(segment), directory);
    const member = await open(directory);
    // A lease that cannot be understood is watched as one that is not renewed, for ten minutes at most.
    await member.pass(3 * LEASE_MILLIS);
    expect(namesOf(await member.drain())).toEqual(expected);
    expect(member.spool.isUsable).toBe(true);
    await member.store(entryOf('new'));
    expect(namesOf(await member.drain())).toEqual(['new']);
    await member.close();
  });

  test('an open does not fail over segments of random bytes, which are never taken for records', async () => {
    const left = await leave(['a']);
    const whole = readFileSync(only(left.directory, '.seg'));
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.nat(whole.byteLength),
        fc.boolean(),
        async (garbage, head, isBefore) => {
          const directory = copyOf(left);
          const parts = [whole.subarray(0, head), garbage];
          if (isBefore) parts.push(whole);
          writeFileSync(only(directory, '.seg'), Buffer.concat(parts));
          const { names } = await recover(directory);
          expect(names.every((name) => name === 'a')).toBe(true);
          if (head === whole.byteLength) expect(names[0]).toBe('a');
        },
      ),
      runs(10),
    );
  });

  test('an open does not fail over a false length with a correct checksum, and reads no memory for it', async () => {
    const left = await leave();
    const path = only(left.directory, '.seg');
    const content = readFileSync(path);
    lengthenFrame(content, left.ends[0] as number, 0xffff_fff0);
    writeFileSync(path, content);
    const before = process.memoryUsage().arrayBuffers;
    const { names } = await recover(left.directory);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    expect(names[0]).toBe('a');
    expect(names).not.toContain('b');
  });
});

test('a segment of a newer version is left alone and reported, whoever comes', async () => {
  const left = await leave();
  const path = only(left.directory, '.seg');
  const content = readFileSync(path);
  setVersion(content, 2);
  writeFileSync(path, content);
  const member = await open(left.directory);
  await member.pass(3 * LEASE_MILLIS);
  expect(member.spool.next()).toBeUndefined();
  expect(member.events.warnings.some(({ message }) => message.includes('version'))).toBe(true);
  await member.store(entryOf('new'));
  await member.close();
  const kept = filesBelow(left.directory, '.seg').filter((file) => readFileSync(file).equals(content));
  expect(kept).toHaveLength(1);
  expect(basename(dirname(kept[0] as string))).toMatch(/^partition-/);
  setVersion(content, 1);
  writeFileSync(kept[0] as string, content);
  const successor = await open(left.directory);
  await successor.pass(3 * LEASE_MILLIS);
  expect(namesOf(await successor.drain()).toSorted()).toEqual([...NAMES, 'new']);
  await successor.close();
});

test('a segment that vanishes under its owner costs what was in it, and is reported', async () => {
  const { directory } = await leave();
  const member = await open(directory);
  rmSync(only(directory, '.seg'));
  const found = await member.drain();
  // It may have it open.
  const missing = (NAMES.length - found.length) * RECORDS;
  expect(member.events.droppedRecords('spool_corrupt')).toBe(missing);
  expect(member.spool.records).toBe(0);
  await member.store(entryOf('new'));
  expect(namesOf(await member.drain())).toEqual(['new']);
  await member.close();
});

/** Makes a segment's header say another version. See docs/spool-format.md. */
function setVersion(content: Buffer, version: number): void {
  content.writeUInt32LE(version, 8);
  content.writeUInt32LE(crc32(content.subarray(0, 12)), 12);
  content.writeUInt32LE(crc32(content.subarray(0, 20)), 20);
}

function lengthenFrame(content: Buffer, frame: number, payloadBytes: number): void {
  content.writeUInt32LE(payloadBytes, frame + 12);
  content.writeUInt32LE(crc32(content.subarray(frame, frame + 68)), frame + 68);
}
