/** Bounds that are reached, disks that fail in between, and ends that come one after the other. */

import { unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FaultyFiles } from '../support/faulty-files.ts';
import { promptFiles } from '../support/prompt-files.ts';
import { droppedTotal } from '../support/records.ts';
import { httpError } from '../support/scripted-exporter.ts';
import {
  appendTo,
  entryOf,
  LEASE_MILLIS,
  namesOf,
  SpoolMember,
  spoolDirectory,
} from '../support/spool-member.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

const MIB = 1024 * 1024;
const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const down = { fail: refused };
const breaker = { failureThreshold: 2, resetTimeoutMillis: 30_000, maxResetTimeoutMillis: 30_000 };
const quickRetry = { initialDelayMillis: 1, maxDelayMillis: 1 };
const patient = { exportTimeoutMillis: 0 } as const;

/** A directory that a process has left with so many records in it, and the clock and the numbers of that process. */
async function left(records: number, options = {}): Promise<SpooledHarness> {
  const before = new SpooledHarness({ ...patient, ...options }, ['hang']);
  before.emit(records);
  await before.shutdown({ strategy: 'immediate' });
  return before;
}

describe('the bound', () => {
  test('the bound counts what was taken over once', async () => {
    const directory = await spoolDirectory();
    const settings = { maxBytes: MIB };
    const first = await SpoolMember.open(directory, settings);
    for (let index = 0; index < 40; index++) await first.store(entryOf(`${index}`, { bytes: 16_000 }));
    await first.close();
    const second = await SpoolMember.open(directory, settings);
    expect(second.events.recoveredRecords).toBe(40);
    for (let index = 0; index < 10; index++) await second.store(entryOf(`${index}`, { bytes: 16_000 }));
    await second.rest();
    expect(second.events.droppedRecords('spool_full')).toBe(0);
    await second.close();
  });

  test.each(['has not begun', 'has been done'])(
    'the bound counts what it gave up when the process ends before it heard that the deletion %s',
    async (what) => {
      const directory = await spoolDirectory();
      const first = await SpoolMember.open(directory, { maxBytes: MIB });
      for (let index = 0; index < 60; index++) await first.store(entryOf(`${index}`, { bytes: 16_000 }));
      expect(first.events.drops).toEqual([]);
      let isDone = false;
      void first.disk.hold('unlink');
      for (let index = 60; index < 70; index++)
        void appendTo(first.spool, entryOf(`${index}`, { bytes: 16_000 }));
      await first.rest();
      const [path] = first.disk.heldPaths;
      if (what === 'has been done' && path !== undefined) {
        unlinkSync(path);
        isDone = true;
      }
      first.spool.closeSync();
      const lost = first.events.droppedRecords('spool_full');
      expect(lost).toBeGreaterThan(0);
      const second = await SpoolMember.open(directory, { maxBytes: MIB });
      expect(isDone).toBe(what === 'has been done');
      expect(second.events.recoveredRecords).toBe(70 - lost);
      await second.close();
    },
  );

  test('the bound counts a deletion under way at the end also when its room is not needed any more', async () => {
    const directory = await spoolDirectory();
    const neighbour = await SpoolMember.open(directory, { maxBytes: 2 * MIB });
    for (let index = 0; index < 90; index++) await neighbour.store(entryOf(`n${index}`, { bytes: 16_000 }));
    const first = await SpoolMember.open(directory, { maxBytes: 2 * MIB });
    for (let index = 0; index < 30; index++) await first.store(entryOf(`${index}`, { bytes: 16_000 }));
    for (let beat = 0; beat < 4; beat++) {
      for (const member of [neighbour, first]) await member.pass(LEASE_MILLIS / 4);
    }
    void first.disk.hold('unlink');
    for (let index = 30; index < 45; index++)
      void appendTo(first.spool, entryOf(`${index}`, { bytes: 16_000 }));
    await first.rest();
    expect(first.disk.heldCalls).toBe(1);
    await neighbour.drain();
    await neighbour.close();
    // So it learns that there is room.
    await first.pass(LEASE_MILLIS);
    unlinkSync(first.disk.heldPaths[0] as string);
    first.spool.closeSync();
    const lost = first.events.droppedRecords('spool_full');
    const next = await SpoolMember.open(directory, { maxBytes: 2 * MIB });
    expect(next.events.recoveredRecords).toBe(45 - lost);
    await next.close();
  });

  test('the bound has each batch written once that memory can hold and the disk cannot', async () => {
    const disk = new FaultyFiles(promptFiles);
    const memory = { maxQueueSize: 10_000, maxQueueBytes: 64 * MIB };
    const spool = { mode: 'always', maxBytes: MIB } as const;
    const h = new SpooledHarness(
      { ...patient, ...memory, breaker: false, spool },
      ['hang'],
      undefined,
      disk.files,
    );
    h.emit(200, { attributes: { text: 'x'.repeat(10_000) } });
    const writes = () => disk.log.filter((line) => line.startsWith('write ') && line.endsWith('.seg')).length;
    for (let turns = 0; turns < 20 && writes() < 100; turns++) await Promise.race([h.settle(), sleep(20)]);
    expect(writes()).toBeLessThan(30);
    h.exporter.calls[0]?.succeed();
    h.exporter.script = ['succeed'];
    await h.settle();
    expect(h.delivered).toEqual(numbers(0, 200));
  });
});

test('what there was no room for on disk is tried again at the end', async () => {
  const fields = { attributes: { text: 'x'.repeat(10_000) } };
  const memory = { maxQueueSize: 1_000, maxQueueBytes: 64 * MIB };
  const spool = { maxBytes: 2 * MIB, spillAfterOpenMillis: 0 };
  const neighbour = new SpooledHarness(
    { ...patient, ...memory, breaker: false, spool: { ...spool, mode: 'always' } },
    ['hang'],
  );
  neighbour.emit(190, fields);
  await neighbour.settle();
  const beside = { directory: neighbour.directory, clock: neighbour.clock };
  const h = new SpooledHarness({ ...memory, breaker, retry: quickRetry, spool }, [down], beside);
  await h.advance(3_000);
  for (let batch = 0; batch < 20; batch++) {
    h.emit(10, fields);
    await h.advance(1_500);
  }
  // What it has on disk it has read back, so that nothing of it can give way.
  expect(h.held.memory).toBeGreaterThan(100);
  neighbour.exporter.script = ['succeed'];
  neighbour.exporter.calls[0]?.succeed();
  await h.advance(5_000);
  await h.shutdown();
  expect(h.held).toEqual({ memory: 0, disk: 200 });
});

describe('a write that fails', () => {
  test.each(['ENOSPC', 'EIO'])(
    'a write that fails with %s leaves its batches to be written when the disk works again',
    async (code) => {
      const disk = new FaultyFiles(promptFiles);
      const h = new SpooledHarness({ ...patient, breaker, retry: quickRetry }, [down], undefined, disk.files);
      // Of a segment's header comes the first.
      const heal = disk.fail({ on: ['write'], code, path: /seg$/, after: 1 });
      h.emit(30);
      await h.advance(8_000);
      heal();
      await h.advance(60_000);
      expect(h.held).toEqual({ memory: 0, disk: 30 });
    },
  );

  test('a write that fails may have left frames behind, which are not found', async () => {
    const directory = await spoolDirectory();
    const member = await SpoolMember.open(directory, { fsync: 'always' });
    await member.store(entryOf('a'));
    member.disk.fail({ on: ['datasync'], code: 'EIO', times: 1 });
    expect(await member.finish(appendTo(member.spool, entryOf('b')))).toBeUndefined();
    await member.pass(5_000);
    await member.store(entryOf('c'));
    await member.rest();
    await member.crash();
    const next = await SpoolMember.open(directory, { fsync: 'always' });
    await next.pass(9_000);
    expect(namesOf(await next.drain())).toEqual(['a', 'c']);
    await next.close();
  });

  test('a write that fails is tried once more at the end, however short ago it failed', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness({ breaker, retry: quickRetry }, [down], undefined, disk.files);
    disk.freeBytes = 0;
    h.emit(50);
    await h.advance(40_000);
    disk.freeBytes = MIB;
    await h.shutdown();
    expect(h.held).toEqual({ memory: 0, disk: 50 });
  });
});

/** The first failures are tried again immediately. */
async function failUntilItWaits(h: SpooledHarness): Promise<void> {
  for (let failed = 0; failed < h.exporter.calls.length; failed++) {
    h.exporter.calls[failed]?.fail(refused);
    await h.settle();
  }
}

describe('what is on disk makes room in a full queue when the disk has failed', () => {
  const ahead = { ...patient, breaker: false, spool: { mode: 'always' } } as const;

  test('a waiting batch with a copy makes room in a full queue when the disk has failed', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness(ahead, ['hang'], undefined, disk.files);
    h.emit(90);
    await h.settle();
    disk.fail({ on: ['write', 'open'], code: 'EROFS' });
    h.emit(50);
    expect(droppedTotal(h.stats)).toBe(0);
  });

  test('a batch in flight, or back from it, makes room in a full queue when the disk has failed', async () => {
    const disk = new FaultyFiles(promptFiles);
    const retry = { initialDelayMillis: 10_000 };
    const h = new SpooledHarness({ ...ahead, retry }, ['hang'], undefined, disk.files);
    h.emit(10);
    await h.settle();
    disk.fail({ on: ['write', 'open'], code: 'EROFS' });
    h.emit(95);
    expect(h.stats.dropped.queue_full).toBe(0);
    await failUntilItWaits(h);
    h.emit(5);
    expect(h.stats.dropped.queue_full).toBe(0);
    expect(h.held).toEqual({ memory: 100, disk: 10 });
  });
});

test('a queue that is full beside a disk that fails is not looked through for each record', async () => {
  const disk = new FaultyFiles(promptFiles);
  const small = { maxExportBatchSize: 1, maxQueueSize: 20_000 };
  const h = new SpooledHarness({ ...patient, ...small }, ['hang'], undefined, disk.files);
  disk.freeBytes = 0;
  h.emit(20_001);
  const startedAt = performance.now();
  h.emit(2_000);
  // It took 3 ms for each when it was.
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(h.stats.dropped.queue_full).toBe(2_001);
});

describe('the end', () => {
  test('the end comes at its deadline, although the disk does not answer', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness(patient, ['hang'], undefined, disk.files);
    h.emit(30);
    await h.settle();
    const goOn = disk.hold('rename', 'datasync');
    expect(await h.shutdown({ timeoutMillis: 300 })).toBeLessThanOrEqual(350);
    await goOn();
  });

  test.each([{ strategy: 'immediate' }, { timeoutMillis: 100 }] as const)(
    'the end does not wait for replays any more when it is to be %j',
    async (sooner) => {
      const h = new SpooledHarness(patient, ['hang'], await left(30));
      await h.advance(1_000);
      expect(h.stats.inFlight.records).toBe(10);
      const shutdown = h.processor.shutdown({ timeoutMillis: 5_000 });
      await h.advance(100);
      expect(await h.shutdown(sooner)).toBeLessThanOrEqual(150);
      await shutdown;
      expect(h.clock.keepAliveTimers).toBe(0);
    },
  );

  test('the end does not keep the promise of a flush before its records are stored', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness(patient, ['hang'], undefined, disk.files);
    h.emit(30);
    await h.settle();
    const goOn = disk.hold('write');
    let isFlushed = false;
    const flush = h.processor.forceFlush({ timeoutMillis: 30_000 }).then(() => {
      isFlushed = true;
    });
    const shutdown = h.processor.shutdown({ timeoutMillis: 5_000 });
    await h.clock.advance(4_100);
    expect(isFlushed).toBe(false);
    await goOn();
    await h.clock.advance(1_000);
    await Promise.all([flush, shutdown]);
    expect(h.held).toEqual({ memory: 0, disk: 30 });
  });

  test('an end that comes while the spool is being closed loses no acknowledgement', async () => {
    const directory = await spoolDirectory();
    const member = await SpoolMember.open(directory);
    await member.store(entryOf('a'));
    await member.store(entryOf('b'));
    await member.rest();
    const first = member.spool.next();
    if (first !== undefined) member.spool.settle(first, 0, 1);
    member.disk.hold('write', 'rename', 'datasync', 'open');
    void member.spool.close();
    await member.clock.settle();
    member.spool.closeSync();
    await member.crash();
    const next = await SpoolMember.open(directory);
    expect(namesOf(await next.drain())).toEqual(['b']);
    await next.close();
  });
});

test('a batch that comes back while memory is short goes to disk', async () => {
  const h = new SpooledHarness({ ...patient, memoryLimit: { checkIntervalMillis: 100 } }, ['hang']);
  h.emit(10);
  await h.advance(50);
  h.memoryUseRatio = 0.99;
  await h.advance(200);
  await failUntilItWaits(h);
  expect(droppedTotal(h.stats)).toBe(0);
  expect(h.held).toEqual({ memory: 0, disk: 10 });
});

describe('replays', () => {
  test('the replays that are halved when their directory is gone are counted once', async () => {
    const spool = { leaseMillis: 1_000 };
    const h = new SpooledHarness(
      { ...patient, breaker: false, retry: quickRetry, spool },
      ['hang'],
      await left(30),
    );
    await h.advance(1_000);
    expect(h.stats.inFlight.records).toBe(10);
    h.removeDirectory();
    await h.advance(2_000);
    h.exporter.script = ['succeed'];
    h.exporter.calls[0]?.fail(httpError(413));
    await h.advance(3_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 30));
    expect(droppedTotal(h.stats)).toBe(0);
  });

  test.each(['the process is shut down', 'the collector comes back'])(
    'the replays in a directory that becomes a file are dropped as damaged, and none is spooled when %s',
    async (next) => {
      const h = new SpooledHarness(
        { ...patient, spool: { leaseMillis: 1_000 } },
        ['hang'],
        await left(3_000, {
          maxQueueSize: 10_000,
          spool: { mode: 'always' },
        }),
      );
      await h.advance(1_000);
      expect(h.stats.recovered).toBe(3_000);
      h.removeDirectory();
      writeFileSync(h.directory, '');
      await h.advance(2_000);
      // The others are in memory, and can be sent.
      const lost = h.stats.dropped.spool_corrupt;
      expect(lost).toBeGreaterThan(1_500);
      if (next === 'the process is shut down') expect(await h.shutdown()).toBeLessThan(5_050);
      else {
        h.exporter.script = ['succeed'];
        h.exporter.calls[0]?.fail(httpError(503));
        await h.advance(60_000);
        expect(h.stats.exported).toBe(3_000 - lost);
      }
      const { dropped, spooled, inFlight, exported } = h.stats;
      expect([spooled.records, spooled.bytes, inFlight.records]).toEqual([0, 0, 0]);
      expect(exported + dropped.spool_corrupt).toBe(3_000);
    },
  );

  test('the replays that are small are not read back by the thousand', async () => {
    const before = await left(3_000, {
      maxExportBatchSize: 1,
      maxQueueSize: 10_000,
      spool: { mode: 'always' },
    });
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness(patient, ['hang'], before, disk.files);
    await h.advance(4_000);
    expect(h.stats.spooled.records).toBe(2_999);
    const reads = () => disk.log.filter((line) => line.startsWith('open ') && line.endsWith('.seg')).length;
    expect(reads()).toBeLessThan(200);
    h.exporter.script = ['succeed'];
    h.exporter.calls[0]?.succeed();
    await h.advance(10_000);
    expect(h.delivered).toEqual(numbers(0, 3_000));
  });

  test('the replays pause now and then, so that a process can end, but not for one that hangs', async () => {
    const before = await left(2_000, { maxQueueSize: 10_000 });
    const options = { ...patient, maxConcurrentExports: 4, spool: { replayShare: 0.5 } };
    const h = new SpooledHarness(options, ['hang'], before);
    const at: number[] = [];
    h.exporter.decide = () => {
      at.push(h.clock.now());
      const call = h.exporter.calls.length;
      h.clock.timer(() => h.exporter.calls[call]?.succeed(), call === 100 ? 10_000 : 100);
      return 'hang';
    };
    await h.advance(12_000);
    const pauses = at.slice(1).map((time, index) => time - (at[index] as number));
    // Two at once, 100 ms each.
    expect(Math.max(...pauses.slice(0, 90))).toBeGreaterThanOrEqual(150);
    expect(Math.max(...pauses)).toBeLessThan(800);
    expect(pauses.filter((pause) => pause > 110).length).toBeLessThanOrEqual(6);
    expect(at.at(-1)).toBeGreaterThan(h.clock.now() - 800);
  });
});

test('a batch that is refused for its size while it is being written is halved only when that is done', async () => {
  const disk = new FaultyFiles(promptFiles);
  const h = new SpooledHarness({ ...patient, retry: quickRetry }, ['hang'], undefined, disk.files);
  h.emit(10);
  await h.settle();
  const letGo = disk.hold('write');
  const flush = h.processor.forceFlush({ timeoutMillis: 1_000 }).catch(() => {});
  await h.advance(900);
  expect(disk.heldCalls).toBe(1);
  h.exporter.script = [{ fail: httpError(413) }, 'succeed'];
  h.exporter.calls[0]?.fail(httpError(413));
  await h.settle();
  await letGo();
  await h.advance(60_000);
  await flush;
  expect(inOrder(h.delivered)).toEqual(numbers(0, 10));
  expect(h.held).toEqual({ memory: 0, disk: 0 });
  expect(h.exporter.calls.length).toBeGreaterThanOrEqual(3);
});
