/** The spool on disks that fail: full, broken, read-only, gone, slow, without power. What was stored is found again. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SpoolEntry } from '../../src/spool/format/entry.ts';
import { bytesBelow, type Call, filesBelow, WRITING } from '../support/faulty-files.ts';
import {
  appendTo,
  entryOf,
  LEASE_MILLIS,
  namesOf,
  SpoolMember,
  spoolDirectory,
} from '../support/spool-member.ts';

/** The first back-off after a failure, and some. */
const BACKOFF_MILLIS = 1_100;
const LONGEST_BACKOFF_MILLIS = 30_000;

/** Who is found by a process that comes later. The one before must be closed, or dead for as long as its lease. */
async function namesLeft(directory: string): Promise<string[]> {
  const successor = await SpoolMember.open(directory);
  await successor.pass(2 * LEASE_MILLIS);
  const names = namesOf(await successor.drain());
  await successor.close();
  return names;
}

type Append = (member: SpoolMember, name: string, bytes?: number) => Promise<boolean>;

/** @returns whether it was stored; then it is the spool's. */
const appendInTurn: Append = async ({ spool, events }, name, bytes = 40) => {
  const entry = await events.during(() => appendTo(spool, entryOf(name, { bytes })));
  if (entry !== undefined) spool.release(entry);
  return entry !== undefined;
};
const appendAtOnce: Append = async ({ spool, events }, name, bytes = 40) => {
  const entry = events.during(() => spool.appendSync(entryOf(name, { bytes })));
  if (entry !== undefined) spool.release(entry);
  return entry !== undefined;
};
const WAYS: [string, Append][] = [
  ['append', appendInTurn],
  ['appendSync', appendAtOnce],
];

describe.each(WAYS)('%s', (_way, append) => {
  test('a write to a full disk is refused and degrades the spool, until there is room again', async () => {
    const directory = await spoolDirectory();
    const member = await SpoolMember.open(directory);
    const { spool, disk, events } = member;
    expect(await append(member, 'before')).toBe(true);
    disk.freeBytes = 300;
    expect(await append(member, 'too much', 2_000)).toBe(false);
    await member.rest();
    expect(spool.isUsable).toBe(false);
    expect(spool.degradedBecause).toContain('ENOSPC');
    expect(spool.degradedBecause).not.toContain(directory);
    expect(events.changes).toBeGreaterThan(0);
    expect(spool.records).toBe(1);

    disk.freeBytes = Number.POSITIVE_INFINITY;
    const writes = disk.calls('write', 'open', 'mkdir');
    expect(await append(member, 'too early')).toBe(false);
    expect(disk.calls('write', 'open', 'mkdir')).toBe(writes);

    const changes = events.changes;
    await member.pass(BACKOFF_MILLIS);
    expect(await append(member, 'after')).toBe(true);
    await member.rest();
    expect(spool.isUsable).toBe(true);
    expect(spool.degradedBecause).toBeUndefined();
    expect(events.changes).toBeGreaterThan(changes);
    expect(spool.records).toBe(2);
    expect(events.untimely).toEqual([]);
    await member.close();
    expect(await namesLeft(directory)).toEqual(['before', 'after']);
  });

  test.each([
    ['lease of a new partition', /new-.*lease/, 0],
    ['segment', /[.]seg/, 0],
    ['lease that is renewed', /partition-.*lease/, 1],
    ['file of acknowledgements', /[.]ack/, 1],
  ])(
    'a disk that writes nothing into a %s and reports no error is given up and tried later',
    async (what, path, before) => {
      const directory = await spoolDirectory();
      const member = await SpoolMember.open(directory);
      const { spool, disk } = member;
      for (let index = 0; index < before; index++) expect(await append(member, 'before')).toBe(true);
      disk.writesNothing = path;
      if (what.includes('acknowledgements')) {
        const entry = spool.next() as SpoolEntry;
        spool.settle(entry, 0, 1);
        await append(member, 'more');
      } else if (what.includes('renewed')) await member.pass(2 * LEASE_MILLIS);
      else expect(await append(member, 'refused')).toBe(false);
      await member.rest();
      spool.closeSync();
      expect(disk.misuses).toEqual([]);
      disk.writesNothing = undefined;
      const found = await namesLeft(directory);
      expect(found.filter((name) => name !== 'more')).toEqual(before > 0 ? ['before'] : []);
    },
  );

  test('a write that fails is tried again after a back-off that doubles up to 30 s', async () => {
    const member = await SpoolMember.open(await spoolDirectory());
    await append(member, 'stored');
    member.disk.fail({ on: ['write', 'open', 'mkdir'], code: 'EIO', path: /(seg|new-)/ });
    const attemptedAt: number[] = [];
    const start = member.clock.now();
    while (member.clock.now() - start < 130_000) {
      const calls = member.disk.log.length;
      expect(await append(member, 'again')).toBe(false);
      if (member.disk.log.slice(calls).some((line) => /^(write|open|mkdir) /.test(line))) {
        attemptedAt.push(member.clock.now());
      }
      await member.clock.advance(250);
    }
    const waits = attemptedAt.slice(1).map((at, index) => at - (attemptedAt[index] as number));
    expect(waits.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(waits.slice(5)).toEqual(Array(waits.length - 5).fill(LONGEST_BACKOFF_MILLIS));
    await member.close();
  });

  test('a frame that is written in many small pieces is stored whole', async () => {
    const directory = await spoolDirectory();
    const member = await SpoolMember.open(directory);
    member.disk.maxWriteBytes = 37;
    for (const name of ['a', 'b', 'c']) expect(await append(member, name, 500)).toBe(true);
    await member.close();
    const successor = await SpoolMember.open(directory);
    successor.disk.maxReadBytes = 11;
    await successor.pass(LEASE_MILLIS);
    const found = await successor.drain();
    expect(found.map(({ payload }) => payload)).toEqual(
      ['a', 'b', 'c'].map((name) => Buffer.from(entryOf(name, { bytes: 500 }).payload)),
    );
    expect(successor.events.drops).toEqual([]);
    await successor.close();
  });

  test('a write to a disk that loses power for a moment survives it with fsync always', async () => {
    const directory = await spoolDirectory();
    mkdirSync(directory, { mode: 0o700 });
    const member = await SpoolMember.open(directory, { fsync: 'always' });
    for (const name of ['a', 'b', 'c']) expect(await append(member, name, 500)).toBe(true);
    await member.crash();
    member.disk.losePower();
    expect(await namesLeft(directory)).toEqual(['a', 'b', 'c']);
  });

  test.each<[Call, string]>([
    ['write', 'EIO'],
    ['open', 'EACCES'],
    ['open', 'ENOSPC'],
    ['mkdir', 'EROFS'],
    ['mkdir', 'ENOSPC'],
    ['rename', 'EIO'],
    ['syncDirectory', 'EIO'],
    ['datasync', 'EIO'],
  ])(
    'a write is refused when the first %s of a partition fails with %s, and works later',
    async (call, code) => {
      const directory = await spoolDirectory();
      mkdirSync(directory, { mode: 0o700 });
      const member = await SpoolMember.open(directory, { fsync: 'always' });
      const cure = member.disk.fail({ on: [call], code });
      const isStored = await append(member, 'first');
      await member.rest();
      // A directory cannot be synced at once, and what is not needed does not fail.
      const isHit = member.disk.log.some((line) => line.startsWith(`${call} `));
      if (isHit && call !== 'syncDirectory') {
        expect(isStored).toBe(false);
        expect(member.spool.degradedBecause).toContain(code);
      }
      cure();
      await member.pass(BACKOFF_MILLIS);
      expect(await append(member, 'second')).toBe(true);
      expect(member.spool.isUsable).toBe(true);
      await member.close();
      const left = await namesLeft(directory);
      expect(left.filter((name) => name !== 'first' || isStored)).toEqual(
        isStored ? ['first', 'second'] : ['second'],
      );
      expect(member.disk.openFiles).toBe(0);
    },
  );
});

test.each(WAYS)('a segment that cannot be made takes no room (%s)', async (_way, append) => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  const cure = member.disk.fail({ on: ['open', 'write'], code: 'EIO', path: /\.seg$/ });
  expect(await append(member, 'refused', 5_000)).toBe(false);
  await member.rest();
  expect(member.spool.bytes).toBe(0);
  cure();
  await member.pass(BACKOFF_MILLIS);
  expect(await append(member, 'stored')).toBe(true);
  expect(member.spool.bytes).toBe(bytesBelow(directory, '.seg'));
  await member.close();
  expect(await namesLeft(directory)).toEqual(['stored']);
});

test('each append of many that one write was for is answered for itself: what is stored is found again', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('0'));
  const letGo = member.disk.hold('write');
  const names = Array.from({ length: 40 }, (_, index) => `${index + 1}`);
  const appends = names.map((name) => appendInTurn(member, name, 1_000));
  await member.rest();
  member.disk.freeBytes = 20_000;
  await letGo();
  const areStored = await Promise.all(appends);
  const stored = ['0', ...names.filter((_, index) => areStored[index])];
  expect(member.spool.records).toBe(stored.length);
  await member.close();
  const left = await namesLeft(directory);
  expect(left.filter((name) => stored.includes(name))).toEqual(stored);
  expect(new Set(left).size).toBe(left.length);
});

test('a disk that is slow gets many appends in few writes', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('0'));
  const writes = member.disk.calls('write');
  const letGo = member.disk.hold('write');
  const names = Array.from({ length: 100 }, (_, index) => `${index + 1}`);
  const appends = names.map((name) => appendInTurn(member, name, 500));
  await member.rest();
  await letGo();
  expect(await Promise.all(appends)).toEqual(names.map(() => true));
  expect(member.disk.calls('write') - writes).toBeLessThanOrEqual(4);
  await member.close();
  expect(await namesLeft(directory)).toEqual(['0', ...names]);
});

test('a file is not closed while something is being written to it', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory, { fsync: 'always', maxBytes: 1024 * 1024 });
  await member.store(entryOf('a'));
  const letGo = member.disk.hold('write');
  const append = appendInTurn(member, 'b', 100_000);
  await member.rest();
  // Larger than what is left of the segment: it is finished.
  for (const name of ['c', 'd', 'e']) expect(await appendAtOnce(member, name, 150_000)).toBe(true);
  await member.rest();
  await letGo();
  expect(await append).toBe(true);
  await member.close();
  expect(member.disk.misuses).toEqual([]);
  expect((await namesLeft(directory)).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test.each([
  ['never made', false],
  ['made after all', true],
])('closeSync stores what waits for a write that is %s', async (_when, isMade) => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('a'));
  const letGo = member.disk.hold('write');
  const appends = ['b', 'c', 'd'].map((name) => appendInTurn(member, name, 700));
  await member.rest();
  member.spool.closeSync();
  if (isMade) {
    await letGo();
    await Promise.all(appends);
  }
  await member.crash();
  expect(await namesLeft(directory)).toEqual(['a', 'b', 'c', 'd']);
});

test.each([
  ['never end', false],
  ['end after all', true],
])('flushSync stores what waits for writes that %s, and the spool goes on', async (_how, doEnd) => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('a'));
  const letGo = member.disk.hold('write');
  const appends = ['b', 'c'].map((name) => appendInTurn(member, name, 700));
  await member.rest();
  appends.push(appendInTurn(member, 'd'));
  member.events.during(() => member.spool.flushSync());
  expect(await Promise.all(appends)).toEqual([true, true, true]);
  if (doEnd) await letGo();
  expect(await appendAtOnce(member, 'e')).toBe(true);
  await member.rest();
  expect(member.spool.records).toBe(5);
  if (doEnd) expect(await appendInTurn(member, 'f')).toBe(true);
  await member.crash();
  expect(await namesLeft(directory)).toEqual(['a', 'b', 'c', 'd', 'e', ...(doEnd ? ['f'] : [])]);
});

test('flushSync on a disk that fails does not throw, and answers every append', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('a'));
  const letGo = member.disk.hold('write');
  const appends = ['b', 'c'].map((name) => appendInTurn(member, name, 700));
  await member.rest();
  member.disk.fail({ on: WRITING, code: 'EIO' });
  expect(() => member.spool.flushSync()).not.toThrow();
  await letGo();
  expect(await Promise.all(appends)).toEqual([false, false]);
  expect(member.spool.records).toBe(1);
  await member.crash();
  expect(await namesLeft(directory)).toEqual(['a']);
});

test('an entry that is appended immediately after closeSync is stored as well', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('a'));
  member.spool.closeSync();
  expect(await appendAtOnce(member, 'b')).toBe(true);
  expect(await appendAtOnce(member, 'c')).toBe(true);
  expect(member.clock.pendingTimers).toBe(0);
  await member.crash();
  const successor = await SpoolMember.open(directory);
  expect(namesOf(await successor.drain()).toSorted()).toEqual(['a', 'b', 'c']);
  await successor.close();
});

test('closeSync on a disk that fails does not throw', async () => {
  const member = await SpoolMember.open(await spoolDirectory());
  await member.store(entryOf('a'));
  member.disk.hold('write');
  void appendTo(member.spool, entryOf('b'));
  await member.rest();
  member.disk.fail({ on: [...WRITING, 'close'], code: 'EIO' });
  expect(() => member.spool.closeSync()).not.toThrow();
  expect(() => member.spool.closeSync()).not.toThrow();
  await member.crash();
});

test('closed for good, it refuses and does not throw', async () => {
  const member = await SpoolMember.open(await spoolDirectory());
  const entry = await member.store(entryOf('a'));
  await member.close();
  await member.close();
  expect(await appendTo(member.spool, entryOf('b'))).toBeUndefined();
  expect(member.spool.appendSync(entryOf('c'))).toBeUndefined();
  expect(member.spool.next()).toBeUndefined();
  expect(() => member.spool.settle(entry, 0, 1)).not.toThrow();
  expect(() => member.spool.release(entry)).not.toThrow();
  expect(member.spool.isUsable).toBe(false);
  expect(member.disk.openFiles).toBe(0);
  expect(member.clock.pendingTimers).toBe(0);
});

test('records older than the interval survive a loss of power with fsync interval', async () => {
  const directory = await spoolDirectory();
  mkdirSync(directory, { mode: 0o700 });
  const member = await SpoolMember.open(directory, { fsync: 'interval', fsyncIntervalMillis: 500 });
  for (const name of ['a', 'b']) await member.store(entryOf(name));
  await member.pass(600, 100);
  const syncs = member.disk.calls('datasync');
  await member.pass(5_000, 100);
  // Nothing is synced that has not changed but the heartbeat.
  expect(member.disk.calls('datasync') - syncs).toBeLessThanOrEqual(6);
  await member.crash();
  member.disk.losePower();
  expect(await namesLeft(directory)).toEqual(['a', 'b']);
});

test('a payload that cannot be read is no exception, and every record is accounted for', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  for (const name of ['a', 'b', 'c']) await member.store(entryOf(name, { records: 5 }));
  member.disk.fail({ on: ['read'], code: 'EIO', times: 1 });
  const found = await member.drain();
  expect(namesOf(found)).toEqual(expect.arrayContaining(['b', 'c']));
  expect(5 * found.length + member.events.droppedRecords('spool_corrupt')).toBe(15);
  expect(member.spool.records).toBe(0);
  await member.close();
});

test('a read-only disk refuses, keeps what it has, and gives it once it can be written', async () => {
  const directory = await spoolDirectory();
  const before = await SpoolMember.open(directory);
  await before.store(entryOf('left'));
  await before.close();

  const member = new SpoolMember(directory);
  const cure = member.disk.fail({ on: WRITING, code: 'EROFS' });
  expect(() => member.spool.open(member.events)).not.toThrow();
  await member.pass(3 * LEASE_MILLIS);
  expect(await appendInTurn(member, 'refused')).toBe(false);
  expect(member.spool.isUsable).toBe(false);
  // What cannot be marked as taken over is not sent by one that cannot know to be the only one.
  expect(member.spool.next()).toBeUndefined();
  cure();
  await member.pass(2 * LONGEST_BACKOFF_MILLIS);
  expect(await appendInTurn(member, 'new')).toBe(true);
  expect(member.spool.isUsable).toBe(true);
  expect(namesOf(await member.drain())).toEqual(['left', 'new']);
  await member.close();
});

test.each(['ENOSPC', 'EROFS', 'EIO', 'ENOENT'])(
  'a spool whose directory cannot be made for %s starts degraded and recovers',
  async (code) => {
    const directory = await spoolDirectory();
    const member = new SpoolMember(directory);
    const cure = member.disk.fail({ on: ['mkdir', 'stat'], code });
    expect(() => member.spool.open(member.events)).not.toThrow();
    await member.rest();
    expect(member.spool.isUsable).toBe(false);
    expect(member.spool.degradedBecause).toContain(code);
    expect(await appendInTurn(member, 'refused')).toBe(false);
    cure();
    await member.pass(LONGEST_BACKOFF_MILLIS);
    expect(await appendInTurn(member, 'stored')).toBe(true);
    await member.close();
    expect(await namesLeft(directory)).toEqual(['stored']);
  },
);

test('a directory that is removed is made again, and what the spool alone had in it is lost', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('lost', { records: 3 }));
  const held = await appendTo(member.spool, entryOf('held', { records: 4 }));
  rmSync(directory, { recursive: true });
  await member.pass(2 * LEASE_MILLIS);
  expect(member.events.droppedRecords('spool_corrupt')).toBe(3);
  expect(member.events.ownershipLosses).toEqual([]);
  // Whoever holds it is not to rely on the copy.
  expect(held?.state).toBe('damaged');
  expect(member.spool.records).toBe(0);
  expect(member.spool.next()).toBeUndefined();
  await appendInTurn(member, 'perhaps');
  await member.pass(BACKOFF_MILLIS);
  expect(await appendInTurn(member, 'stored')).toBe(true);
  expect(member.spool.isUsable).toBe(true);
  await member.close();
  expect(await namesLeft(directory)).toContain('stored');
});

test('a spool whose collector is well writes nothing at all', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.pass(60_000, 5_000);
  expect(filesBelow(directory)).toEqual([]);
  expect(member.disk.calls('write', 'open', 'datasync')).toBe(0);
  await member.close();
  expect(filesBelow(directory)).toEqual([]);
});

function mountTmpfs(directory: string, kibibytes: number): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    mkdirSync(directory, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k,mode=0700`, 'tmpfs', directory]);
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', directory]));
  return true;
}

test('a real disk of 512 KiB that fills up refuses, keeps what it has and goes on when there is room', async ({
  skip,
}) => {
  const directory = await spoolDirectory();
  const mountPoint = join(dirname(directory), 'mount');
  if (!mountTmpfs(mountPoint, 512)) skip('needs root and mount');
  const ballast = join(mountPoint, 'ballast');
  writeFileSync(ballast, Buffer.alloc(64 * 1024));
  const spoolPath = join(mountPoint, 'spool');
  const member = await SpoolMember.open(spoolPath);
  const stored: string[] = [];
  for (let index = 0; index < 60; index++) {
    const append = index % 2 === 0 ? appendInTurn : appendAtOnce;
    if (!(await append(member, `${index}`, 10_000))) break;
    stored.push(`${index}`);
  }
  expect(stored.length).toBeGreaterThan(30);
  expect(stored.length).toBeLessThan(50);
  expect(member.spool.degradedBecause).toContain('ENOSPC');
  rmSync(ballast);
  await member.pass(BACKOFF_MILLIS);
  expect(await appendInTurn(member, 'after', 10_000)).toBe(true);
  expect(member.spool.isUsable).toBe(true);
  expect(bytesBelow(spoolPath, '.seg')).toBeGreaterThan(10_000 * stored.length);
  await member.close();
  expect(await namesLeft(spoolPath)).toEqual([...stored, 'after']);
});
