/** The shares of the queue: requests under way take half of it at most, and what is on disk costs nobody its place. */

import { describe, expect, test } from 'vitest';
import { Harness } from '../support/harness.ts';
import { promptFiles } from '../support/prompt-files.ts';
import { droppedTotal, expectLaw } from '../support/records.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

/** Large batches, many at once, behind a queue as the specification has it by default; as full as it gets with what hangs. */
async function fullOfWhatHangs(mode: 'always' | 'overflow'): Promise<SpooledHarness> {
  const options = { maxQueueSize: 2_048, maxExportBatchSize: 4_096, maxConcurrentExports: 9 };
  const h = new SpooledHarness({ ...options, spool: { mode, replayShare: 0.1 } }, ['hang']);
  for (let round = 0; round < 8; round++) {
    h.emit(256);
    await h.advance(1_000);
  }
  return h;
}

/** What comes back from disk has a bound of its own: here it is one request. */
const MOST_IN_MEMORY = 2_048 + 1_024;

describe.each(['always', 'overflow'] as const)('with a spool (%s) and a collector that hangs', (mode) => {
  test('records on top of a full queue go to disk, however large a batch may be', async () => {
    const h = await fullOfWhatHangs(mode);
    for (let round = 0; round < 200; round++) {
      h.emit(10);
      await h.settle();
    }
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held.memory).toBeLessThanOrEqual(MOST_IN_MEMORY);
  });

  test('a burst in one turn of the event loop loses nothing, and memory holds no more than its share', async () => {
    const h = await fullOfWhatHangs(mode);
    h.emit(2_000);
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held.memory).toBeLessThanOrEqual(MOST_IN_MEMORY);
    h.exporter.script = ['succeed'];
    for (const call of h.exporter.calls) call.succeed();
    await h.advance(5_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 4_048));
  });

  test.each([1, 2, 3])(
    'a queue of %i loses nothing that the disk takes, and delivers it all',
    async (size) => {
      const h = new SpooledHarness({ maxQueueSize: size, maxConcurrentExports: 4, spool: { mode } }, [
        'hang',
      ]);
      h.emit(5);
      await h.settle();
      for (let round = 0; round < 20; round++) {
        h.emit(3);
        expectLaw(h.stats);
        await h.settle();
      }
      expect(droppedTotal(h.stats)).toBe(0);
      h.exporter.script = ['succeed'];
      for (const call of h.exporter.calls) call.succeed();
      await h.advance(5_000);
      expect(inOrder(h.delivered)).toEqual(numbers(0, 65));
    },
  );

  test('one record that fills more than half of the queue costs no other its place', async () => {
    const h = new SpooledHarness({ maxQueueBytes: 4_096, maxRecordBytes: 4_096, spool: { mode } }, ['hang']);
    h.emit(1, { attributes: { text: 'x'.repeat(5_000) } });
    await h.advance(1_000);
    h.emit(50);
    await h.settle();
    expect(droppedTotal(h.stats)).toBe(0);
  });
});

test('while the disk is too slow, what is in flight and on disk leaves its place to others', async () => {
  let writeMillis = 0;
  const files = {
    ...promptFiles,
    writeSync: (...args: Parameters<typeof promptFiles.writeSync>) => {
      h.clock.pass(writeMillis);
      return promptFiles.writeSync(...args);
    },
  };
  const h = new SpooledHarness(
    { maxConcurrentExports: 8, spool: { mode: 'always' } },
    ['hang'],
    undefined,
    files,
  );
  h.emit(50);
  await h.settle();
  expect(h.stats.inFlight.records).toBe(50);
  writeMillis = 150;
  // Enough for the disk to be found slow; it is a while before it is asked again.
  h.emit(100);
  const { dropped } = h.stats;
  expect(dropped.queue_full).toBe(0);
});

test('without a spool requests under way take half of the queue, and the other half is for what comes', async () => {
  const h = new Harness({ maxQueueSize: 100, maxExportBatchSize: 30, maxConcurrentExports: 8 }, 'hang');
  h.emit(100);
  await h.settle();
  expect(h.stats).toMatchObject({ inFlight: { records: 30 }, queued: { records: 70 } });
  h.exporter.calls[0]?.succeed();
  await h.settle();
  expect(h.stats).toMatchObject({ inFlight: { records: 30 }, queued: { records: 40 } });
  h.exporter.script = ['succeed'];
  h.exporter.calls[1]?.succeed();
  await h.advance(1_000);
  expect(h.stats).toMatchObject({ exported: 100 });
  await h.end();
});

test('batches in flight take half of the queue by bytes as well as by records', async () => {
  const options = { maxQueueBytes: 64 * 1_024, maxExportBatchSize: 10, maxConcurrentExports: 64 };
  const h = new Harness(options, 'hang');
  h.emit(40, { attributes: { text: 'x'.repeat(1_000) } });
  await h.advance(2_000);
  expect(h.stats.queued.records).toBeGreaterThan(0);
  expect(h.stats.inFlight.bytes).toBeGreaterThan(20 * 1_024);
  expect(h.stats.inFlight.bytes).toBeLessThanOrEqual(32 * 1_024);
  await h.end();
});

test.each([1, 2, 3])('a queue of %i delivers everything that it has room for', async (size) => {
  const h = new Harness({ maxQueueSize: size, maxConcurrentExports: 4 });
  for (let round = 0; round < 10; round++) {
    h.emit(size);
    await h.advance(1_000);
  }
  expect(h.stats).toMatchObject({ exported: 10 * size });
  await h.end();
});
