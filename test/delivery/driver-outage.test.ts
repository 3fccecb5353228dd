/** What the driver asks a destination with that is not well, and what it draws from the answers. */

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

const SILENT: Outcome = {
  kind: 'retryable',
  error: Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }),
};
/** What a sender is told while all is well. */
const WELL = { freshConnection: false, silences: 0 };
const NO_ROOM: Outcome = { kind: 'retryable', error: new Error('full'), lacksRoom: true };
const AMBIGUOUS: Outcome = { kind: 'ambiguous', error: new Error('internal') };

/** A driver whose breaker is open, after it had delivered a batch. */
async function outage(limits: ConstructorParameters<typeof DriverHarness>[0] = {}, threshold = 3) {
  const h = new DriverHarness(limits, { concurrency: { start: 4, max: 16 } }, threshold);
  h.decide = () => DELIVERED;
  await h.emit(limits.maxExportBatchSize ?? 1);
  h.decide = () => RETRYABLE;
  await h.emit(20 * (limits.maxExportBatchSize ?? 1));
  while (h.recovery.breaker !== 'open') await h.clock.advance(100);
  h.requests();
  return h;
}

const sizesOf = (h: DriverHarness) => h.sent.map(({ bodies }) => bodies.length);

describe('a probe', () => {
  test('a probe is one request of 32 records and 4 KiB at most, however much waits', async () => {
    const h = await outage({ maxExportBatchSize: 64 });
    const weight = h.queue.bytes / h.queue.records;
    await h.clock.advance(15_000);
    expect(h.sent.length).toBeGreaterThanOrEqual(2);
    expect(new Set(sizesOf(h))).toEqual(new Set([Math.min(32, Math.floor(4_096 / weight))]));
  });

  test('a probe is one record where that is larger than any probe should be', async () => {
    const h = await outage({ maxExportBatchSize: 64 });
    h.queue.discard('shutdown');
    for (let index = 0; index < 64; index++) h.queue.admit(record({ body: 'x'.repeat(5_000) }));
    await h.clock.advance(15_000);
    expect(new Set(sizesOf(h))).toEqual(new Set([1]));
  });

  test('a probe goes beside requests from before that hang, and beside no other probe', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 3, max: 3 } }, 1);
    await h.emit(6);
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.advance(60_000);
    expect(h.sent).toHaveLength(4);
    expect(h.recovery.breaker).toBe('half-open');
  });

  test('a probe uses another batch, as long as there is one, after two probes with one batch have failed', async () => {
    const h = new DriverHarness({}, {}, 1);
    h.decide = () => RETRYABLE;
    await h.emit(3);
    await h.clock.advance(60_000);
    const asked = h.sent.map(({ bodies }) => bodies[0]);
    expect(asked.slice(0, 6)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(asked.length).toBeGreaterThan(6);
    expect(new Set(asked.slice(6))).toEqual(new Set([0]));
  });

  test.each([
    ['malformed ends the outage', MALFORMED, 'closed'],
    ['too large ends the outage', TOO_LARGE, 'closed'],
    ['rejected ends the outage', { kind: 'rejected', error: new Error('no') } as Outcome, 'closed'],
    ['an internal error does not end it', AMBIGUOUS, 'open'],
  ])('a probe that is answered as %s', async (_, outcome, state) => {
    const h = await outage({ maxExportBatchSize: 2 });
    h.decide = undefined;
    while (h.sent.length === 0) await h.clock.advance(100);
    expect(h.recovery.breaker).toBe('half-open');
    h.sent[0]?.answer(outcome);
    await h.clock.settle();
    expect(h.recovery.breaker).toBe(state);
  });

  test('a probe that could not be made is followed by another one immediately', async () => {
    const h = await outage({ maxExportBatchSize: 2 });
    h.decide = undefined;
    while (h.sent.length === 0) await h.clock.advance(100);
    h.sent[0]?.answer(UNSERIALIZABLE);
    await h.clock.settle();
    expect(sizesOf(h)).toEqual([2, 1]);
  });
});

describe('after an outage', () => {
  test('requests after an outage go alone until a second one has succeeded, and then their number grows from one', async () => {
    const h = await outage({ maxExportBatchSize: 1 });
    h.decide = undefined;
    while (h.sent.length === 0) await h.clock.advance(100);
    const underWay: number[] = [];
    for (let answered = 0; answered < 6; answered++) {
      underWay.push(h.sent.length - answered);
      h.sent[answered]?.answer(DELIVERED);
      await h.clock.settle();
    }
    expect(underWay).toEqual([1, 1, 2, 3, 4, 5]);
  });

  test('requests after an outage carry little more than the probe, and then twice as much with each success', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 4_096 }, {}, 1);
    h.decide = () => RETRYABLE;
    for (let index = 0; index < 4_096; index++) h.queue.admit(record({ body: 'x'.repeat(1_000) }));
    await h.clock.settle();
    const weight = h.queue.bytes / h.queue.records;
    h.requests();
    h.decide = () => DELIVERED;
    await h.clock.advance(10_000);
    const kibibytes = sizesOf(h).map((size) => (size * weight) / 1024);
    expect(kibibytes[0]).toBeLessThanOrEqual(64);
    for (let index = 1; index < 5; index++) {
      expect(kibibytes[index]).toBeLessThanOrEqual(64 * 2 ** index);
      expect(kibibytes[index]).toBeGreaterThan(60 * 2 ** index);
    }
  });

  test('a late answer to a request from before it makes no room for more requests', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 3, max: 8 } }, 99);
    await h.emit(20);
    const [first, second, third] = h.sent.splice(0);
    first?.answer(RETRYABLE);
    await h.clock.settle();
    for (let retries = 0; h.sent.length > 0; retries++) {
      expect(retries).toBeLessThan(5);
      for (const { answer } of h.sent.splice(0)) answer(RETRYABLE);
      await h.clock.settle();
    }
    second?.answer(DELIVERED);
    third?.answer(DELIVERED);
    h.decide = undefined;
    await h.clock.settle();
    const underWay: number[] = [];
    for (let answered = 0; answered < 4; answered++) {
      underWay.push(h.sent.length - answered);
      h.sent[answered]?.answer(DELIVERED);
      await h.clock.settle();
    }
    expect(underWay).toEqual([1, 1, 2, 3]);
  });
});

describe('a sender is told', () => {
  test('a sender gets no hints as long as the destination is well', async () => {
    const h = new DriverHarness();
    h.decide = () => DELIVERED;
    await h.emit(3);
    expect(h.sent.map(({ hints }) => hints)).toEqual([WELL, WELL, WELL]);
  });

  test('a sender is asked for a fresh connection while the destination fails, and not after its next answer', async () => {
    const h = new DriverHarness({}, {}, 99);
    await h.emit(4);
    h.sent[0]?.answer(RETRYABLE);
    await h.clock.settle();
    expect(h.sent[1]?.hints).toEqual({ freshConnection: true, silences: 0 });
    for (let index = 1; h.recovery.askAt === undefined; index++) {
      h.sent[index]?.answer(RETRYABLE);
      await h.clock.settle();
    }
    h.requests();
    h.decide = () => DELIVERED;
    await h.clock.advance(1_000);
    expect(h.sent.map(({ hints }) => hints)).toEqual([
      { freshConnection: true, silences: 0 },
      WELL,
      WELL,
      WELL,
    ]);
  });

  test('a sender hears how many attempts in a row met silence, until one is answered', async () => {
    const h = new DriverHarness({}, {}, 99);
    await h.emit(20);
    const told: (number | undefined)[] = [];
    const answerLater = async (outcome: Outcome, millis: number) => {
      while (h.sent.length === 0) await h.clock.advance(100);
      const [request] = h.sent.splice(0);
      told.push(request?.hints?.silences);
      await h.clock.advance(millis);
      request?.answer(outcome);
      await h.clock.settle();
    };
    await answerLater(SILENT, 10_000);
    await answerLater(SILENT, 5_000);
    // A connection that could not be made in time is not silence, nor is any other failure.
    await answerLater(SILENT, 4_999);
    await answerLater(RETRYABLE, 10_000);
    await answerLater({ kind: 'too_large', error: new Error('not sent'), wasSent: false }, 10);
    await answerLater(DELIVERED, 10);
    await answerLater(DELIVERED, 10);
    await answerLater(DELIVERED, 10);
    expect(told).toEqual([0, 1, 2, 2, 2, 2, 0, 0]);
  });
});

describe('a destination that has no room', () => {
  test('a destination without room gets smaller requests, which grow with each success', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 2_000 }, {}, 99);
    h.decide = (bodies) => (bodies.length > 600 ? NO_ROOM : DELIVERED);
    for (let index = 0; index < 8_000; index++) h.queue.admit(record({ body: 'x'.repeat(1_000) }));
    await h.clock.advance(10_000);
    const sizes = sizesOf(h);
    expect(sizes[0]).toBe(2_000);
    const refused = sizes.filter((size) => size > 600);
    const accepted = sizes.filter((size) => size <= 600);
    expect(accepted.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...accepted)).toBeGreaterThan(300);
    expect(refused.length).toBeLessThanOrEqual(20);
  });

  test('a destination that accepts a request whenever the time it asked for is over gets no smaller ones', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 2_000 }, {}, 99);
    let freeAt = 0;
    h.decide = () => {
      if (h.clock.now() < freeAt) return { ...NO_ROOM, retryAfterMillis: freeAt - h.clock.now() };
      freeAt = h.clock.now() + 3_000;
      return DELIVERED;
    };
    await h.emit(200);
    await h.clock.advance(1_000);
    for (let index = 0; index < 8_000; index++) h.queue.admit(record({ body: 'x'.repeat(1_000) }));
    await h.clock.advance(20_000);
    expect(sizesOf(h).filter((size) => size < 2_000)).toEqual([200]);
    expect(h.toldOf('delivered')).toHaveLength(5);
  });

  test('a destination that refuses a request again after the time it asked for gets smaller ones', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 2_000 }, {}, 99);
    h.decide = () => ({ ...NO_ROOM, retryAfterMillis: 3_000 });
    for (let index = 0; index < 8_000; index++) h.queue.admit(record({ body: 'x'.repeat(1_000) }));
    await h.clock.advance(10_000);
    const [first, second, third = 2_000] = sizesOf(h);
    expect([first, second]).toEqual([2_000, 2_000]);
    expect(third).toBeLessThan(1_100);
  });

  test('a destination that fails for another reason than lack of room gets requests as large as before', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 2_000 }, {}, 99);
    h.decide = () => RETRYABLE;
    for (let index = 0; index < 8_000; index++) h.queue.admit(record({ body: 'x'.repeat(1_000) }));
    await h.clock.advance(10_000);
    expect(new Set(sizesOf(h))).toEqual(new Set([2_000]));
  });
});

describe('retry.maxElapsedMillis', () => {
  const retry = { initialDelayMillis: 1_000, maxDelayMillis: 1_000, maxElapsedMillis: 10_000 };

  test('retry.maxElapsedMillis ends the time of everything that waits, and not only of what was tried', async () => {
    const h = new DriverHarness({}, { retry }, 99);
    h.decide = () => RETRYABLE;
    await h.emit(5);
    await h.clock.advance(9_000);
    await h.emit(2);
    expect(h.toldOf('queue dropped')).toEqual([]);
    await h.clock.advance(3_000);
    const gone = [...h.toldOf('queue dropped'), ...h.toldOf('dropped')];
    expect(gone.map(([reason, records]) => [reason, records])).toEqual(Array(5).fill(['retry_exhausted', 1]));
    expect(h.queue.records + h.queue.inFlightRecords).toBe(2);
  });

  test('retry.maxElapsedMillis counts from the beginning of the outage for records that had waited longer', async () => {
    const h = new DriverHarness({}, { retry }, 99);
    await h.emit(3);
    await h.clock.advance(60_000);
    h.sent[0]?.answer(RETRYABLE);
    h.decide = () => RETRYABLE;
    await h.clock.advance(0);
    for (const { answer } of h.sent) answer(RETRYABLE);
    await h.clock.advance(9_000);
    expect([...h.toldOf('queue dropped'), ...h.toldOf('dropped')]).toEqual([]);
    await h.clock.advance(3_000);
    expect([...h.toldOf('queue dropped'), ...h.toldOf('dropped')]).toHaveLength(3);
  });
});

test('without any time for retries everything is tried once, and given up if it fails', async () => {
  const retry = { initialDelayMillis: 1_000, maxDelayMillis: 1_000, maxElapsedMillis: 0 };
  const h = new DriverHarness({}, { retry }, 99);
  h.decide = () => RETRYABLE;
  await h.emit(5);
  await h.clock.advance(60_000);
  expect(h.sent.map(({ bodies }) => bodies[0])).toEqual([0, 1, 2, 3, 4]);
  expect(h.toldOf('dropped').map(([reason]) => reason)).toEqual(Array(5).fill('retry_exhausted'));
  expect(h.toldOf('queue dropped')).toEqual([]);
});

test('a late answer from before the outage, while a probe is under way, is not taken for the probe’s', async () => {
  const h = new DriverHarness({ maxExportBatchSize: 300 }, { concurrency: { start: 2, max: 2 } }, 1);
  await h.emit(3_000);
  const [first, second] = h.sent.splice(0);
  first?.answer(RETRYABLE);
  await h.clock.advance(6_000);
  expect(h.recovery.breaker).toBe('half-open');
  second?.answer(DELIVERED);
  await h.clock.settle();
  expect(h.recovery.breaker).toBe('half-open');
});

describe('a process that was frozen', () => {
  test('a process that was frozen asks immediately, and does not take failures of that time for an outage', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 1);
    await h.emit(4);
    h.clock.pass(60_000);
    for (const { answer } of h.sent) answer(RETRYABLE);
    await h.clock.settle();
    expect(h.recovery.breaker).toBe('closed');
    expect(h.sent).toHaveLength(4);
  });

  test('a process that was frozen in an outage asks immediately, and counts on as if no time had passed', async () => {
    const h = await outage();
    const since = h.recovery.failingSince as number;
    const before = h.sent.length;
    h.clock.pass(20_000);
    await h.clock.advance(0);
    expect(h.sent.length).toBe(before + 1);
    expect(h.recovery.failingSince).toBeGreaterThanOrEqual(since + 15_000);
    expect(h.recovery.failingSince).toBeLessThan(since + 20_000);
  });

  test('a process that was frozen tells nobody of requests that failed meanwhile, and holds nothing against their batches', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 1);
    await h.emit(2);
    h.clock.pass(60_000);
    const timedOut = Object.assign(new Error('late'), { code: 'ETIMEDOUT' });
    for (const { answer } of h.sent.splice(0)) answer({ kind: 'retryable', error: timedOut });
    await h.clock.settle();
    expect(h.sent.map(({ bodies, hints }) => [bodies, hints?.silences])).toEqual([
      [[0], 0],
      [[1], 0],
    ]);
    expect(h.toldOf('attempted')).toEqual([]);
    for (const { answer } of h.sent) answer(DELIVERED);
    await h.clock.settle();
    expect(h.toldOf('delivered')).toHaveLength(2);
    expect(h.recovery.failingSince).toBeUndefined();
  });

  test('a process that was frozen heeds what the destination asked for meanwhile', async () => {
    const h = new DriverHarness();
    await h.emit(1);
    h.clock.pass(60_000);
    h.sent[0]?.answer({ kind: 'retryable', error: new Error('later'), retryAfterMillis: 5_000 });
    await h.clock.advance(4_999);
    expect(h.sent).toHaveLength(1);
    await h.clock.advance(501);
    expect(h.sent).toHaveLength(2);
  });

  test('a process that was frozen gives a flush that waited meanwhile its time again, and one of an end a moment', async () => {
    for (const [isEnd, moment] of [
      [false, 500],
      [true, 50],
    ] as const) {
      const h = new DriverHarness();
      await h.emit(1);
      const ends: unknown[] = [];
      void h.driver.flush(500, isEnd).then((end) => ends.push(end));
      await h.clock.settle();
      h.clock.pass(60_000);
      await h.clock.advance(moment - 1);
      expect(ends).toEqual([]);
      h.sent.at(-1)?.answer(DELIVERED);
      await h.clock.settle();
      expect(ends).toEqual(['done']);
      await h.emit(1);
      void h.driver.flush(500, isEnd).then((end) => ends.push(end));
      await h.clock.settle();
      h.clock.pass(60_000);
      await h.clock.advance(moment);
      expect(ends).toEqual(['done', 'timeout']);
    }
  });

  test('a process whose timers come a little late is not taken for one that was frozen', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 1);
    await h.emit(4);
    h.clock.pass(3_000);
    for (const { answer } of h.sent) answer(RETRYABLE);
    await h.clock.settle();
    expect(h.recovery.breaker).toBe('open');
  });
});
