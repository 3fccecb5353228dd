/** One process ends, in whatever way, and the next one goes on where it was. */

import { describe, expect, test } from 'vitest';
import { droppedTotal } from '../support/records.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

const down = { fail: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) };
const breaker = { failureThreshold: 2, resetTimeoutMillis: 30_000, maxResetTimeoutMillis: 30_000 };
const quickRetry = { initialDelayMillis: 1, maxDelayMillis: 1 };

describe('a shutdown', () => {
  test('a shutdown with the breaker open takes no time, and leaves everything on disk', async () => {
    const h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
    h.emit(95);
    await h.advance(1_000);
    expect(h.stats.breaker.state).toBe('open');
    expect(await h.shutdown()).toBeLessThanOrEqual(50);
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held).toEqual({ memory: 0, disk: 95 });
  });

  test('a shutdown with a destination that hangs keeps its deadline, and leaves on disk what is in flight, too', async () => {
    const h = new SpooledHarness({ exportTimeoutMillis: 0 }, ['hang']);
    h.emit(95);
    expect(await h.shutdown({ timeoutMillis: 1_000 })).toBeLessThanOrEqual(1_050);
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held).toEqual({ memory: 0, disk: 95 });
  });

  test.each(['immediate', 'flush', 'graceful'] as const)(
    'a shutdown with the strategy %s drops nothing',
    async (strategy) => {
      const h = new SpooledHarness({}, ['succeed', down]);
      h.emit(45);
      await h.shutdown({ strategy, timeoutMillis: 500 });
      expect(droppedTotal(h.stats)).toBe(0);
      expect(h.held.memory).toBe(0);
      const next = new SpooledHarness({}, [], h);
      await next.advance(1_000);
      expect(inOrder([...h.delivered, ...next.delivered])).toEqual(numbers(0, 45));
    },
  );

  test('a shutdown with a healthy destination leaves nothing behind', async () => {
    const h = new SpooledHarness({ spool: { mode: 'always' } });
    h.emit(65);
    await h.shutdown();
    expect(h.delivered).toEqual(numbers(0, 65));
    expect(h.leftOnDisk).toEqual([]);
  });

  test('a second one that is in a hurry drops nothing either', async () => {
    const h = new SpooledHarness({ exportTimeoutMillis: 0 }, ['hang']);
    h.emit(50);
    void h.processor.shutdown({ timeoutMillis: 5_000 });
    await h.advance(100);
    void h.processor.shutdown({ strategy: 'immediate' });
    await h.advance(50);
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held).toEqual({ memory: 0, disk: 50 });
  });
});

describe('the next process', () => {
  test('the next process immediately finds what the one before left, oldest first', async () => {
    const h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
    h.emit(95);
    await h.shutdown({ timeoutMillis: 500 });
    const next = new SpooledHarness({}, [], h);
    await next.advance(1_000);
    expect(next.stats.recovered).toBe(95);
    expect(next.delivered).toEqual(numbers(0, 95));
    expect(next.held).toEqual({ memory: 0, disk: 0 });
    await next.shutdown();
    expect(next.leftOnDisk).toEqual([]);
  });

  test('the next process passes on what it cannot deliver either', async () => {
    let h = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
    h.emit(20);
    await h.shutdown({ timeoutMillis: 500 });
    for (let round = 0; round < 4; round++) {
      h = new SpooledHarness({ breaker, retry: quickRetry }, [down], h);
      h.emit(20);
      await h.advance(500);
      await h.shutdown({ timeoutMillis: 500 });
      expect(droppedTotal(h.stats)).toBe(0);
    }
    const last = new SpooledHarness({}, [], h);
    await last.advance(2_000);
    expect(last.stats.recovered).toBe(100);
    expect(inOrder(last.delivered)).toEqual(numbers(0, 100));
  });

  test('the next process sends only the parts of a batch that were not delivered', async () => {
    const h = new SpooledHarness({ breaker, retry: quickRetry, maxExportBatchSize: 64 }, [down]);
    h.emit(64);
    await h.advance(10_000);
    expect(h.held.disk).toBe(64);
    // The probe takes some of the 64; then the destination is gone again.
    h.exporter.script = ['succeed', down];
    await h.advance(30_000);
    const delivered = h.delivered.length;
    expect(delivered).toBeGreaterThan(0);
    expect(delivered).toBeLessThanOrEqual(32);
    expect(h.delivered).toEqual(numbers(0, delivered));
    await h.shutdown({ timeoutMillis: 500 });
    const next = new SpooledHarness({}, [], h);
    await next.advance(1_000);
    expect(next.delivered).toEqual(numbers(delivered, 64));
  });
});

describe('in always mode', () => {
  test('a batch is on disk before it is sent, and off it when it has arrived', async () => {
    const h = new SpooledHarness({ spool: { mode: 'always' }, exportTimeoutMillis: 0 }, ['hang']);
    h.emit(10);
    await h.settle();
    expect(h.exporter.calls.length).toBe(1);
    // Dead without a word: nothing is written any more from here on.
    const next = new SpooledHarness({ spool: { leaseMillis: 1_000 } }, [], h);
    await next.advance(9_000);
    expect(next.stats.recovered).toBe(0);
    expect(next.delivered).toEqual([]);
  });

  test('what was not delivered when the process died is found after its lease has run out, the open batch not', async () => {
    const h = new SpooledHarness({ spool: { mode: 'always' }, exportTimeoutMillis: 0 }, ['hang']);
    h.emit(35);
    await h.settle();
    // A clock that nobody moves any more: that is what death looks like from outside.
    const next = new SpooledHarness({}, [], { directory: h.directory });
    await next.advance(9_000);
    expect(next.stats.recovered).toBe(0);
    await next.advance(5_000);
    expect(next.stats.recovered).toBe(30);
    expect(next.delivered).toEqual(numbers(0, 30));
  });

  test('scheduledDelayMillis bounds in always mode how long a record is in memory only', async () => {
    const h = new SpooledHarness({ spool: { mode: 'always' }, scheduledDelayMillis: 200 }, ['hang']);
    h.emit(3);
    await h.advance(199);
    expect(h.exporter.calls.length).toBe(0);
    expect(h.leftOnDisk).toEqual([]);
    await h.advance(1);
    expect(h.leftOnDisk).not.toEqual([]);
    expect(h.exporter.calls.length).toBe(1);
  });

  test('what is on disk as well leaves memory when that fills up, and comes back', async () => {
    const h = new SpooledHarness({ spool: { mode: 'always' }, exportTimeoutMillis: 0 }, ['hang']);
    for (let round = 0; round < 50; round++) {
      h.emit(10);
      await h.settle();
    }
    expect(droppedTotal(h.stats)).toBe(0);
    expect(h.held.memory).toBeLessThanOrEqual(70);
    h.exporter.script = ['succeed'];
    h.exporter.calls[0]?.succeed();
    await h.advance(2_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 500));
    expect(h.held).toEqual({ memory: 0, disk: 0 });
  });
});
