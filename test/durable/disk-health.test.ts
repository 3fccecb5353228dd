/** A disk that fails: records stay in memory as without a spool, people are told, and it is used again when it works. */

import { describe, expect, test } from 'vitest';
import { diagLines } from '../support/diag-lines.ts';
import { FaultyFiles, WRITING } from '../support/faulty-files.ts';
import { promptFiles } from '../support/prompt-files.ts';
import { droppedTotal } from '../support/records.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

const down = { fail: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) };
const breaker = { failureThreshold: 2, resetTimeoutMillis: 30_000, maxResetTimeoutMillis: 30_000 };
const quickRetry = { initialDelayMillis: 1, maxDelayMillis: 1 };

describe('a disk that is full', () => {
  test('a full disk leaves the records in memory, is reported, and takes them when there is room again', async () => {
    const disk = new FaultyFiles(promptFiles);
    const lines = diagLines();
    const h = new SpooledHarness({ breaker, retry: quickRetry }, [down], undefined, disk.files);
    disk.freeBytes = 0;
    h.emit(50);
    await h.advance(10_000);
    expect(lines.filter((line) => line.includes('spool'))).toEqual([
      expect.stringMatching(
        /: the spool cannot be written to \(ENOSPC: .*\): records are kept in memory only$/,
      ),
    ]);
    expect(h.held).toEqual({ memory: 50, disk: 0 });
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.processor.health()).toMatchObject({
      reasons: expect.arrayContaining([expect.stringContaining('ENOSPC')]),
    });
    disk.freeBytes = 1_000_000;
    await h.advance(31_000);
    h.exporter.script = ['succeed'];
    expect(h.processor.health().reasons.join()).not.toContain('ENOSPC');
    await h.advance(61_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 50));
  });

  test('a full disk does not stop records in always mode: they are sent from memory', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness({ spool: { mode: 'always' } }, [], undefined, disk.files);
    disk.freeBytes = 0;
    h.emit(50);
    await h.advance(3_000);
    expect(h.delivered).toEqual(numbers(0, 50));
    disk.freeBytes = 1_000_000;
    await h.advance(31_000);
    h.emit(50);
    await h.advance(3_000);
    expect(h.delivered).toEqual(numbers(0, 100));
    expect(h.processor.health()).toEqual({ status: 'ok', reasons: [] });
  });

  test('a full disk costs what memory cannot hold, as without a spool, and the loss is counted', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness({}, ['hang'], undefined, disk.files);
    disk.freeBytes = 0;
    h.emit(1_000);
    await h.settle();
    expect(h.stats.dropped.queue_full).toBe(900);
  });
});

describe('a disk that does not answer', () => {
  test('a disk that does not answer delays records in always mode for 5 s at most, and is reported until it answers', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness({ spool: { mode: 'always' } }, [], undefined, disk.files);
    h.emit(10);
    await h.advance(2_000);
    expect(h.delivered).toEqual(numbers(0, 10));
    const answer = disk.hold('write');
    h.emit(10);
    await h.advance(4_000);
    h.emit(10);
    await h.advance(900);
    expect([h.delivered.length, h.processor.health().status]).toEqual([10, 'ok']);
    await h.advance(200);
    expect(h.delivered).toEqual([...numbers(0, 10), ...numbers(20, 30)]);
    expect(h.processor.health()).toEqual({
      status: 'degraded',
      reasons: [expect.stringContaining('no answer for 5 s')],
    });
    h.emit(10);
    await h.advance(2_000);
    expect(h.delivered).toEqual([...numbers(0, 10), ...numbers(20, 40)]);
    await answer();
    await h.advance(2_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 40));
    expect(h.processor.health()).toEqual({ status: 'ok', reasons: [] });
    expect(h.held).toEqual({ memory: 0, disk: 0 });
  });

  test('a disk that does not answer is not written to synchronously at the end, which would never come', async () => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness({ spool: { mode: 'always' } }, ['hang'], undefined, disk.files);
    disk.hold('write', 'open', 'close', 'mkdir', 'unlink', 'rename', 'datasync', 'rmdir');
    h.emit(10);
    await h.advance(6_000);
    h.emit(10);
    await h.advance(1_100);
    expect(h.exporter.calls).toHaveLength(1);
    const before = disk.log.length;
    expect(await h.shutdown()).toBeLessThanOrEqual(5_050);
    expect(h.stats.dropped.shutdown).toBe(20);
    expect(disk.log.slice(before).filter((line) => /Sync|^write|^rename|^unlink/.test(line))).toEqual([]);
  });
});

test('a directory that is removed meanwhile is made again', async () => {
  const h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
  h.emit(20);
  await h.advance(8_000);
  expect(h.held.disk).toBe(20);
  h.removeDirectory();
  await h.advance(5_000);
  h.emit(20);
  await h.advance(30_000);
  h.exporter.script = ['succeed'];
  await h.advance(61_000);
  // What had been read back is in memory, and not lost.
  expect(inOrder(h.delivered)).toEqual(numbers(0, 40));
  expect(h.held).toEqual({ memory: 0, disk: 0 });
});

test('what lay in a directory that is removed, and was not in memory, is counted as lost', async () => {
  const h = new SpooledHarness({ breaker, retry: quickRetry, spool: { maxReplayBytes: 65_536 } }, [down]);
  const attributes = { text: 'x'.repeat(8_000) };
  h.emit(100, { attributes });
  await h.advance(8_000);
  expect(h.held.disk).toBe(100);
  h.removeDirectory();
  await h.advance(5_000);
  h.exporter.script = ['succeed'];
  await h.advance(61_000);
  expect(h.delivered).toEqual(numbers(0, h.delivered.length));
  expect(h.delivered.length).toBeGreaterThanOrEqual(10);
  expect(h.stats.dropped.spool_corrupt).toBe(100 - h.delivered.length);
  expect(h.stats.dropped.spool_corrupt).toBeGreaterThan(0);
});

test('a batch that arrives while it is being written is not found again', async () => {
  const disk = new FaultyFiles(promptFiles);
  const h = new SpooledHarness({ exportTimeoutMillis: 0 }, ['hang'], undefined, disk.files);
  h.emit(10);
  await h.settle();
  const open = disk.hold('write');
  const shutdown = h.processor.shutdown({ strategy: 'immediate' });
  await h.clock.settle();
  h.exporter.calls[0]?.succeed();
  await h.clock.settle();
  await open();
  await h.clock.advance(5_001);
  await shutdown;
  expect(h.stats.exported).toBe(10);
  expect(h.held).toEqual({ memory: 0, disk: 0 });
  const next = new SpooledHarness({}, [], h);
  await next.advance(1_000);
  expect(next.stats.recovered).toBe(0);
});

test('at the deadline of a shutdown, what a slow disk has not taken yet is written all the same', async () => {
  const disk = new FaultyFiles(promptFiles);
  const h = new SpooledHarness({ exportTimeoutMillis: 0 }, ['hang'], undefined, disk.files);
  h.emit(50);
  await h.settle();
  const open = disk.hold('write');
  let isOver = false;
  const shutdown = h.processor.shutdown({ timeoutMillis: 300 }).then(() => {
    isOver = true;
  });
  await h.clock.advance(299);
  expect(isOver).toBe(false);
  await h.clock.advance(1);
  await open();
  await h.clock.advance(50);
  await shutdown;
  expect(droppedTotal(h.stats)).toBe(0);
  expect(h.held).toEqual({ memory: 0, disk: 50 });
  const next = new SpooledHarness({}, [], h);
  await next.advance(1_000);
  expect(inOrder(next.delivered)).toEqual(numbers(0, 50));
});

test.each(['overflow', 'always'] as const)(
  'a disk that becomes read-only does not stop live records in %s mode',
  async (mode) => {
    const disk = new FaultyFiles(promptFiles);
    const h = new SpooledHarness(
      { breaker, retry: quickRetry, spool: { mode } },
      [down],
      undefined,
      disk.files,
    );
    h.emit(30);
    await h.advance(8_000);
    expect(h.held.disk).toBe(30);
    const heal = disk.fail({ on: WRITING, code: 'EROFS' });
    h.exporter.script = ['succeed'];
    // The lease runs out without being renewed.
    await h.advance(60_000);
    const before = h.delivered.length;
    h.emit(50);
    await h.advance(5_000);
    expect(h.delivered.slice(before)).toEqual(numbers(30, 80));
    heal();
    await h.advance(60_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 80));
    expect(h.held).toEqual({ memory: 0, disk: 0 });
  },
);
