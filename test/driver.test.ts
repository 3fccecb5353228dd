/** What the driver tells, what a flush waits for, and how it ends, over a real queue and a sender that answers as it is told. */

import { describe, expect, test, vi } from 'vitest';
import { DELIVERED, DriverHarness, RETRYABLE } from './support/driver-harness.ts';
import { record } from './support/records.ts';

describe('the driver tells', () => {
  test('of a batch that arrives at the second attempt: passed once, both attempts with their durations, its age', async () => {
    const h = new DriverHarness();
    await h.emit(1);
    await h.clock.advance(30);
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.advance(750);
    await h.clock.advance(20);
    h.sent[1]?.answer(DELIVERED);
    await h.clock.settle();
    expect(h.told).toEqual([
      ['passed', 1],
      ['attempted', 'retryable', 30],
      ['attempted', 'delivered', 20],
      ['delivered', 1, 800],
    ]);
  });

  test('how many of a delivered batch the server refused, and nothing of refusals when there were none', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 4 });
    h.decide = () => ({ kind: 'delivered', rejectedRecords: 3 });
    await h.emit(4);
    h.decide = () => DELIVERED;
    await h.emit(4);
    expect(h.toldOf('delivered')).toEqual([
      [1, 0],
      [4, 0],
    ]);
    expect(h.toldOf('dropped')).toEqual([['rejected', 3, true, undefined]]);
  });

  test('the severities of what it gives up', async () => {
    const h = new DriverHarness();
    h.decide = () => ({ kind: 'rejected', error: new Error('no') });
    await h.emit(1);
    expect(h.toldOf('dropped')).toEqual([['rejected', 1, true, [0, 0, 0, 1, 0, 0, 0]]]);
  });

  test('how many failures there were in a row, until the destination answers', async () => {
    const h = new DriverHarness();
    h.decide = () => RETRYABLE;
    await h.emit(1);
    expect(h.driver.failuresInARow).toBe(1);
    await h.clock.advance(750);
    expect(h.driver.failuresInARow).toBe(2);
    h.decide = () => DELIVERED;
    await h.clock.advance(750);
    expect(h.driver.failuresInARow).toBe(0);
  });
});

test('a sender that rejects loses one record as unserializable, and not the loop', async () => {
  const h = new DriverHarness();
  await h.emit(2);
  h.sent[0]?.reject(new Error('must not happen'));
  await h.clock.settle();
  h.sent[1]?.answer(DELIVERED);
  await h.clock.settle();
  expect(h.toldOf('dropped')).toEqual([['unserializable', 1, true, expect.anything()]]);
  expect(h.toldOf('delivered')).toHaveLength(1);
});

describe('nothing is sent', () => {
  test('after a stop, which drops what waits and what is under way, and whose flush ends', async () => {
    const h = new DriverHarness();
    await h.emit(2);
    const flush = h.driver.flush(10_000, false);
    h.driver.stop();
    h.driver.stop();
    expect(await flush).toBe('done');
    h.sent[0]?.answer(DELIVERED);
    h.driver.wake();
    await h.clock.advance(60_000);
    expect(h.sent).toHaveLength(1);
    expect(h.toldOf('queue dropped').map(([reason]) => reason)).toEqual(['shutdown', 'shutdown']);
    expect(h.toldOf('attempted')).toEqual([]);
    expect(h.clock.pendingTimers).toBe(0);
  });

  test('after a stop by a turn that was due already, whatever is admitted meanwhile', async () => {
    const h = new DriverHarness();
    h.queue.admit(record());
    h.driver.stop();
    h.queue.admit(record());
    await h.clock.settle();
    expect(h.sent).toHaveLength(0);
  });

  test('while it pauses; a flush ends, and what is under way arrives', async () => {
    const h = new DriverHarness();
    await h.emit(2);
    const flush = h.driver.flush(10_000, false);
    h.driver.pause();
    expect(await flush).toBe('done');
    h.sent[0]?.answer(DELIVERED);
    await h.clock.advance(60_000);
    expect(h.sent).toHaveLength(1);
    expect(h.toldOf('delivered')).toHaveLength(1);
    expect(h.clock.pendingTimers).toBe(0);
  });
});

test('a batch that fails when retries were given up is dropped as shutdown, and the next is sent without a back-off', async () => {
  const h = new DriverHarness();
  h.decide = () => RETRYABLE;
  await h.emit(2);
  h.driver.giveUpRetries();
  await h.clock.advance(0);
  h.driver.wake();
  await h.clock.settle();
  expect(h.sent).toHaveLength(3);
  expect(h.toldOf('queue dropped')).toEqual([
    ['shutdown', 1],
    ['shutdown', 1],
  ]);
});

test('while nothing waits there is no timer, and while a batch waits for company there is one', async () => {
  const h = new DriverHarness({ maxExportBatchSize: 2 });
  await h.clock.settle();
  expect(h.clock.pendingTimers).toBe(0);
  h.decide = () => DELIVERED;
  await h.emit(1);
  expect([h.clock.pendingTimers, h.sent.length]).toEqual([1, 0]);
  await h.clock.advance(1_000);
  expect([h.clock.pendingTimers, h.sent.length]).toEqual([0, 1]);
});

test('however often the driver is woken, it takes one turn', async () => {
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

describe('a flush', () => {
  test('of nothing is done, without a timer', async () => {
    const h = new DriverHarness();
    const flush = h.driver.flush(10_000, false);
    expect(h.clock.pendingTimers).toBe(0);
    expect(await flush).toBe('done');
  });

  test('sends what waits for company immediately', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 2 });
    h.decide = () => DELIVERED;
    await h.emit(1);
    expect(h.sent).toHaveLength(0);
    const flush = h.driver.flush(10_000, false);
    await h.clock.settle();
    expect(h.sent).toHaveLength(1);
    expect(await flush).toBe('done');
  });

  test('waits for the answers that are under way, although the destination asked for more time than it has', async () => {
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
});

test('an end waits for the answers that are under way, although the breaker is open', async () => {
  const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 1);
  await h.emit(2);
  h.sent[0]?.answer(RETRYABLE);
  await h.clock.settle();
  expect(h.breaker.state).toBe('open');
  const ends: string[] = [];
  void h.driver.flush(10_000, true).then((result) => ends.push(result));
  await h.clock.settle();
  expect(ends).toEqual([]);
  h.decide = () => DELIVERED;
  h.sent[1]?.answer(DELIVERED);
  await h.clock.settle();
  expect(ends).toEqual(['done']);
});

describe('an answer that comes', () => {
  test('after a stop changes nothing', async () => {
    const h = new DriverHarness({}, {}, 1);
    await h.emit(1);
    h.driver.stop();
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.settle();
    expect(h.breaker.state).toBe('closed');
    expect(h.toldOf('attempted')).toEqual([]);
  });

  test('for a batch that the queue has given away says what it says of the destination, and nothing else', async () => {
    const h = new DriverHarness({}, {}, 1);
    await h.emit(1);
    h.queue.discard('shutdown');
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.settle();
    expect(h.breaker.state).toBe('open');
    expect(h.toldOf('attempted')).toEqual([]);
  });
});
