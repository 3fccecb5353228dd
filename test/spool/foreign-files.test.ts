/** Files in a spool that are not the spool's: links, pipes, devices' likes, files of any size, headers made up by hand. */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeEach, expect, test } from 'vitest';
import { frameHeader, segmentHeader } from '../../src/spool/format/layout.ts';
import { openFile, openFileSync, readSmallFile } from '../../src/spool/format/open-file.ts';
import { filesBelow } from '../support/faulty-files.ts';
import { entryOf, LEASE_MILLIS, namesOf, SpoolMember, spoolDirectory } from '../support/spool-member.ts';

const GIB = 2 ** 30;

let directory: string;
/** What others have, outside of the spool. */
let outside: string;
let precious: string;

beforeEach(async () => {
  directory = await spoolDirectory();
  outside = join(directory, '..', 'outside');
  precious = join(outside, '00000001.seg');
  mkdirSync(outside);
  writeFileSync(precious, 'precious');
});

/** A process that was killed, or has closed, with two records on disk. @returns its partition. */
async function left(how: 'closed' | 'killed'): Promise<string> {
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('a'));
  await member.store(entryOf('b'));
  await (how === 'closed' ? member.close() : member.crash());
  return join(filesBelow(directory, '.seg')[0] as string, '..');
}

function pipe(path: string): void {
  rmSync(path, { force: true });
  execFileSync('mkfifo', [path]);
}

function link(path: string): void {
  rmSync(path, { force: true });
  symlinkSync(precious, path);
}

/** A file without blocks. */
function sparse(path: string, bytes: number): void {
  writeFileSync(path, '');
  truncateSync(path, bytes);
}

/** What an heir finds, settles, and acknowledges. It ends as a process does that calls `process.exit()`. */
async function heir(end: 'close' | 'exit' = 'exit'): Promise<{ names: string[]; member: SpoolMember }> {
  const member = await SpoolMember.open(directory);
  await member.pass(3 * LEASE_MILLIS);
  const names = namesOf(await member.drain());
  if (end === 'close') await member.close();
  else member.spool.closeSync();
  expect(readFileSync(precious, 'utf8')).toBe('precious');
  expect(readdirSync(outside)).toEqual(['00000001.seg']);
  return { names, member };
}

const posix = test.skipIf(process.platform === 'win32');

posix.each([
  ['lease', 'killed', link],
  ['lease', 'killed', pipe],
  ['lease.released', 'killed', link],
  ['lease.released', 'closed', link],
  ['lease.released', 'closed', pipe],
  ['lease.new', 'killed', link],
  ['lease.new', 'killed', pipe],
  ['00000001.ack', 'closed', link],
  ['00000001.ack', 'killed', pipe],
] as const)(
  'a %s that is none, in a spool whose owner was %s, is not used (%o), and the records arrive',
  async (name, how, make) => {
    const partition = await left(how);
    make(join(partition, name));
    const { names } = await heir();
    expect(names).toEqual(['a', 'b']);
    expect(filesBelow(directory, '.seg')).toEqual([]);
  },
);

posix.each([link, pipe])(
  'a segment that is none is neither read nor waited for (%o), and those beside it arrive',
  async (make) => {
    const partition = await left('closed');
    make(join(partition, '00000002.seg'));
    const { names, member } = await heir('close');
    expect(names).toEqual(['a', 'b']);
    expect(member.events.warnings).toContainEqual({
      topic: 'spool damage',
      message: expect.stringMatching(/^a file of the spool cannot be read: E(LOOP|FTYPE|MLINK)/),
    });
  },
);

posix.each([link, pipe])(
  'acknowledgements are written where something else was put in their place (%o), which is deleted',
  async (make) => {
    await left('closed');
    const member = await SpoolMember.open(directory);
    const first = member.spool.next();
    if (first === undefined) expect.fail('nothing was taken over');
    make(filesBelow(directory, '.seg')[0]?.replace('.seg', '.ack') as string);
    member.spool.settle(first, 0, 1);
    await member.rest();
    member.spool.closeSync();
    expect((await heir()).names).toEqual(['b']);
  },
);

posix.each([link, pipe])(
  'a process gives a partition up whose lease is replaced by something else (%o), and takes it back',
  async (make) => {
    const member = await SpoolMember.open(directory);
    await member.store(entryOf('a'));
    make(filesBelow(directory, 'lease')[0] as string);
    await member.pass(LEASE_MILLIS / 2);
    expect(member.spool.records).toBe(0);
    await member.pass(2 * LEASE_MILLIS);
    expect(namesOf(await member.drain())).toEqual(['a']);
    expect(member.events.recoveredRecords - member.events.takenOverRecords).toBe(0);
    await member.close();
    expect(readFileSync(precious, 'utf8')).toBe('precious');
  },
);

posix(
  'a partition that is a link to a directory elsewhere is left alone, with all that is there',
  async () => {
    const partition = await left('killed');
    const elsewhere = join(directory, '..', 'elsewhere');
    renameSync(partition, elsewhere);
    const before = readdirSync(elsewhere);
    symlinkSync(elsewhere, partition);
    const { names } = await heir();
    expect(names).toEqual([]);
    expect(readdirSync(elsewhere)).toEqual(before);
  },
);

posix(
  'a quarantine that is a link to a directory elsewhere gets nothing, and nothing there is deleted',
  async () => {
    const partition = await left('closed');
    symlinkSync(outside, join(directory, 'quarantine'));
    const fd = openSync(join(partition, '00000001.seg'), 'r+');
    writeSync(fd, Buffer.from('damage'), 0, 6, 40);
    closeSync(fd);
    const { names } = await heir('close');
    expect(names).toEqual(['b']);
  },
);

posix('a lease and acknowledgements of a GiB are not read, and the records arrive', async () => {
  const partition = await left('killed');
  sparse(join(partition, 'lease'), GIB);
  sparse(join(partition, '00000001.ack'), GIB);
  const { names, member } = await heir();
  expect(names).toEqual(['a', 'b']);
  expect(member.events.warnings).toContainEqual({
    topic: 'spool damage',
    message: 'a file of the spool is too large to be one of acknowledgements: deleted',
  });
});

test('a segment beyond the largest size there can be is not read beyond it', async () => {
  const partition = await left('closed');
  sparse(join(partition, '00000002.seg'), 100 * GIB);
  const { names, member } = await heir('close');
  expect(names).toEqual(['a', 'b']);
  expect(member.disk.calls('read')).toBeLessThan(5_000);
  expect(member.events.warnings).toContainEqual(expect.objectContaining({ topic: 'spool damage' }));
});

test('a segment full of what looks like the beginnings of batches is given up after many of them', async () => {
  const partition = await left('closed');
  const salt = 40;
  const decoys = Buffer.alloc(8 * 2 ** 20, Buffer.from(`SPFR${String.fromCharCode(salt)}\0\0\0`, 'latin1'));
  writeFileSync(join(partition, '00000002.seg'), Buffer.concat([segmentHeader(salt), decoys]));
  const startedAt = process.cpuUsage();
  const { names } = await heir('close');
  expect(names).toEqual(['a', 'b']);
  const { user, system } = process.cpuUsage(startedAt);
  expect(user + system).toBeLessThan(1_000_000);
});

test('a header that claims more records than its payload has room for is no header', async () => {
  const partition = await left('closed');
  const salt = 7;
  const boasting = { ...entryOf('x'), records: 4_000_000_000 };
  const header = frameHeader(boasting, salt, 0, crc32(boasting.payload));
  const segment = Buffer.concat([segmentHeader(salt), header, boasting.payload]);
  writeFileSync(join(partition, '00000002.seg'), segment);
  const { names, member } = await heir('close');
  expect(names).toEqual(['a', 'b']);
  expect(member.events.recoveredRecords).toBe(2);
});

posix('a link is not opened where the system has no flag against it either', async () => {
  const path = join(directory, '..', 'link');
  symlinkSync(precious, path);
  for (const flags of ['r', 'r+', 'wx'] as const) {
    await expect(openFile(path, flags, 0o600, 0)).rejects.toThrow('ELOOP');
    expect(() => openFileSync(path, flags, 0o600, 0)).toThrow('ELOOP');
  }
  closeSync(await openFile(precious, 'r+', 0o600, 0));
  closeSync(openFileSync(precious, 'r+', 0o600, 0));
});

posix('only files are opened, and small ones read whole', async () => {
  const path = join(directory, '..', 'pipe');
  pipe(path);
  for (const [what, code] of [
    [path, 'EFTYPE'],
    ['/dev/null', 'EFTYPE'],
    [outside, 'EISDIR'],
  ] as const) {
    await expect(openFile(what, 'r', 0)).rejects.toThrow(code);
    expect(() => openFileSync(what, 'r', 0)).toThrow(code);
  }
  expect(String(await readSmallFile(precious, 8))).toBe('precious');
  await expect(readSmallFile(precious, 7)).rejects.toThrow('EFBIG');
});
