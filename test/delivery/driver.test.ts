/** What the driver tells, learns and decides, over a real queue and a sender that answers as it is told. */

import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/delivery/sender.ts';
import {
  DELIVERED,
  DriverHarness,
  MALFORMED,
  RETRYABLE,
  TOO_LARGE,
  UNSERIALIZABLE,
} from '../support/driver-harness.ts';
import { record } from '../support/records.ts';

describe('the driver tells', () => {
  test('the driver reports a batch that arrives at the second attempt: passed once, both attempts timed, its age', async () => {
    const h = new DriverHarness();
    await h.emit(1);
    await h.clock.advance(30);
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.advance(20);
    h.sent[1]?.answer(DELIVERED);
    await h.clock.settle();
    expect(h.told).toEqual([
      ['passed', 1],
      ['attempted', 'retryable', 30],
      ['attempted', 'delivered', 20],
      ['delivered', 1, 50],
    ]);
  });

  test('the driver reports how many of a delivered batch the server refused, and no refusals when there were none', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 4 });
    h.decide = () => ({ kind: 'delivered', rejectedRecords: 3 });
    await h.emit(4);
    h.decide = () => DELIVERED;
    await h.emit(4);
    expect(h.toldOf('delivered')).toEqual([
      [1, 0],
      [4, 0],
    ]);
    expect(h.toldOf('dropped')).toEqual([['rejected', 3, undefined]]);
  });

  test('the severities of what it gives up', async () => {
    const h = new DriverHarness();
    h.decide = () => ({ kind: 'rejected', error: new Error('no') });
    await h.emit(1);
    expect(h.toldOf('dropped')).toEqual([['rejected', 1, [0, 0, 0, 1, 0, 0, 0]]]);
  });
});

test('a sender that rejects loses one record as unserializable, and not the loop', async () => {
  const h = new DriverHarness();
  await h.emit(2);
  h.sent[0]?.reject(new Error('must not happen'));
  await h.clock.settle();
  h.sent[1]?.answer(DELIVERED);
  await h.clock.settle();
  expect(h.toldOf('dropped')).toEqual([['unserializable', 1, expect.anything()]]);
  expect(h.toldOf('delivered')).toHaveLength(1);
});

describe('exports at once', () => {
  const settings = { concurrency: { start: 1, max: 3 } };

  test('concurrent exports become more with each answer while all that are allowed are under way, up to the maximum', async () => {
    const h = new DriverHarness({}, settings);
    await h.emit(20);
    const underWay: number[] = [];
    for (let answered = 0; answered < 5; answered++) {
      underWay.push(h.sent.length - answered);
      h.sent[answered]?.answer(DELIVERED);
      await h.clock.settle();
    }
    expect(underWay).toEqual([1, 2, 3, 3, 3]);
  });

  test('concurrent exports do not become more by answers that took nothing', async () => {
    const h = new DriverHarness({}, settings);
    await h.emit(20);
    for (let answered = 0; answered < 5; answered++) {
      expect(h.sent.length - answered).toBe(1);
      h.sent[answered]?.answer({ kind: 'rejected', error: new Error('no') });
      await h.clock.settle();
    }
  });

  test('concurrent exports do not become more while fewer are under way than are allowed', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 3 } });
    for (let round = 0; round < 5; round++) {
      await h.emit(1);
      h.sent.at(-1)?.answer(DELIVERED);
      await h.clock.settle();
    }
    h.requests();
    await h.emit(10);
    expect(h.requests()).toBe(2);
  });

  test('one export, of the same batch, follows a failure until an answer says that the destination is well', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 4, max: 4 } });
    await h.emit(20);
    const [first, second] = h.sent;
    expect(h.requests()).toBe(4);
    first?.answer(RETRYABLE);
    await h.clock.settle();
    expect(h.sent.map(({ bodies }) => bodies)).toEqual([first?.bodies]);
    expect(h.requests()).toBe(1);
    // Two of the first four and the one that was tried again are under way: one more is allowed.
    second?.answer(DELIVERED);
    await h.clock.settle();
    expect(h.requests()).toBe(1);
  });
});

describe('of the size of requests', () => {
  const sizes = async (h: DriverHarness) => {
    h.requests();
    await h.emit(16);
    return h.sent.map(({ bodies }) => bodies.length);
  };

  test('a request has the size of its batch as long as all is well', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 400 });
    h.decide = () => DELIVERED;
    for (let index = 0; index < 1_600; index++) h.queue.admit(record({ body: 'x'.repeat(2_000) }));
    await h.clock.settle();
    expect(h.sent.map(({ bodies }) => bodies.length)).toEqual([400, 400, 400, 400]);
  });

  test('a limit of the size of requests is not learnt from a suspicion', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 64 });
    h.decide = () => DELIVERED;
    await h.emit(16);
    await h.clock.advance(1_000);
    h.requests();
    h.decide = (bodies) => (bodies.length === 64 ? MALFORMED : DELIVERED);
    await h.emit(64);
    h.decide = () => DELIVERED;
    await h.emit(64);
    expect(h.sent.map(({ bodies }) => bodies.length)).toEqual([64, 32, 32, 64]);
  });

  test('a limit of the size of requests is learnt from a batch that is too large, and not from one record', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 16 });
    h.decide = (bodies) => (bodies.length > 10 ? TOO_LARGE : DELIVERED);
    expect(await sizes(h)).toEqual([16, 8, 8]);
    expect(await sizes(h)).toEqual([8, 8]);
  });

  test('a limit of the size of requests is learnt from a whole batch, not from its halves with a record at fault', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 16 });
    h.decide = (bodies) => (bodies.includes(0) ? TOO_LARGE : DELIVERED);
    expect(await sizes(h)).toEqual([16, 8, 4, 2, 1, 1, 2, 4, 8]);
    expect(await sizes(h)).toEqual([8, 8]);
  });
});

describe('an exporter that throws', () => {
  test('an exporter that throws on single records opens the breaker; one that throws on batches does not', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 4 });
    h.decide = (bodies) => (bodies.length > 1 ? UNSERIALIZABLE : DELIVERED);
    await h.emit(40);
    expect(h.recovery.breaker).toBe('closed');
    expect(h.toldOf('delivered')).toHaveLength(40);
    h.decide = () => UNSERIALIZABLE;
    await h.emit(40);
    expect(h.recovery.breaker).toBe('open');
  });
});

test('the halves of a batch that was refused three times although others got through are sent immediately', async () => {
  const refused: Outcome = { kind: 'ambiguous', error: new Error('internal') };
  const h = new DriverHarness({ maxExportBatchSize: 4 }, {}, 99);
  h.decide = (bodies) => (bodies.length === 4 && bodies.includes(0) ? refused : DELIVERED);
  await h.emit(4);
  while (h.sent.every(({ bodies }) => bodies.length === 4)) {
    expect(h.sent.length).toBeLessThan(100);
    await h.emit(4);
    await h.clock.advance(250);
  }
  expect(h.sent.filter(({ bodies }) => bodies.includes(0)).map(({ bodies }) => bodies.length)).toEqual([
    ...h.sent.filter(({ bodies }) => bodies.length === 4 && bodies.includes(0)).map(() => 4),
    2,
  ]);
  expect(h.sent.filter(({ bodies }) => bodies.length === 2).map(({ bodies }) => bodies)).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(h.toldOf('dropped')).toEqual([]);
});

test('the oldest batch goes first while all is well, however often it has failed', async () => {
  const h = new DriverHarness({}, {}, 99);
  h.decide = (bodies) => (bodies[0] === 0 ? RETRYABLE : DELIVERED);
  for (let second = 0; second < 6; second++) {
    await h.emit(2);
    await h.clock.advance(500);
  }
  expect(h.queue.records).toBe(1);
  h.requests();
  h.decide = () => DELIVERED;
  h.queue.admit(record());
  void h.driver.flush(10_000, true);
  await h.clock.settle();
  expect(h.sent.map(({ bodies }) => bodies[0])).toEqual([0, 'a message']);
});

describe('nothing is sent', () => {
  test('nothing is sent after a stop, which drops what waits and what is under way, and whose flush ends', async () => {
    const h = new DriverHarness();
    await h.emit(2);
    const flush = h.driver.flush(10_000, true);
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

  test('nothing is sent after a stop by a turn that was due already', async () => {
    const h = new DriverHarness();
    h.queue.admit({ body: 'a' } as never);
    h.driver.stop();
    await h.clock.settle();
    expect(h.sent).toHaveLength(0);
  });

  test('nothing is sent while the driver pauses; a flush ends, and what is under way arrives', async () => {
    const h = new DriverHarness();
    await h.emit(2);
    const flush = h.driver.flush(10_000, true);
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
  const h = new DriverHarness({}, {}, 99);
  h.decide = () => RETRYABLE;
  await h.emit(2);
  h.requests();
  h.driver.stopRetrying();
  h.driver.wake();
  await h.clock.settle();
  expect(h.requests()).toBe(2);
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

test('a batch that fails while others pass waits for two seconds at most, however often it has failed, and keeps no other waiting', async () => {
  const h = new DriverHarness({}, {}, 99);
  const asked: number[] = [];
  h.decide = (bodies) => {
    if (bodies[0] !== 0) return DELIVERED;
    asked.push(h.clock.now());
    return RETRYABLE;
  };
  for (let second = 0; second < 60; second++) {
    await h.emit(4);
    await h.clock.advance(1_000);
  }
  expect(h.toldOf('delivered')).toHaveLength(60 * 4 - 1);
  expect(Math.max(...asked.slice(1).map((at, index) => at - (asked[index] as number)))).toBeLessThanOrEqual(
    2_000,
  );
  expect(asked.length).toBeLessThanOrEqual(3 * 60);
});

describe('a delay that the destination requests', () => {
  const refusal: typeof RETRYABLE = {
    kind: 'retryable',
    error: new Error('later'),
    retryAfterMillis: 20_000,
  };

  test('a delay that the destination asks for is kept by a flush, which ends as unavailable if it has less time', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 1 }, {}, 99);
    h.clock.chance = 0;
    h.decide = () => refusal;
    await h.emit(1);
    expect(await Promise.race([h.driver.flush(10_000, true), h.clock.settle()])).toBe('unavailable');
    h.decide = () => DELIVERED;
    const flush = h.driver.flush(30_000, true);
    await h.clock.advance(19_999);
    expect(h.sent).toHaveLength(1);
    await h.clock.advance(1);
    expect(await flush).toBe('done');
  });

  test('a delay that the destination asks for is not shortened by a later one', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 99);
    h.clock.chance = 0;
    await h.emit(2);
    h.sent[0]?.answer(refusal);
    h.sent[1]?.answer({ ...refusal, retryAfterMillis: 1_000 });
    await h.clock.advance(19_999);
    expect(h.sent).toHaveLength(2);
    await h.clock.advance(1);
    expect(h.sent.length).toBeGreaterThan(2);
  });
});
