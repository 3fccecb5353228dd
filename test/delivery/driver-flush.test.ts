/** What wakes the driver, what a flush waits for, and what becomes of answers that nobody waits for any more. */

import { describe, expect, test, vi } from 'vitest';
import { DELIVERED, DriverHarness, RETRYABLE, TOO_LARGE } from '../support/driver-harness.ts';
import { record } from '../support/records.ts';

test('however often the driver is woken, it takes one turn, and none after a stop', async () => {
  const h = new DriverHarness();
  const immediate = vi.spyOn(h.clock, 'immediate');
  for (let times = 0; times < 5; times++) h.driver.wake();
  expect(immediate).toHaveBeenCalledTimes(1);
  await h.clock.settle();
  h.driver.wake();
  expect(immediate).toHaveBeenCalledTimes(2);
  h.driver.stop();
  await h.clock.settle();
  h.driver.wake();
  expect(immediate).toHaveBeenCalledTimes(2);
});

test('nothing is sent by a turn that was due before a stop, whatever is admitted meanwhile', async () => {
  const h = new DriverHarness();
  h.queue.admit(record());
  h.driver.stop();
  h.queue.admit(record());
  await h.clock.settle();
  expect(h.sent).toHaveLength(0);
});

describe('a flush', () => {
  test('a flush of nothing is done without a timer', async () => {
    const h = new DriverHarness();
    const flush = h.driver.flush(10_000, false);
    expect(h.clock.pendingTimers).toBe(0);
    expect(await flush).toBe('done');
  });

  test('a flush immediately sends batches that wait for company', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 2 });
    h.decide = () => DELIVERED;
    await h.emit(1);
    expect(h.sent).toHaveLength(0);
    const flush = h.driver.flush(10_000, false);
    await h.clock.settle();
    expect(h.sent).toHaveLength(1);
    expect(await flush).toBe('done');
  });

  test('a flush at the end sends within its own turn, and any other in a turn of the driver', async () => {
    for (const isEnd of [true, false]) {
      const h = new DriverHarness({ maxExportBatchSize: 2 });
      h.queue.admit(record());
      void h.driver.flush(10_000, isEnd);
      expect(h.sent).toHaveLength(isEnd ? 1 : 0);
      await h.clock.settle();
      expect(h.sent).toHaveLength(1);
    }
  });

  test('a flush does not wait for a batch that backs off alone while others get through', async () => {
    const h = new DriverHarness({}, {}, 99);
    h.decide = (bodies) => (bodies[0] === 0 ? RETRYABLE : DELIVERED);
    for (let second = 0; second < 5; second++) {
      await h.emit(2);
      await h.clock.advance(1_000);
    }
    await h.clock.advance(600);
    expect(h.queue.records).toBe(1);
    h.requests();
    await h.clock.settle();
    expect(h.requests()).toBe(0);
    void h.driver.flush(10_000, false);
    await h.clock.settle();
    expect(h.requests()).toBeGreaterThanOrEqual(1);
  });

  /** A driver whose breaker is open, and that has just asked in vain. */
  async function unavailable() {
    const h = new DriverHarness({}, {}, 1);
    h.decide = () => RETRYABLE;
    await h.emit(1);
    h.requests();
    return h;
  }

  test('a flush after another asks no more often than retries do at first, and says so', async () => {
    const h = await unavailable();
    const results: string[] = [];
    const flush = async () => {
      void h.driver.flush(10_000, false).then((result) => results.push(result));
      await h.clock.settle();
      return h.requests();
    };
    // The first request was no answer to a doubt: nobody has asked yet.
    expect(await flush()).toBe(1);
    await h.clock.advance(999);
    expect(await flush()).toBe(0);
    await h.clock.advance(1);
    expect(await flush()).toBe(1);
    expect(results).toEqual(['unavailable', 'unavailable', 'unavailable']);
  });

  test('a flush at the end asks whenever somebody asked last', async () => {
    const h = await unavailable();
    for (let times = 0; times < 2; times++) {
      const flush = h.driver.flush(10_000, true);
      await h.clock.settle();
      expect(h.requests()).toBe(1);
      expect(await flush).toBe('unavailable');
    }
  });

  test('a flush waits for an answer that is under way although the breaker is open and forbids requests', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 1);
    await h.emit(2);
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.settle();
    h.decide = () => RETRYABLE;
    const ends: string[] = [];
    void h.driver.flush(10_000, false).then((result) => ends.push(result));
    await h.clock.advance(500);
    expect([h.recovery.breaker, ends]).toEqual(['open', []]);
    h.sent[1]?.answer(RETRYABLE);
    await h.clock.settle();
    expect(ends).toEqual(['unavailable']);
  });

  test('a flush waits for answers that are under way, although the destination asked for more time than the flush has', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 99);
    await h.emit(2);
    h.sent[0]?.answer({ kind: 'retryable', error: new Error('later'), retryAfterMillis: 60_000 });
    const ends: string[] = [];
    void h.driver.flush(10_000, false).then((result) => ends.push(result));
    await h.clock.advance(1_000);
    expect(ends).toEqual([]);
    h.sent[1]?.answer(DELIVERED);
    await h.clock.settle();
    expect(ends).toEqual(['unavailable']);
  });

  test('a flush at the end waits for the answers that are under way, although the breaker is open', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 1);
    await h.emit(2);
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.settle();
    expect(h.recovery.breaker).toBe('open');
    const ends: string[] = [];
    void h.driver.flush(10_000, true).then((result) => ends.push(result));
    await h.clock.settle();
    expect(ends).toEqual([]);
    h.decide = () => DELIVERED;
    for (const sent of h.sent) sent.answer(DELIVERED);
    await h.clock.advance(5_000);
    expect(ends).toEqual(['done']);
  });
});

describe('an answer that comes', () => {
  test('an answer that comes after a stop changes nothing', async () => {
    const h = new DriverHarness({}, {}, 1);
    await h.emit(1);
    h.driver.stop();
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.settle();
    expect(h.recovery.breaker).toBe('closed');
    expect(h.toldOf('attempted')).toEqual([]);
  });

  test('an answer for a batch that the queue has given away speaks of the destination, and of no record', async () => {
    for (const outcome of [RETRYABLE, DELIVERED]) {
      const h = new DriverHarness({}, {}, 1);
      await h.emit(1);
      h.queue.discard('shutdown');
      h.sent[0]?.answer(outcome);
      await h.clock.settle();
      expect(h.recovery.breaker).toBe(outcome === RETRYABLE ? 'open' : 'closed');
      expect(h.toldOf('attempted')).toHaveLength(1);
      expect([...h.toldOf('delivered'), ...h.toldOf('dropped')]).toEqual([]);
    }
  });
});

test('a first failure after deliveries is the destination’s: nothing else is sent until it may be asked again', async () => {
  const h = new DriverHarness();
  h.decide = () => DELIVERED;
  await h.emit(1);
  h.decide = (bodies) => (bodies.includes(1) ? RETRYABLE : DELIVERED);
  await h.emit(1);
  h.requests();
  await h.emit(1);
  expect(h.requests()).toBe(0);
});

test('a record that is too large by itself says nothing of the size of others', async () => {
  const h = new DriverHarness({ maxExportBatchSize: 16 });
  h.decide = (bodies) => (bodies.length === 1 ? TOO_LARGE : DELIVERED);
  await h.emit(16);
  await h.emit(1);
  await h.clock.advance(1_000);
  expect(h.requests()).toBe(2);
  await h.emit(16);
  expect(h.requests()).toBe(1);
});
