/** Several processes at one spool: nobody takes from the living, the dead leave nothing behind, nothing has two owners. */

import {
  existsSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SpoolSettings } from '../../src/options/option-groups.ts';
import type { NewEntry, SpoolEntry } from '../../src/spool/format/entry.ts';
import { nodeFiles } from '../../src/spool/format/file-system.ts';
import { FENCE_AT, fenceBytes, parseSegmentHeader } from '../../src/spool/format/layout.ts';
import { FaultyFiles, filesBelow } from '../support/faulty-files.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { promptFiles } from '../support/prompt-files.ts';
import {
  appendTo,
  entryOf,
  LEASE_MILLIS,
  nameOf,
  namesOf,
  passAll,
  SpoolMember,
  spoolDirectory,
} from '../support/spool-member.ts';
import { StoppableClock } from '../support/stoppable-clock.ts';

const HOUR_MILLIS = 3_600_000;
/** After which a dead one's partition has surely been taken over by a watcher that runs. */
const SURELY_MILLIS = 2 * LEASE_MILLIS;

async function writer(
  directory: string,
  names: readonly string[],
  startMillis = 1_000,
  disk = new FaultyFiles(),
): Promise<SpoolMember> {
  const member = await SpoolMember.open(directory, {}, new StoppableClock(startMillis), disk);
  for (const name of names) await member.store(entryOf(name, { records: 2 }));
  return member;
}

/** Of the event loop, while the disk is held: the member does not come to rest. */
async function turnsUntil({ clock }: SpoolMember, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition() && performance.now() < deadline) await clock.settle();
  expect(condition()).toBe(true);
}

/** Its calls are answered immediately, so that they are the same ones in the same order each time. */
function prompt(directory: string, overrides: Partial<SpoolSettings> = {}): SpoolMember {
  return new SpoolMember(directory, overrides, new ManualClock(), new FaultyFiles(promptFiles));
}

/** All members together, each name as often as it was found. */
async function drainAll(members: readonly SpoolMember[]): Promise<string[]> {
  const names: string[] = [];
  for (const member of members) names.push(...namesOf(await member.drain()));
  return names.toSorted();
}

describe('from the living', () => {
  test('nobody takes anything from the living, however long it lasts', async () => {
    const directory = await spoolDirectory();
    const owner = await writer(directory, ['a', 'b']);
    const watcher = await SpoolMember.open(directory, {}, new ManualClock(9e9));
    await passAll([owner, watcher], 10 * LEASE_MILLIS);
    expect(watcher.spool.next()).toBeUndefined();
    expect(watcher.events.recoveries).toEqual([]);
    expect(owner.events.ownershipLosses).toEqual([]);
    expect(namesOf(await owner.drain())).toEqual(['a', 'b']);
    await Promise.all([owner.close(), watcher.close()]);
  });

  test.each([
    ['forward', 5 * HOUR_MILLIS],
    ['back', -5 * HOUR_MILLIS],
  ])('nobody takes anything from the living when wall clocks jump %s', async (_where, millis) => {
    const directory = await spoolDirectory();
    const owner = await writer(directory, ['a']);
    const watcher = await SpoolMember.open(directory);
    for (const jumper of [owner, watcher, watcher]) {
      jumper.clock.epochMillis += millis;
      await passAll([owner, watcher], LEASE_MILLIS);
    }
    expect(watcher.events.recoveries).toEqual([]);
    expect(owner.events.ownershipLosses).toEqual([]);
    expect(owner.spool.renewLapsedLeases(owner.clock.now())).toBe(true);
    await Promise.all([owner.close(), watcher.close()]);
  });

  test('nobody takes anything while a partition is being made, call by call', async () => {
    const directory = await spoolDirectory();
    const watcher = await SpoolMember.open(directory);
    const owner = await SpoolMember.open(directory);
    const pauses = ['mkdir', 'open', 'write', 'rename'] as const;
    const releases = pauses.map((call) => owner.disk.hold(call));
    const append = appendTo(owner.spool, entryOf('a'));
    for (const letGo of releases) {
      await owner.rest();
      await watcher.pass(LEASE_MILLIS / 2);
      await letGo();
    }
    await owner.rest();
    await watcher.pass(LEASE_MILLIS / 2);
    const entry = await append;
    expect(entry?.state).toBe('stored');
    expect(watcher.events.recoveries).toEqual([]);
    await Promise.all([owner.close(), watcher.close()]);
  });

  test('a living process with a longer lease than the watcher is given its own time', async () => {
    const directory = await spoolDirectory();
    const owner = await SpoolMember.open(directory, { leaseMillis: 40_000 });
    await owner.store(entryOf('a'));
    const watcher = await SpoolMember.open(directory);
    await owner.crash();
    await watcher.pass(38_000);
    expect(watcher.events.recoveries).toEqual([]);
    await watcher.pass(2_000 + SURELY_MILLIS);
    expect(watcher.events.recoveries).toEqual([1]);
    await watcher.close();
  });
});

describe('from the dead', () => {
  test.each([
    ['stand still', 0],
    ['jump forward', 7 * HOUR_MILLIS],
    ['jump back', -7 * HOUR_MILLIS],
  ])(
    'a watcher takes all after their lease by its own clock, though wall clocks %s',
    async (_how, millis) => {
      const directory = await spoolDirectory();
      const owner = await writer(directory, ['a', 'b'], 5e9);
      const watcher = await SpoolMember.open(directory);
      await passAll([owner, watcher], LEASE_MILLIS);
      await owner.crash();
      watcher.clock.epochMillis += millis;
      await watcher.pass(LEASE_MILLIS * 0.7, LEASE_MILLIS / 16);
      expect(watcher.events.recoveries).toEqual([]);
      await watcher.pass(SURELY_MILLIS - LEASE_MILLIS * 0.7);
      expect(watcher.events.recoveries).toEqual([4]);
      expect(watcher.spool.records).toBe(4);
      const found = await watcher.drain();
      expect(namesOf(found)).toEqual(['a', 'b']);
      expect(found.every(({ entry }) => entry.isRecovered)).toBe(true);
      expect(watcher.events.untimely).toEqual([]);
      await watcher.close();
      expect(readdirSync(directory).filter((name) => name !== 'quarantine')).toEqual([]);
    },
  );

  test('the oldest partition comes first, and all of them before what the heir stores itself', async () => {
    const directory = await spoolDirectory();
    const day = Date.UTC(2026, 0, 1);
    for (const [name, offset] of [
      ['c', 3_000],
      ['a', 1_000],
      ['b', 2_000],
    ] as const) {
      const owner = await SpoolMember.open(directory);
      owner.spool.next();
      await owner.store(entryOf(name, { openedAtUnixMillis: day + offset }));
      await owner.crash();
    }
    const heir = await SpoolMember.open(directory);
    await heir.store(entryOf('own', { openedAtUnixMillis: day }));
    await heir.pass(SURELY_MILLIS);
    expect(namesOf(await heir.drain())).toEqual(['a', 'b', 'c', 'own']);
    await heir.close();
  });

  test('a process that closes hands its partitions over immediately', async () => {
    const directory = await spoolDirectory();
    const watcher = await SpoolMember.open(directory);
    for (const [name, close] of [
      ['a', (member: SpoolMember) => member.close()],
      ['b', async (member: SpoolMember) => member.spool.closeSync()],
    ] as const) {
      const owner = await writer(directory, [name]);
      await close(owner);
      await owner.crash();
      await watcher.pass(LEASE_MILLIS / 2);
      expect(namesOf(await watcher.drain())).toEqual([name]);

      const other = await writer(directory, [name]);
      await close(other);
      await other.crash();
      const successor = await SpoolMember.open(directory);
      expect(successor.events.recoveries).toEqual([2]);
      expect(namesOf(await successor.drain())).toEqual([name]);
      await successor.close();
    }
    await watcher.close();
  });

  test('two processes that take the same partition have one winner', async () => {
    const directory = await spoolDirectory();
    const owner = await writer(directory, ['a', 'b']);
    await owner.crash();
    const rivals = [await SpoolMember.open(directory), await SpoolMember.open(directory)];
    const letGo = rivals.map(({ disk }) => disk.hold('rename'));
    for (const rival of rivals) await rival.pass(SURELY_MILLIS);
    expect(rivals.map(({ disk }) => disk.heldCalls)).toEqual([1, 1]);
    await Promise.all(letGo.map((go) => go()));
    await passAll(rivals, LEASE_MILLIS);
    expect(rivals.map(({ events }) => events.recoveredRecords).toSorted()).toEqual([0, 4]);
    expect(await drainAll(rivals)).toEqual(['a', 'b']);
    for (const { events, spool } of rivals) {
      expect(spool.isUsable).toBe(true);
      expect(events.ownershipLosses).toEqual([]);
    }
    await Promise.all(rivals.map((rival) => rival.close()));
  });

  test('many processes that take many partitions each get what no other has', async () => {
    const directory = await spoolDirectory();
    const names = Array.from({ length: 12 }, (_, index) => `${index}`).toSorted();
    for (const name of names) await (await writer(directory, [name])).crash();
    const rivals: SpoolMember[] = [];
    for (let index = 0; index < 4; index++) rivals.push(await SpoolMember.open(directory));
    // All of them at the same time: none rests until all have gone on.
    for (let passed = 0; passed < SURELY_MILLIS; passed += LEASE_MILLIS / 8) {
      await Promise.all(rivals.map(({ clock }) => clock.advance(LEASE_MILLIS / 8)));
      for (const rival of rivals) await rival.rest();
    }
    expect(await drainAll(rivals)).toEqual(names);
    await Promise.all(rivals.map((rival) => rival.close()));
  });

  describe('with several segments', () => {
    /** Two segments, the second of which is read when the test says so. */
    async function halfScanned() {
      const directory = await spoolDirectory();
      const settings = { maxBytes: 1024 * 1024 };
      const owner = await SpoolMember.open(directory, settings);
      for (const name of ['a', 'b']) await owner.store(entryOf(name, { bytes: 200_000 }));
      await owner.close();
      const { promise: gate, resolve: letGo } = Promise.withResolvers<void>();
      let opens = 0;
      const disk = new FaultyFiles({
        ...nodeFiles,
        async open(path, flags, mode) {
          // At first its header is read.
          if (path.endsWith('00000002.seg') && ++opens === 2) await gate;
          return await nodeFiles.open(path, flags, mode);
        },
      });
      const heir = new SpoolMember(directory, settings, new ManualClock(), disk);
      heir.spool.open(heir.events);
      await turnsUntil(heir, () => heir.events.recoveredRecords === 1);
      return { directory, heir, letGo };
    }

    test('the first one can be sent, and goes, while the second one is read', async () => {
      const { directory, heir, letGo } = await halfScanned();
      const entry = heir.spool.next() as SpoolEntry;
      expect(nameOf((await heir.spool.read(entry)) as Buffer)).toBe('a');
      heir.spool.settle(entry, 0, 1);
      await turnsUntil(heir, () => filesBelow(directory, '.seg').length === 1);
      letGo();
      await turnsUntil(heir, () => heir.events.recoveredRecords === 2);
      expect(namesOf(await heir.drain())).toEqual(['b']);
      await heir.close();
      expect(filesBelow(directory)).toEqual([]);
      expect(heir.events.warnings).toEqual([]);
    });

    test('the second one is left to the next process when the heir ends while it is read', async () => {
      const { directory, heir, letGo } = await halfScanned();
      const closed = heir.spool.close();
      letGo();
      await closed;
      expect(heir.spool.records).toBe(1);
      const next = await SpoolMember.open(directory);
      expect(namesOf(await next.drain())).toEqual(['a', 'b']);
      await next.close();
    });
  });

  test('nothing is lost when an heir dies in any call of taking over', async () => {
    let hasDied = true;
    for (let calls = 1; hasDied; calls++) {
      const directory = await spoolDirectory();
      await (await writer(directory, ['a', 'b'], 1_000, new FaultyFiles(promptFiles))).crash();
      const heir = prompt(directory);
      heir.disk.diesAfterCalls = calls;
      heir.spool.open(heir.events);
      await heir.pass(SURELY_MILLIS, LEASE_MILLIS / 4);
      hasDied = heir.disk.isDead;
      if (hasDied) expect(heir.events.ownershipLosses).toEqual([]);
      await heir.crash();
      const next = prompt(directory);
      next.spool.open(next.events);
      await next.pass(SURELY_MILLIS, LEASE_MILLIS / 4);
      expect(namesOf(await next.drain()), `died in call ${calls}`).toEqual(['a', 'b']);
      await next.close();
      // Half-made partitions do not pile up.
      expect(readdirSync(directory).filter((name) => name.startsWith('partition-'))).toEqual([]);
      if (calls > 200) break;
    }
    expect(hasDied).toBe(false);
  });
});

test('stored entries are found again, whatever call their writer dies in', async () => {
  let hasDied = true;
  for (let calls = 1; hasDied && calls < 200; calls++) {
    const directory = await spoolDirectory();
    const owner = prompt(directory, { fsync: 'always' });
    owner.disk.diesAfterCalls = calls;
    try {
      owner.spool.open(owner.events);
    } catch {
      // Died in making the directory.
    }
    const stored: string[] = [];
    const run = async () => {
      await owner.rest();
      for (const name of ['a', 'b', 'c', 'd']) {
        const isSync = name === 'b' || name === 'd';
        const entry = isSync
          ? owner.spool.appendSync(entryOf(name))
          : await appendTo(owner.spool, entryOf(name));
        if (entry === undefined || owner.disk.isDead) return;
        if (name === 'c') owner.spool.settle(entry, 0, 1);
        else stored.push(name);
      }
      await owner.close();
    };
    // One that died never comes back from its call.
    const isOver = { now: false };
    void run().then(() => {
      isOver.now = true;
    });
    while (!isOver.now && !owner.disk.isDead) await owner.clock.settle();
    hasDied = owner.disk.isDead;
    await owner.crash();
    const heir = prompt(directory);
    heir.spool.open(heir.events);
    await heir.pass(SURELY_MILLIS, LEASE_MILLIS / 4);
    const names = namesOf(await heir.drain());
    expect(
      names.filter((name) => stored.includes(name)),
      `died in call ${calls}`,
    ).toEqual(stored);
    expect(new Set(names).size).toBe(names.length);
    await heir.close();
  }
  expect(hasDied).toBe(false);
});

describe('one who was stopped', () => {
  test('a process that was stopped holds its leases for less than their time, and renews when asked', async () => {
    const directory = await spoolDirectory();
    const owner = await writer(directory, ['a']);
    await owner.pass(LEASE_MILLIS);
    const clock = owner.clock as StoppableClock;
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(true);
    expect(owner.spool.renewLapsedLeases(clock.now() + LEASE_MILLIS / 4)).toBe(true);
    expect(owner.spool.renewLapsedLeases(clock.now() + LEASE_MILLIS)).toBe(false);
    await owner.rest();
    clock.stop(20 * LEASE_MILLIS);
    const changes = owner.events.changes;
    expect(owner.events.during(() => owner.spool.renewLapsedLeases(clock.now()))).toBe(false);
    await owner.rest();
    expect(owner.events.changes).toBeGreaterThan(changes);
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(true);
    expect(owner.events.ownershipLosses).toEqual([]);
    expect(owner.events.untimely).toEqual([]);
    expect(namesOf(await owner.drain())).toEqual(['a']);
    await owner.close();
  });

  test('a process that was stopped while it renewed holds its lease from the time at which it began with that', async () => {
    const owner = await writer(await spoolDirectory(), ['a']);
    const clock = owner.clock as StoppableClock;
    const letGo = owner.disk.hold('write');
    await clock.advance(LEASE_MILLIS / 4);
    await owner.rest();
    expect(owner.disk.heldCalls).toBe(1);
    clock.stop(LEASE_MILLIS);
    await letGo();
    await owner.rest();
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(false);
    await owner.rest();
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(true);
    await owner.close();
  });

  test('a process that was stopped and finds its partition taken no longer counts what was in it, and sends none of it', async () => {
    const directory = await spoolDirectory();
    const owner = await writer(directory, ['a', 'b']);
    const held = await appendTo(owner.spool, entryOf('held', { records: 3 }));
    const given = owner.spool.next();
    const heir = await SpoolMember.open(directory);
    await heir.pass(SURELY_MILLIS);
    expect(heir.events.recoveries).toEqual([7]);

    const clock = owner.clock as StoppableClock;
    clock.stop(SURELY_MILLIS);
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(false);
    // It looks more than once.
    await owner.pass(200, 50);
    // What its caller has is not the spool's to count.
    expect(owner.events.ownershipLosses).toEqual([4]);
    expect([held?.state, given?.state]).toEqual(['takenOver', 'takenOver']);
    expect(owner.spool.records).toBe(0);
    expect(owner.spool.bytes).toBe(0);
    expect(owner.spool.next()).toBeUndefined();
    // What it does with them now is of no consequence to anyone.
    for (const entry of [held, given]) {
      if (entry === undefined) continue;
      expect(await owner.spool.read(entry)).toBeUndefined();
      owner.spool.settle(entry, 0, 1);
      owner.spool.release(entry);
      owner.spool.requeue(entry);
    }
    expect(owner.spool.next()).toBeUndefined();
    expect(owner.events.drops).toEqual([]);

    // It goes on with a partition of its own.
    await owner.store(entryOf('new'));
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(true);
    expect(namesOf(await owner.drain())).toEqual(['new']);
    expect(namesOf(await heir.drain())).toEqual(['a', 'b', 'held']);
    await Promise.all([owner.close(), heir.close()]);
  });

  test('a process that stores more before it knows that its partition was taken loses none of it', async () => {
    const directory = await spoolDirectory();
    const owner = await writer(directory, ['a']);
    const heir = await SpoolMember.open(directory);
    await heir.pass(SURELY_MILLIS);
    const clock = owner.clock as StoppableClock;
    clock.stop(SURELY_MILLIS);
    // Before any timer of it could fire: whoever says that it is stored must mean it.
    const lateAppend = appendTo(owner.spool, entryOf('late'));
    const later = owner.spool.appendSync(entryOf('later'));
    expect(later?.state).toBe('stored');
    const late = await owner.finish(lateAppend);
    await owner.pass(LEASE_MILLIS);
    const expected = ['a'];
    for (const [name, entry] of [
      ['late', late],
      ['later', later],
    ] as const) {
      // Refused: its caller has the records still.
      if (entry === undefined) continue;
      expected.push(name);
      owner.spool.release(entry);
    }
    await passAll([owner, heir], SURELY_MILLIS);
    const found = [...namesOf(await owner.drain()), ...namesOf(await heir.drain())];
    expect(found.toSorted()).toEqual(expected);
    await Promise.all([owner.close(), heir.close()]);
  });

  test.each(['append', 'appendSync'] as const)(
    'a process that was stopped in the middle of %s loses nothing that it calls stored',
    async (way) => {
      const directory = await spoolDirectory();
      const clock = new StoppableClock();
      let isStopped = false;
      const wake = () => {
        if (isStopped) clock.stop(SURELY_MILLIS);
        isStopped = false;
      };
      const disk = new FaultyFiles({
        ...nodeFiles,
        writeSync(...args) {
          wake();
          return nodeFiles.writeSync(...args);
        },
        writev(...args) {
          wake();
          return nodeFiles.writev(...args);
        },
      });
      const owner = await SpoolMember.open(directory, {}, clock, disk);
      await owner.store(entryOf('a'));
      const heir = await SpoolMember.open(directory);
      await heir.pass(SURELY_MILLIS);
      expect(heir.events.recoveries).toEqual([1]);
      // It has read its clock before it was stopped, and writes when it goes on.
      isStopped = true;
      const entry = await owner.finish(
        Promise.resolve(
          way === 'append' ? appendTo(owner.spool, entryOf('late')) : owner.spool.appendSync(entryOf('late')),
        ),
      );
      expect(isStopped).toBe(false);
      if (entry !== undefined) owner.spool.release(entry);
      await passAll([owner, heir], SURELY_MILLIS);
      const found = [...namesOf(await heir.drain()), ...namesOf(await owner.drain())];
      expect(found).toEqual(entry === undefined ? ['a'] : ['a', 'late']);
      await Promise.all([owner.close(), heir.close()]);
    },
  );

  describe('in a write that the disk ends meanwhile', () => {
    /** An owner that hears of the end of its writes when the test says so. */
    async function stoppedInWrite(entries: readonly NewEntry[]) {
      const directory = await spoolDirectory();
      const clock = new StoppableClock();
      let thawed: Promise<void> | undefined;
      let isOnDisk = false;
      const disk = new FaultyFiles({
        ...nodeFiles,
        async writev(...args) {
          const bytes = await nodeFiles.writev(...args);
          // Not those to the lease.
          if (args[2] > 0) {
            isOnDisk = true;
            await thawed;
          }
          return bytes;
        },
      });
      const owner = await SpoolMember.open(directory, {}, clock, disk);
      const before = await owner.store(entryOf('a'));
      const { promise, resolve } = Promise.withResolvers<void>();
      thawed = promise;
      isOnDisk = false;
      const appended = entries.map((entry) => appendTo(owner.spool, entry));
      await turnsUntil(owner, () => isOnDisk);
      const thaw = async () => {
        clock.stop(SURELY_MILLIS);
        resolve();
        return await owner.finish(Promise.all(appended));
      };
      return { directory, owner, clock, before, thaw };
    }

    test.each(['sent it all', 'sent none of it yet'])(
      'a write that the disk ends while its process is stopped stores nothing twice when the heir has %s',
      async (progress) => {
        const { directory, owner, thaw } = await stoppedInWrite([entryOf('b', { records: 2 }), entryOf('c')]);
        const heir = await SpoolMember.open(directory);
        await heir.pass(SURELY_MILLIS);
        const found = progress === 'sent it all' ? namesOf(await heir.drain()) : [];
        await heir.pass(LEASE_MILLIS);
        const states = (await thaw()).map((entry) => entry?.state);
        expect(states).toEqual(['takenOver', 'takenOver']);
        // 'a'; what its caller has of the others is dropped by the caller, who is told to look.
        expect(owner.events.ownershipLosses).toEqual([1, 0]);
        expect(owner.spool.records).toBe(0);
        await passAll([owner, heir], SURELY_MILLIS);
        found.push(...namesOf(await heir.drain()), ...namesOf(await owner.drain()));
        expect(found).toEqual(['a', 'b', 'c']);
        expect(owner.disk.misuses).toEqual([]);
        await owner.store(entryOf('new'));
        await Promise.all([owner.close(), heir.close()]);
      },
    );

    test('a write is stored once by a process that ends in it, silent for too long but missed by nobody', async () => {
      const { directory, owner, clock, thaw } = await stoppedInWrite([entryOf('b')]);
      clock.stop(SURELY_MILLIS);
      owner.spool.closeSync();
      await thaw();
      const next = await SpoolMember.open(directory);
      await next.pass(SURELY_MILLIS);
      expect(namesOf(await next.drain())).toEqual(['a', 'b']);
      await next.close();
    });

    test('a write that the disk ends while its process is stopped is found once by the process after the heir', async () => {
      const { directory, owner, thaw } = await stoppedInWrite([entryOf('b')]);
      const heir = await SpoolMember.open(directory);
      await heir.pass(SURELY_MILLIS);
      await thaw();
      await Promise.all([owner.close(), heir.close()]);
      const next = await SpoolMember.open(directory);
      expect(namesOf(await next.drain())).toEqual(['a', 'b']);
      await next.close();
    });

    test('a write is stored anew, once, when the heir had looked before it was on disk', async () => {
      const directory = await spoolDirectory();
      const clock = new StoppableClock();
      const owner = await SpoolMember.open(directory, {}, clock);
      await owner.store(entryOf('a'));
      const letGo = owner.disk.hold('write');
      const appended = appendTo(owner.spool, entryOf('b'));
      await turnsUntil(owner, () => owner.disk.heldCalls === 1);
      const heir = await SpoolMember.open(directory);
      await heir.pass(SURELY_MILLIS);
      expect(heir.events.recoveredRecords).toBe(1);
      clock.stop(SURELY_MILLIS);
      await letGo();
      const entry = (await owner.finish(appended)) as SpoolEntry;
      expect(entry.state).toBe('stored');
      owner.spool.release(entry);
      await Promise.all([owner.close(), heir.close()]);
      // What came behind the fence is nobody's, in whatever order they are read.
      const next = await SpoolMember.open(directory);
      expect(namesOf(await next.drain()).toSorted()).toEqual(['a', 'b']);
      await next.close();
    });
  });

  test('a process stopped in a synchronous write leaves to the heir what that found, and stores it no second time', async () => {
    const directory = await spoolDirectory();
    const clock = new StoppableClock();
    let isStopped = false;
    /** What another process does while this one stands still in a call: as far as the files tell. */
    const takeOver = (fd: number) => {
      isStopped = false;
      const segment = filesBelow(directory, '.seg')[0] as string;
      const header = parseSegmentHeader(readFileSync(segment));
      if (header.kind !== 'known') throw new Error('no segment');
      writeSync(fd, fenceBytes(fstatSync(fd).size, header.salt), 0, 12, FENCE_AT);
      const taken = join(directory, 'partition-0123456789abcdef');
      renameSync(dirname(segment), taken);
      unlinkSync(join(taken, 'lease'));
      clock.stop(SURELY_MILLIS);
    };
    const disk = new FaultyFiles({
      ...nodeFiles,
      writeSync(fd, buffer, position) {
        const bytes = nodeFiles.writeSync(fd, buffer, position);
        if (isStopped && buffer.byteLength === 40) takeOver(fd);
        return bytes;
      },
    });
    const owner = await SpoolMember.open(directory, {}, clock, disk);
    await owner.store(entryOf('a'));
    isStopped = true;
    const entry = owner.spool.appendSync(entryOf('b')) as SpoolEntry;
    expect(isStopped).toBe(false);
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(false);
    await owner.pass(200, 50);
    expect(entry.state).toBe('takenOver');
    const heir = await SpoolMember.open(directory);
    expect(namesOf(await heir.drain())).toEqual(['a', 'b']);
    expect(owner.spool.records).toBe(0);
    await Promise.all([owner.close(), heir.close()]);
    expect(filesBelow(directory, '.seg')).toEqual([]);
  });

  test('a process that was stopped and renews just before the heir takes its partition has it back', async () => {
    const directory = await spoolDirectory();
    const owner = await writer(directory, ['a', 'b']);
    const heir = await SpoolMember.open(directory);
    const letGo = heir.disk.hold('rename');
    await heir.pass(SURELY_MILLIS);
    expect(heir.disk.heldCalls).toBe(1);
    const clock = owner.clock as StoppableClock;
    clock.stop(SURELY_MILLIS);
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(false);
    await owner.rest();
    expect(owner.spool.renewLapsedLeases(clock.now())).toBe(true);
    await letGo();
    await heir.rest();
    expect(heir.events.recoveries).toEqual([]);
    expect(heir.spool.next()).toBeUndefined();
    await passAll([owner, heir], 2 * SURELY_MILLIS);
    expect(owner.events.ownershipLosses).toEqual([]);
    expect(heir.events.recoveries).toEqual([]);
    await owner.store(entryOf('c'));
    expect(namesOf(await owner.drain())).toEqual(['a', 'b', 'c']);
    await Promise.all([owner.close(), heir.close()]);
  });
});

test('a partition moved away under its owner by hand is taken over, and its process goes on with another one', async () => {
  const directory = await spoolDirectory();
  const owner = await writer(directory, ['a']);
  const partition = readdirSync(directory).find((name) => name.startsWith('partition-')) as string;
  renameSync(join(directory, partition), `${directory}-moved`);
  await owner.pass(LEASE_MILLIS);
  expect(owner.events.ownershipLosses).toEqual([2]);
  await owner.store(entryOf('b'));
  await owner.close();
  mkdirSync(directory, { recursive: true });
  renameSync(`${directory}-moved`, join(directory, partition));
  const heir = await SpoolMember.open(directory);
  await heir.pass(SURELY_MILLIS);
  expect((await drainAll([heir])).toSorted()).toEqual(['a', 'b']);
  await heir.close();
});

test('a lease that is in the place of its own is another owner', async () => {
  const directory = await spoolDirectory();
  const owner = await writer(directory, ['a']);
  const lease = filesBelow(directory, 'lease')[0] as string;
  const { token } = JSON.parse(readFileSync(lease, 'latin1'));
  const other = [...token].toReversed().join('');
  writeFileSync(lease, readFileSync(lease, 'latin1').replace(token, other));
  await owner.pass(LEASE_MILLIS / 2);
  expect(owner.events.ownershipLosses).toEqual([2]);
  expect(readFileSync(lease, 'latin1')).toContain(other);
  await owner.close();
  const heir = await SpoolMember.open(directory);
  await heir.pass(SURELY_MILLIS);
  expect(namesOf(await heir.drain())).toEqual(['a']);
  await heir.close();
});

test('a partition that goes because it is empty, while its lease is renewed, is not taken for stolen', async () => {
  const directory = await spoolDirectory();
  await (await writer(directory, ['a'])).close();
  const heir = await SpoolMember.open(directory);
  const letGo = heir.disk.hold('open');
  await heir.clock.advance(LEASE_MILLIS / 4);
  expect(heir.disk.heldCalls).toBeGreaterThan(0);
  const entry = heir.spool.next();
  if (entry !== undefined) heir.spool.settle(entry, 0, 2);
  await heir.rest();
  await letGo();
  await heir.pass(LEASE_MILLIS);
  expect(readdirSync(directory)).toEqual([]);
  expect(heir.events.ownershipLosses).toEqual([]);
  expect(heir.events.warnings).toEqual([]);
  await heir.close();
});

test('a partition that was left half made is removed after a while, not immediately', async () => {
  const directory = await spoolDirectory();
  mkdirSync(join(directory, '.new-0123456789abcdef'), { recursive: true, mode: 0o700 });
  const watcher = await SpoolMember.open(directory);
  expect(existsSync(join(directory, '.new-0123456789abcdef'))).toBe(true);
  await watcher.pass(30 * LEASE_MILLIS, LEASE_MILLIS);
  expect(existsSync(join(directory, '.new-0123456789abcdef'))).toBe(false);
  await watcher.close();
});
