/** The spool as its callers see it: what is stored comes back in order, once, and takes no more room than it may. */

import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NewEntry, SpoolEntry } from '../../src/spool/format/entry.ts';
import { bytesBelow, filesBelow } from '../support/faulty-files.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  appendTo,
  entryOf,
  LEASE_MILLIS,
  nameOf,
  namesOf,
  SpoolMember,
  spoolDirectory,
  spoolSettings,
} from '../support/spool-member.ts';

const FRAME_BYTES = 72;

async function append(member: SpoolMember, entry: NewEntry): Promise<SpoolEntry> {
  const stored = await appendTo(member.spool, entry);
  expect(stored, `stored: ${member.spool.degradedBecause}`).toBeDefined();
  return stored as SpoolEntry;
}

async function readName(member: SpoolMember, entry: SpoolEntry | undefined): Promise<string | undefined> {
  const payload = entry && (await member.spool.read(entry));
  return payload && nameOf(payload);
}

describe('the directory', () => {
  test('the directory is made, with those it is in, and for its owner alone', async () => {
    const directory = join(await spoolDirectory(), 'a', 'b');
    const member = await SpoolMember.open(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(dirname(directory)).mode & 0o777).toBe(0o700);
    await append(member, entryOf('a'));
    for (const path of filesBelow(directory)) {
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    }
    await member.close();
  });

  test.each<[string, (directory: string) => void]>([
    ['is a file', (directory) => writeFileSync(directory, '')],
    ['is in a file', (directory) => writeFileSync(dirname(directory), '')],
    ['can be written to by its group', (directory) => mkdirOf(directory, 0o720)],
    ['can be written to by anyone', (directory) => mkdirOf(directory, 0o702)],
    ['leads in a circle', (directory) => symlinkSync(directory, directory)],
  ])('a directory that %s is an error of the option', async (_what, prepare) => {
    const directory = join(await spoolDirectory(), 'inner');
    mkdirSync(dirname(dirname(directory)), { recursive: true });
    if (_what !== 'is in a file') mkdirSync(dirname(directory));
    prepare(directory);
    const member = new SpoolMember(directory);
    expect(() => member.spool.open(member.events)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPILLWAY_OPTION',
        message: expect.stringMatching(/'spool\.directory' must be a directory.*got '/),
      }),
    );
    expect(member.spool.isUsable).toBe(false);
    expect(await appendTo(member.spool, entryOf('a'))).toBeUndefined();
  });

  // As root, which these are run as in containers, no permission is missing: the disk has to say so.
  test('a directory that cannot be written to is an error of the option', async () => {
    const directory = await spoolDirectory();
    mkdirOf(directory, 0o555);
    const member = new SpoolMember(directory);
    member.disk.fail({ on: ['access'], code: 'EACCES' });
    expect(() => member.spool.open(member.events)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPILLWAY_OPTION',
        message: expect.stringContaining('made, entered and written to (EACCES)'),
      }),
    );
  });

  test("a directory of its own that a volume has opened to the volume's group is closed again, with a warning", async () => {
    const directory = await spoolDirectory();
    const first = await SpoolMember.open(directory);
    await append(first, entryOf('a'));
    await first.close();
    for (const path of [directory, ...filesBelow(directory)]) {
      chmodSync(path, (statSync(path).mode | 0o2070) & 0o7777);
    }
    const second = await SpoolMember.open(directory);
    expect(statSync(directory).mode & 0o7777).toBe(0o700);
    await second.rest();
    expect(await readName(second, second.spool.next())).toBe('a');
    const message = `the group could write to ${directory}: its mode is 0700 again`;
    expect(second.events.warnings).toEqual([{ topic: 'spool directory', message }]);
    await second.close();
  });

  test('a directory that others can read is taken as it is', async () => {
    const directory = await spoolDirectory();
    mkdirOf(directory, 0o755);
    const member = await SpoolMember.open(directory);
    expect(member.spool.isUsable).toBe(true);
    await member.close();
    expect(statSync(directory).mode & 0o777).toBe(0o755);
  });
});

describe('an entry', () => {
  test("an entry is the caller's until it is released, and comes back in its turn", async () => {
    const member = await SpoolMember.open(await spoolDirectory());
    const { spool, events } = member;
    const a = await append(member, entryOf('a', { records: 3, attempts: 2, isProtected: true }));
    const b = spool.appendSync(entryOf('b', { records: 2 })) as SpoolEntry;
    expect([spool.records, spool.next(), spool.oldestUnixMillis]).toEqual([0, undefined, undefined]);
    const { state, records, bytes, attempts, isProtected, isRecovered, remaining } = a;
    expect({ state, records, bytes, attempts, isProtected, isRecovered, remaining }).toEqual({
      state: 'stored',
      records: 3,
      bytes: FRAME_BYTES + 40,
      attempts: 2,
      isProtected: true,
      isRecovered: false,
      remaining: [[0, 3]],
    });
    spool.release(b);
    spool.release(a);
    spool.release(a);
    expect(spool.records).toBe(5);
    await member.rest();
    expect(events.changes).toBeGreaterThan(0);
    const first = spool.next();
    expect(first).toBe(a);
    expect(spool.oldestUnixMillis).toBe(a.openedAtUnixMillis);
    expect(spool.next()).toBe(b);
    expect(spool.next()).toBeUndefined();
    expect(spool.records).toBe(5);
    spool.requeue(a);
    spool.requeue(a);
    expect(spool.next()).toBe(a);
    expect(await readName(member, a)).toBe('a');
    await member.close();
  });

  test('an entry is settled in parts, in any order, more than once and past its end, and counts each record once', async () => {
    const member = await SpoolMember.open(await spoolDirectory());
    const { spool } = member;
    const held = await append(member, entryOf('held', { records: 10 }));
    spool.settle(held, 2, 3);
    expect(spool.records).toBe(0);
    spool.release(held);
    expect(spool.records).toBe(7);
    spool.settle(held, 0, 3);
    spool.settle(held, 8, 100);
    spool.settle(held, 4, 1);
    spool.settle(held, 3, 0);
    expect(held.remaining).toEqual([[5, 3]]);
    expect(spool.records).toBe(3);
    expect(spool.next()).toBe(held);
    spool.settle(held, 6, 1);
    expect(held.remaining).toEqual([
      [5, 1],
      [7, 1],
    ]);
    spool.settle(held, 0, 10);
    spool.requeue(held);
    spool.release(held);
    expect([held.remaining, spool.records, spool.next()]).toEqual([[], 0, undefined]);
    await member.close();
  });

  test('an entry that is larger than the spool is refused, and no trouble', async () => {
    const member = await SpoolMember.open(await spoolDirectory(), { maxBytes: 10_000 });
    expect(await appendTo(member.spool, entryOf('a', { bytes: 10_000 }))).toBeUndefined();
    expect(member.spool.appendSync(entryOf('a', { bytes: 10_000 }))).toBeUndefined();
    expect(member.spool.isUsable).toBe(true);
    expect(await append(member, entryOf('b', { bytes: 9_000 }))).toBeDefined();
    await member.close();
  });
});

test('settled segments leave the disk, the one that was being filled as well once it rests', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  const entries: SpoolEntry[] = [];
  for (const name of ['a', 'b', 'c']) entries.push(await append(member, entryOf(name)));
  expect(member.spool.bytes).toBe(bytesBelow(directory, '.seg'));
  for (const entry of entries) member.spool.settle(entry, 0, 1);
  await member.pass(LEASE_MILLIS / 2);
  expect(member.spool.bytes).toBe(0);
  expect(filesBelow(directory, '.seg')).toEqual([]);
  expect(filesBelow(directory, '.ack')).toEqual([]);
  // The partition stays for what comes next.
  const partitions = readdirSync(directory);
  await append(member, entryOf('d'));
  expect(readdirSync(directory)).toEqual(partitions);
  await member.close();
  expect(namesOf(await (await SpoolMember.open(directory)).drain())).toEqual(['d']);
});

test('bytes are those of the files, acknowledgements included', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory, { maxBytes: 200_000 });
  for (let index = 0; index < 20; index++) {
    const entry = await append(member, entryOf(`${index}`, { bytes: 5_000, records: 4 }));
    member.spool.settle(entry, 1, 1);
    if (index % 3 === 0) member.spool.settle(entry, 0, 4);
  }
  await member.rest();
  const onDisk = bytesBelow(directory, '.seg') + bytesBelow(directory, '.ack');
  expect(bytesBelow(directory, '.ack')).toBeGreaterThan(0);
  expect(member.spool.bytes).toBe(onDisk);
  await member.close();
});

describe('a full spool', () => {
  test('a full spool leaves those in memory whose disk space it took, and drops what it alone held', async () => {
    const member = await SpoolMember.open(await spoolDirectory(), { maxBytes: 100_000 });
    const held = await append(member, entryOf('held', { bytes: 20_000, records: 2 }));
    const alone = await member.store(entryOf('alone', { bytes: 20_000, records: 3, attempts: 1 }));
    while (held.state === 'stored' || alone.state === 'stored') {
      await append(member, entryOf('more', { bytes: 20_000 }));
    }
    await member.rest();
    expect([held.state, alone.state]).toEqual(['evicted', 'evicted']);
    expect(held.remaining).toEqual([[0, 2]]);
    expect(member.events.drops).toEqual([
      { reason: 'spool_full', records: 3, wasPassed: true, severities: [0, 0, 0, 3, 0, 0, 0] },
    ]);
    // Whoever gives up what is in memory after all is told that it was the last of it.
    member.spool.settle(held, 0, 1);
    member.spool.release(held);
    await member.rest();
    expect(member.events.droppedRecords('spool_full')).toBe(4);
    expect(member.events.untimely).toEqual([]);
    await member.close();
  });

  test.each([
    ['one for each batch', 1],
    ['many for each batch', 24],
  ])(
    'a full spool stays within its bytes at every step, with acknowledgements that take as much as it: %s',
    async (_how, records) => {
      const directory = await spoolDirectory();
      const maxBytes = 20_000;
      const member = await SpoolMember.open(directory, { maxBytes });
      const onDisk = () => bytesBelow(directory, '.seg') + bytesBelow(directory, '.ack');
      const entries: SpoolEntry[] = [];
      // Until it is full, and nearly full again.
      for (let left = 45; left > 0; left -= entries[0]?.state === 'evicted' ? 1 : 0) {
        entries.push(await append(member, entryOf(`${entries.length}`, { bytes: 10, records })));
        expect(onDisk()).toBeLessThanOrEqual(maxBytes);
      }
      expect(onDisk()).toBeGreaterThan(maxBytes / 2);
      // One in twenty is kept, so that no segment is done with.
      const settled = entries.filter((_, index) => index % 20 !== 0);
      for (let record = 0; record < records; record += 2) {
        for (const entry of settled) member.spool.settle(entry, record, 1);
        await member.rest();
        expect(onDisk()).toBeLessThanOrEqual(maxBytes);
      }
      expect(bytesBelow(directory, '.ack')).toBeGreaterThan(1_000);
      await member.close();
    },
  );

  test('a spool that is full of others’ entries has room for two segments of its own', async () => {
    const directory = await spoolDirectory();
    const maxBytes = 100_000;
    const other = await SpoolMember.open(directory, { maxBytes });
    while (bytesBelow(directory, '.seg') < 80_000) await append(other, entryOf('x', { bytes: 5_000 }));
    const member = await SpoolMember.open(directory, { maxBytes });
    for (let index = 0; index < 30; index++) await member.store(entryOf(`${index}`, { bytes: 5_000 }));
    expect(member.spool.bytes).toBeGreaterThan(25_000);
    expect(member.spool.bytes).toBeLessThanOrEqual(50_000);
    expect(namesOf(await member.drain()).at(-1)).toBe('29');
    await Promise.all([other.close(), member.close()]);
  });
});

test('what is short for the moment only makes reading wait', async () => {
  const member = await SpoolMember.open(await spoolDirectory());
  for (const name of ['a', 'b']) await member.store(entryOf(name));
  const { spool, disk, events } = member;
  const cure = disk.fail({ on: ['open'], code: 'EACCES', path: /seg$/ });
  const a = spool.next() as SpoolEntry;
  expect(await spool.read(a)).toBeUndefined();
  expect(a.state).toBe('stored');
  expect(spool.next()).toBeUndefined();
  expect(spool.records).toBe(2);
  cure();
  const { changes } = events;
  await member.pass(1_000, 500);
  expect(events.changes).toBeGreaterThan(changes);
  expect(namesOf(await member.drain())).toEqual(['a', 'b']);
  expect(events.drops).toEqual([]);
  await member.close();
});

test('a directory that vanishes takes along what waits in it, not what somebody has in memory', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  const { spool, events } = member;
  const held = await append(member, entryOf('held', { records: 2 }));
  const [given, returned, unread, waiting] = [
    await member.store(entryOf('given', { records: 3 })),
    await member.store(entryOf('returned', { records: 4 })),
    await member.store(entryOf('unread', { records: 5 })),
    await member.store(entryOf('waiting', { records: 6 })),
  ];
  expect([spool.next(), spool.next(), spool.next()]).toEqual([given, returned, unread]);
  rmSync(directory, { recursive: true });
  await member.pass(LEASE_MILLIS);
  expect([held, given, waiting].map(({ state }) => state)).toEqual(['damaged', 'damaged', 'damaged']);
  expect(events.ownershipLosses).toEqual([]);
  expect(events.droppedRecords('spool_corrupt')).toBe(6);
  expect([spool.records, spool.bytes, spool.next()]).toEqual([3 + 4 + 5, 0, undefined]);
  spool.settle(given, 0, 3);
  spool.requeue(returned);
  expect(await spool.read(unread)).toBeUndefined();
  spool.settle(held, 0, 2);
  await member.rest();
  expect(events.droppedRecords('spool_corrupt')).toBe(6 + 4 + 5);
  expect(spool.records).toBe(0);
  expect(events.untimely).toEqual([]);
  await append(member, entryOf('new'));
  await member.close();
  expect(namesOf(await (await SpoolMember.open(directory)).drain())).toEqual(['new']);
});

test('flushSync answers what waits for a slow disk, which is as good as stored', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('0'));
  member.disk.hold('write');
  const answers: string[] = [];
  const add = (name: string) =>
    appendTo(member.spool, entryOf(name)).then((entry) => answers.push(`${name} ${entry?.state}`));
  void add('under way');
  await member.rest();
  void add('waiting');
  member.spool.flushSync();
  await member.clock.settle();
  expect(answers).toEqual(['under way stored', 'waiting stored']);
  expect(member.spool.isUsable).toBe(true);
  await member.crash();
  const heir = await SpoolMember.open(directory);
  await heir.pass(2 * LEASE_MILLIS);
  expect(namesOf(await heir.drain())).toEqual(['0', 'under way', 'waiting']);
  await heir.close();
});

test('flushSync keeps its word when the write that was under way fails after it', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('0'));
  const letGo = member.disk.hold('write');
  const append = appendTo(member.spool, entryOf('under way'));
  await member.rest();
  member.spool.flushSync();
  const stored = await append;
  member.disk.fail({ on: ['write'], code: 'EIO', path: /seg$/ });
  await letGo();
  await member.rest();
  expect(stored?.state).toBe('stored');
  member.spool.release(stored as SpoolEntry);
  expect(namesOf(await member.drain())).toEqual(['0', 'under way']);
  await member.close();
});

test('entries after closeSync are stored all the same, each in a partition that is free immediately', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  await member.store(entryOf('before'));
  member.spool.closeSync();
  for (const name of ['late', 'later']) expect(member.spool.appendSync(entryOf(name))).toBeDefined();
  expect(await appendTo(member.spool, entryOf('never'))).toBeUndefined();
  expect(member.disk.openFiles).toBe(0);
  expect(member.clock.pendingTimers).toBe(0);
  const heir = await SpoolMember.open(directory);
  expect(namesOf(await heir.drain()).toSorted()).toEqual(['before', 'late', 'later']);
  await heir.close();
});

test('a disk without room for another file lets what was left on it be taken over', async () => {
  const directory = await spoolDirectory();
  for (const end of ['close', 'crash'] as const) {
    const owner = await SpoolMember.open(directory);
    await owner.store(entryOf(end));
    await owner[end]();
  }
  const heir = new SpoolMember(directory);
  heir.disk.freeBytes = 0;
  heir.spool.open(heir.events);
  await heir.pass(2 * LEASE_MILLIS);
  expect(namesOf(await heir.drain()).toSorted()).toEqual(['close', 'crash']);
  await heir.pass(LEASE_MILLIS);
  expect(heir.spool.renewLapsedLeases(heir.clock.now())).toBe(true);
  await heir.close();
  expect(filesBelow(directory)).toEqual([]);
});

test('a synchronous append while a partition is being made leaves one partition', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory);
  const letGo = member.disk.hold('rename');
  const first = appendTo(member.spool, entryOf('first'));
  await member.rest();
  expect(member.spool.appendSync(entryOf('second'))).toBeDefined();
  await letGo();
  expect(await first).toBeDefined();
  expect(readdirSync(directory)).toHaveLength(1);
  await member.close();
});

test('a spool keeps its settings to itself: a clock that stands still writes nothing twice', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory, {}, new ManualClock(5));
  await append(member, entryOf('a'));
  const writes = member.disk.calls('write');
  await member.rest();
  expect(member.disk.calls('write')).toBe(writes);
  expect(spoolSettings(directory).directory).toBe(directory);
  await member.close();
});

/** Whatever the umask. */
function mkdirOf(directory: string, mode: number): void {
  mkdirSync(directory);
  chmodSync(directory, mode);
}
