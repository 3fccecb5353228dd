/** Bursts that wait for the disk: one slow write is a hiccup, several in a row are a slow disk, which is spared for a while. */

import { expect, test } from 'vitest';
import { diagLines } from '../support/diag-lines.ts';
import { promptFiles } from '../support/prompt-files.ts';
import { expectLaw } from '../support/records.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

/** In front of a collector that hangs, so that nothing but the disk can help. */
class SlowDisk extends SpooledHarness {
  /** So many batches are slow to write; those after them take no time. */
  slowBatches = 0;

  constructor() {
    super({}, ['hang'], undefined, {
      ...promptFiles,
      writeSync: (...args) => {
        // The records of a batch, not what stands before them, nor a lease.
        const isBatch = args[1].byteLength > 300;
        if (isBatch && this.slowBatches > 0) {
          this.slowBatches--;
          this.clock.pass(150);
        }
        return promptFiles.writeSync(...args);
      },
    });
  }

  /** In one turn of the event loop. @returns how many were lost. */
  burst(records: number): number {
    const before = this.lost;
    this.emit(records);
    return this.lost - before;
  }

  get lost(): number {
    expectLaw(this.stats);
    return this.stats.dropped.queue_full;
  }
}

test('one hiccup of 150 ms costs a burst of 2,000 records none of them', async () => {
  const h = new SlowDisk();
  h.slowBatches = 1;
  expect(h.burst(150)).toBe(0);
  expect(h.burst(2_000)).toBe(0);
  h.exporter.script = ['succeed'];
  await h.settle();
  for (const call of h.exporter.calls) call.succeed();
  await h.advance(3_000);
  expect(inOrder(h.delivered)).toEqual(numbers(0, 2_150));
});

test('hiccups between quick writes are none in a row', () => {
  const h = new SlowDisk();
  h.burst(100);
  for (let round = 0; round < 10; round++) {
    h.slowBatches = 2;
    expect(h.burst(100)).toBe(0);
  }
});

test('after three slow writes in a row bursts do without the disk, for a time that grows from 250 ms to 10 s', async () => {
  const lines = diagLines();
  const h = new SlowDisk();
  h.burst(100);
  h.slowBatches = 100;
  // The queue is full: the disk is asked for the eleventh batch, and for two more.
  expect(h.burst(30)).toBe(0);
  expect(h.burst(20)).toBe(20);
  let { slowBatches } = h;
  for (const pauseMillis of [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    h.burst(200);
    h.clock.pass(pauseMillis - 1);
    expect(h.burst(20)).toBe(20);
    expect(h.slowBatches).toBe(slowBatches);
    h.clock.pass(1);
    h.burst(20);
    expect(h.slowBatches).toBeLessThan(slowBatches);
    slowBatches = h.slowBatches;
  }
  expect(lines.filter((line) => line.includes('too slow for bursts')).length).toBeGreaterThan(0);
});

test('bursts that do without the disk leave it all that comes over several turns', async () => {
  const h = new SlowDisk();
  h.burst(100);
  h.slowBatches = 3;
  h.burst(30);
  expect(h.burst(10)).toBe(10);
  await h.settle();
  const before = h.lost;
  // The first of each two stays below the high water of a quick disk, and would leave no room for the second.
  for (const records of Array.from({ length: 10 }, () => [30, 40]).flat()) {
    h.emit(records);
    await h.settle();
  }
  expect(h.lost - before).toBe(0);
});
