/** What a process does that was silent for too long, and whose records are another's by now. */

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { SpoolFiles } from '../../src/spool/format/file-system.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/spool/format/layout.ts';
import { FaultyFiles } from '../support/faulty-files.ts';
import { promptFiles } from '../support/prompt-files.ts';
import { droppedTotal } from '../support/records.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const down = { fail: refused };
const patient = { breaker: false, exportTimeoutMillis: 0, scheduledDelayMillis: 10 } as const;
const quickRetry = { initialDelayMillis: 1, maxDelayMillis: 1 };

/** A process that takes over all there is, and delivers it, while time stands still for the others. */
async function heirOf({ directory }: SpooledHarness): Promise<SpooledHarness> {
  const heir = new SpooledHarness({ spool: { leaseMillis: 1_000 } }, [], { directory });
  await heir.advance(3_000);
  return heir;
}

/** A process with records of another one, of which one batch is in flight. */
async function replaying(disk = new FaultyFiles(promptFiles)): Promise<SpooledHarness> {
  const before = new SpooledHarness(patient, ['hang']);
  before.emit(30);
  await before.shutdown({ strategy: 'immediate' });
  const h = new SpooledHarness(
    { ...patient, retry: quickRetry, spool: { leaseMillis: 1_000 } },
    ['hang'],
    { directory: before.directory, emitted: 30 },
    disk.files,
  );
  await h.advance(200);
  expect(h.stats.inFlight.records).toBe(10);
  return h;
}

/** A process that writes ahead, with two batches on disk and in memory, of which one is in flight. */
async function writingAhead(disk = new FaultyFiles(promptFiles)): Promise<SpooledHarness> {
  const h = new SpooledHarness(
    { ...patient, retry: quickRetry, spool: { mode: 'always', leaseMillis: 1_000 } },
    ['hang'],
    undefined,
    disk.files,
  );
  h.emit(20);
  await h.advance(100);
  expect(h.held).toEqual({ memory: 20, disk: 0 });
  return h;
}

test('a batch that was in flight when it was taken over is not tried again, nor counted', async () => {
  const h = await writingAhead();
  const heir = await heirOf(h);
  h.exporter.script = ['succeed'];
  await h.advance(1_000);
  h.exporter.calls[0]?.fail(refused);
  await h.advance(1_000);
  expect(h.delivered).toEqual([]);
  expect(h.held).toEqual({ memory: 0, disk: 0 });
  expect(inOrder(heir.delivered)).toEqual(numbers(0, 20));
});

test('a batch in flight that was taken over is not counted as lost by a shutdown', async () => {
  const h = await writingAhead();
  await heirOf(h);
  await h.advance(1_000);
  await h.shutdown({ strategy: 'immediate' });
  expect(droppedTotal(h.stats)).toBe(0);
});

describe('in the turn in which the loss of a partition is found out, nothing of it is sent', () => {
  test.each<[string, (disk: FaultyFiles) => Promise<SpooledHarness>]>([
    ['from memory', writingAhead],
    ['of what was read back', replaying],
  ])(
    'a process that finds its partition lost sends nothing of it in that turn: %s',
    async (_which, begin) => {
      const disk = new FaultyFiles(promptFiles);
      const h = await begin(disk);
      await heirOf(h);
      const goOn = disk.hold('open', 'readdir');
      await h.advance(900);
      h.exporter.script = ['succeed'];
      h.exporter.calls[0]?.fail(refused);
      await h.advance(100);
      expect(h.exporter.calls.length).toBe(1);
      // The driver is due for this one before the spool tells what it has found.
      h.emit(1);
      await goOn();
      await h.advance(1_000);
      expect(h.delivered).toEqual([h.emitted - 1]);
    },
  );
});

test('a probe that was taken over still tells the breaker how the destination is', async () => {
  const breaker = { failureThreshold: 2, resetTimeoutMillis: 1_000, maxResetTimeoutMillis: 1_000 };
  const h = new SpooledHarness(
    { ...patient, breaker, retry: quickRetry, spool: { leaseMillis: 1_000, spillAfterOpenMillis: 0 } },
    [down, down, 'hang'],
  );
  h.emit(20);
  await h.advance(2_000);
  expect(h.stats.breaker.state).toBe('half-open');
  expect(h.held).toEqual({ memory: 10, disk: 10 });
  await heirOf(h);
  h.exporter.script = ['succeed'];
  await h.advance(500);
  expect(h.held).toEqual({ memory: 0, disk: 0 });
  h.exporter.lastCall.succeed();
  await h.advance(100);
  expect(h.stats.breaker.state).toBe('closed');
  h.emit(10);
  await h.advance(100);
  expect(h.delivered.slice(10)).toEqual(numbers(20, 30));
});

test('what was being written when the partition was taken over is written into a new one', async () => {
  const disk = new FaultyFiles(promptFiles);
  const h = await writingAhead(disk);
  const goOn = disk.hold('write');
  h.emit(10);
  await h.settle();
  const heir = await heirOf(h);
  expect(inOrder(heir.delivered)).toEqual(numbers(0, 20));
  await h.advance(900);
  await goOn();
  await h.advance(500);
  await h.shutdown({ strategy: 'immediate' });
  expect(h.held).toEqual({ memory: 0, disk: 10 });
  await heir.advance(3_000);
  expect(inOrder(heir.delivered)).toEqual(numbers(0, 30));
});

test('what the disk had written when the partition was taken over, and the process does not know of, is sent once', async () => {
  let thawed: Promise<void> | undefined;
  const disk = new FaultyFiles({
    ...promptFiles,
    writev: async (fd, buffers, position) => {
      const bytes = await promptFiles.writev(fd, buffers, position);
      if (position >= SEGMENT_HEADER_BYTES) await thawed;
      return bytes;
    },
  });
  const h = await writingAhead(disk);
  const { promise, resolve: thaw } = Promise.withResolvers<void>();
  thawed = promise;
  h.emit(10);
  await h.settle();
  const heir = await heirOf(h);
  expect(inOrder(heir.delivered)).toEqual(numbers(0, 30));
  await h.advance(1_000);
  thaw();
  await h.advance(1_000);
  expect(h.held).toEqual({ memory: 0, disk: 0 });
  expect(h.stats.recovered).toBe(-30);
  await h.shutdown({ strategy: 'immediate' });
  expect(h.leftOnDisk).toEqual([]);
  await heir.advance(3_000);
  expect(heir.delivered.length).toBe(30);
  expect(droppedTotal(h.stats)).toBe(0);
});

test('a segment that was being made when its partition was taken over is not written to', async () => {
  let headers = 0;
  const { promise: gate, resolve: goOn } = Promise.withResolvers<void>();
  const writes: number[] = [];
  const files: SpoolFiles = {
    ...promptFiles,
    writev: async (fd, buffers, position) => {
      const isHeader = position === 0 && buffers[0]?.byteLength === SEGMENT_HEADER_BYTES;
      if (isHeader && ++headers === 2) await gate;
      if (position >= SEGMENT_HEADER_BYTES) writes.push(fd);
      return await promptFiles.writev(fd, buffers, position);
    },
  };
  const spool = { mode: 'always', leaseMillis: 1_000, maxBytes: 1024 * 1024, fsync: 'never' } as const;
  const h = new SpooledHarness({ ...patient, retry: quickRetry, spool }, ['hang'], undefined, files);
  const fields = { attributes: { text: 'x'.repeat(15_000) } };
  h.emit(10, fields);
  await h.settle();
  h.emit(10, fields);
  await h.settle();
  expect([headers, writes.length]).toEqual([2, 1]);
  await heirOf(h);
  await h.advance(1_000);
  goOn();
  for (let turns = 0; turns < 20; turns++) await Promise.race([h.clock.settle(), sleep(5)]);
  expect(writes.length).toBe(2);
  expect(h.stats.queued.records).toBe(10);
  await h.shutdown({ strategy: 'immediate' });
  expect(h.held).toEqual({ memory: 0, disk: 10 });
});
