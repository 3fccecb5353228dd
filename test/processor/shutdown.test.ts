/** What shutdown promises: within its deadline, whatever the exporter does, and every record accounted for. */

import { describe, expect, test } from 'vitest';
import { diagLines } from '../support/diag-lines.ts';
import { Harness, upTo } from '../support/harness.ts';
import { expectNothingLeft, shutdown } from '../support/shutdown.ts';

const DOWN = { fail: new Error('down') };

describe('graceful', () => {
  test('a graceful shutdown delivers the queue, then shuts the exporter down, and leaves no timer behind', async () => {
    const h = new Harness({ maxExportBatchSize: 4 }, 'hang');
    h.emit(6);
    const result = shutdown(h);
    await h.settle();
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.exporter.shutdowns).toBe(0);
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(result.tookMillis).toBe(0);
    expect(h.exporter.delivered).toEqual(upTo(6));
    expectNothingLeft(h);
    expect(h.clock.pendingTimers).toBe(0);
  });

  test('a graceful shutdown retries until the deadline and drops what is left as shutdown', async () => {
    const h = new Harness({ breaker: false, retry: { initialDelayMillis: 100 } }, DOWN);
    h.emit(5);
    const result = shutdown(h, { timeoutMillis: 2_000 });
    await h.advance(2_050);
    expect(h.exporter.calls.length).toBeGreaterThan(6);
    // The next attempt would come after the deadline.
    expect(result.tookMillis).toBeGreaterThan(1_500);
    expect(result.tookMillis).toBeLessThanOrEqual(2_000);
    expect(h.stats.dropped.shutdown).toBe(5);
    expectNothingLeft(h);
  });

  test('a graceful shutdown cuts a back-off short', async () => {
    const h = new Harness({ retry: { initialDelayMillis: 60_000, maxDelayMillis: 60_000 } }, DOWN, 'succeed');
    h.emit(2);
    await h.advance(1_000);
    const result = shutdown(h);
    await h.settle();
    expect(result.tookMillis).toBe(0);
    expect(h.exporter.delivered).toEqual(upTo(2));
    expectNothingLeft(h);
  });

  test('a graceful shutdown with the breaker open asks once, and does not wait beyond that answer', async () => {
    const h = new Harness({ breaker: { failureThreshold: 1, resetTimeoutMillis: 60_000 } }, DOWN);
    h.emit(3);
    await h.advance(1_500);
    const calls = h.exporter.calls.length;
    const result = shutdown(h);
    await h.settle();
    expect(result.tookMillis).toBe(0);
    expect(h.exporter.calls).toHaveLength(calls + 1);
    expect(h.stats.dropped.shutdown).toBe(3);
    expectNothingLeft(h);
  });

  test('a graceful shutdown during a flush keeps both promises', async () => {
    const h = new Harness({}, 'hang');
    h.emit(2);
    let flushed = false;
    void h.processor.forceFlush().then(() => {
      flushed = true;
    });
    await h.settle();
    const result = shutdown(h);
    await h.settle();
    expect([flushed, result.tookMillis]).toEqual([false, undefined]);
    h.exporter.lastCall.succeed();
    await h.settle();
    expect([flushed, result.tookMillis]).toEqual([true, 0]);
    expect(h.exporter.delivered).toEqual(upTo(2));
    expectNothingLeft(h);
  });
});

describe('flush', () => {
  test('a shutdown with the strategy flush sends each batch once, and drops as shutdown what fails', async () => {
    const h = new Harness({ maxExportBatchSize: 2, retry: { initialDelayMillis: 1 } }, DOWN, 'succeed', DOWN);
    h.emit(6);
    const result = shutdown(h, { strategy: 'flush' });
    await h.advance(100);
    expect(result.tookMillis).toBeLessThan(100);
    expect(h.exporter.calls).toHaveLength(3);
    expect(h.exporter.delivered).toEqual([2, 3]);
    expect(h.stats.dropped.shutdown).toBe(4);
    expectNothingLeft(h);
  });
});

describe('immediate', () => {
  test('an immediate shutdown sends nothing more, and what is in flight counts as lost, whatever becomes of it', async () => {
    const h = new Harness({ maxExportBatchSize: 2 }, 'hang');
    h.emit(5);
    await h.settle();
    const result = shutdown(h, { strategy: 'immediate' });
    await h.settle();
    expect(result.tookMillis).toBe(0);
    expect(h.stats.dropped.shutdown).toBe(5);
    expectNothingLeft(h);
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.stats).toMatchObject({ exported: 0, dropped: { shutdown: 5 } });
    expect(h.exporter.calls).toHaveLength(1);
  });
});

describe('an exporter', () => {
  test.each(['graceful', 'flush'] as const)(
    'an exporter that keeps its records is flushed before it is shut down, with the strategy %s',
    async (strategy) => {
      const h = new Harness();
      const order: string[] = [];
      h.exporter.onForceFlush = async () => void order.push(`flush of ${h.exporter.delivered.length}`);
      h.exporter.onShutdown = async () => void order.push('shutdown');
      h.emit(3);
      const result = shutdown(h, { strategy });
      await h.settle();
      expect(result.tookMillis).toBe(0);
      expect(order.slice(-2)).toEqual(['flush of 3', 'shutdown']);
      expectNothingLeft(h);
    },
  );

  test('an exporter that completes its exports only when it is flushed delivers all of them at shutdown', async () => {
    const h = new Harness({ maxExportBatchSize: 2 }, 'hang');
    h.exporter.onForceFlush = async () => h.exporter.lastCall.succeed();
    h.emit(5);
    const result = shutdown(h);
    await h.settle();
    expect(result.tookMillis).toBe(0);
    expect(h.exporter.delivered).toEqual(upTo(5));
    expect(h.processor.health()).toEqual({ status: 'ok', reasons: [] });
    expectNothingLeft(h);
  });

  test('an exporter that hangs in forceFlush costs the deadline and no more, and is shut down all the same', async () => {
    const h = new Harness();
    h.exporter.onForceFlush = () => new Promise<void>(() => {});
    h.emit(1);
    const result = shutdown(h, { timeoutMillis: 700 });
    await h.advance(750);
    expect(result.tookMillis).toBe(700);
    expect(h.exporter.delivered).toEqual([0]);
    expectNothingLeft(h);
  });

  test('an exporter is not flushed when nothing more is to be sent', async () => {
    const h = new Harness();
    h.emit(1);
    shutdown(h, { strategy: 'immediate' });
    await h.settle();
    expect(h.exporter.forceFlushes).toBe(0);
    expectNothingLeft(h);
  });

  test('an exporter that hangs in export costs the deadline of a shutdown and no more', async () => {
    const h = new Harness({}, 'hang');
    h.emit(4);
    const result = shutdown(h, { timeoutMillis: 700 });
    await h.advance(750);
    expect(result.tookMillis).toBe(700);
    expect(h.stats.dropped.shutdown).toBe(4);
    expectNothingLeft(h);
  });

  const endings = {
    rejects: () => Promise.reject(new Error('cannot end')),
    throws: () => {
      throw new Error('cannot end');
    },
    hangs: () => new Promise<void>(() => {}),
  };

  test.each(Object.entries(endings))(
    'an exporter that %s in shutdown is waited for until the deadline at most',
    async (how, onShutdown) => {
      const lines = diagLines();
      const h = new Harness();
      h.exporter.onShutdown = onShutdown;
      h.emit(1);
      const result = shutdown(h, { timeoutMillis: 1_000 });
      await h.advance(1_050);
      expect(result.tookMillis).toBe(how === 'hangs' ? 1_000 : 0);
      expect(h.exporter.delivered).toEqual([0]);
      expect(lines.join().includes("the exporter's shutdown() failed: cannot end")).toBe(how !== 'hangs');
      expectNothingLeft(h);
    },
  );

  test('an exporter that calls shutdown and forceFlush from within its own shutdown gets an answer', async () => {
    const h = new Harness();
    const inner: Promise<void>[] = [];
    h.exporter.onShutdown = async () => {
      inner.push(h.processor.shutdown({ strategy: 'immediate' }), h.processor.forceFlush());
    };
    h.emit(1);
    const result = shutdown(h);
    await h.settle();
    expect(result.tookMillis).toBe(0);
    await Promise.all(inner);
    expectNothingLeft(h);
  });
});
