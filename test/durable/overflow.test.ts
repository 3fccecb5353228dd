/** Overflow mode: memory first, and the disk for what memory has no room, no destination or no time for. */

import { describe, expect, test } from 'vitest';
import { droppedTotal } from '../support/records.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

const down = { fail: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) };
const breaker = { failureThreshold: 2, resetTimeoutMillis: 30_000, maxResetTimeoutMillis: 30_000 };
/** Every failure counts, none delays the next attempt. */
const quickRetry = { initialDelayMillis: 1, maxDelayMillis: 1 };

test('nothing is written as long as the destination keeps up', async () => {
  const h = new SpooledHarness();
  for (let round = 0; round < 20; round++) {
    h.emit(30);
    await h.advance(100);
  }
  await h.advance(2_000);
  expect(h.delivered).toEqual(numbers(0, 600));
  expect(h.leftOnDisk).toEqual([]);
});

describe('when memory fills up', () => {
  test('the oldest batches go to disk, and no record is lost', async () => {
    const h = new SpooledHarness({}, ['hang']);
    for (let round = 0; round < 50; round++) {
      h.emit(10);
      await h.settle();
    }
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held.memory).toBeLessThanOrEqual(70);
    expect(h.held.disk).toBeGreaterThanOrEqual(430);
    h.exporter.script = ['succeed'];
    h.exporter.calls[0]?.succeed();
    await h.advance(2_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 500));
    expect(h.held).toEqual({ memory: 0, disk: 0 });
  });

  test('a burst in one turn of the event loop goes to disk rather than away', async () => {
    const h = new SpooledHarness({}, ['hang']);
    h.emit(5_000);
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held.memory).toBeLessThanOrEqual(100);
    h.exporter.script = ['succeed'];
    await h.settle();
    h.exporter.calls[0]?.succeed();
    await h.advance(2_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 5_000));
  });

  test('a queue that is full by bytes goes to disk like one that is full by records', async () => {
    const h = new SpooledHarness({ maxQueueSize: 100_000, maxQueueBytes: 64 * 1024 }, ['hang']);
    const attributes = { text: 'x'.repeat(1_000) };
    h.emit(500, { attributes });
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.stats.queued.bytes + h.stats.inFlight.bytes).toBeLessThanOrEqual(64 * 1024);
    expect(h.held.disk).toBeGreaterThan(400);
  });
});

describe('when the breaker is open', () => {
  test('everything is on disk after a while, and what is emitted then follows when its batch is due', async () => {
    const h = new SpooledHarness({ breaker, retry: quickRetry, spool: { spillAfterOpenMillis: 5_000 } }, [
      down,
    ]);
    h.emit(25);
    await h.advance(3_000);
    expect(h.stats.breaker.state).toBe('open');
    expect(h.held.disk).toBe(0);
    await h.advance(4_000);
    expect(h.held).toEqual({ memory: 0, disk: 25 });
    h.emit(5);
    await h.settle();
    expect(h.held).toEqual({ memory: 5, disk: 25 });
    await h.advance(1_000);
    expect(h.held).toEqual({ memory: 0, disk: 30 });
  });

  test('the probe comes from disk if there is nothing else, and the rest follows', async () => {
    const h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
    h.emit(95);
    await h.advance(10_000);
    expect(h.held).toEqual({ memory: 0, disk: 95 });
    h.exporter.script = ['succeed'];
    await h.advance(30_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 95));
    expect(h.held).toEqual({ memory: 0, disk: 0 });
    expect(h.stats.spooled.bytes).toBeLessThan(10_000);
  });
});

describe('under memory pressure', () => {
  test('what was admitted goes to disk instead of away', async () => {
    const h = new SpooledHarness({ memoryLimit: { checkIntervalMillis: 100 } }, ['hang']);
    h.emit(60);
    await h.settle();
    h.memoryUseRatio = 0.95;
    await h.advance(200);
    expect(droppedTotal(h.stats)).toBe(0);
    // One batch is in flight.
    expect(h.held).toEqual({ memory: 10, disk: 50 });
  });
});

describe('forceFlush', () => {
  test('a forceFlush resolves when everything that cannot be sent is on disk', async () => {
    const h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
    h.emit(25);
    await h.advance(2_000);
    expect(h.stats.breaker.state).toBe('open');
    let isFlushed = false;
    const flush = h.processor.forceFlush({ timeoutMillis: 1_000 }).then(() => {
      isFlushed = true;
    });
    await h.settle();
    expect(isFlushed).toBe(true);
    await flush;
    expect(h.held).toEqual({ memory: 0, disk: 25 });
  });

  test('a forceFlush stores what a destination that hangs keeps in flight', async () => {
    const h = new SpooledHarness({ exportTimeoutMillis: 0 }, ['hang']);
    h.emit(25);
    const flush = h.processor.forceFlush({ timeoutMillis: 1_000 });
    await h.advance(800);
    await h.settle();
    await flush;
    // What is in flight may still arrive, and then it is not sent again.
    expect(h.held).toEqual({ memory: 10, disk: 15 });
    h.exporter.script = ['succeed'];
    h.exporter.calls[0]?.succeed();
    await h.advance(1_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 25));
    expect(h.held).toEqual({ memory: 0, disk: 0 });
  });
});

test('a batch that is refused in parts leaves the parts that were not on disk', async () => {
  const h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
  h.emit(40);
  await h.advance(10_000);
  expect(h.held.disk).toBe(40);
  // One bad record: its batch is halved until it is alone.
  h.exporter.decide = (records) =>
    records.some(({ body }) => (body as unknown) === 17)
      ? { fail: Object.assign(new Error('bad'), { code: 400 }) }
      : 'succeed';
  await h.advance(60_000);
  expect(inOrder(h.delivered)).toEqual(numbers(0, 40).filter((body) => body !== 17));
  expect(h.stats.dropped.rejected).toBe(1);
  expect(h.held).toEqual({ memory: 0, disk: 0 });
});

test('flushes that overlap each end when everything of theirs is safe', async () => {
  const h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
  h.emit(25);
  await h.advance(2_000);
  const ended: string[] = [];
  const first = h.processor.forceFlush({ timeoutMillis: 1_000 }).then(() => ended.push('first'));
  h.emit(25);
  const second = h.processor.forceFlush({ timeoutMillis: 1_000 }).then(() => ended.push('second'));
  await h.settle();
  expect(ended).toEqual(['first', 'second']);
  await Promise.all([first, second]);
  expect(h.held).toEqual({ memory: 0, disk: 50 });
});
