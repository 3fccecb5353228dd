/** What the driver learns from answers: of how many requests, of which size, and when; over a real queue and a sender that answers as it is told. */

import { describe, expect, test } from 'vitest';
import {
  DELIVERED,
  DriverHarness,
  MALFORMED,
  RETRYABLE,
  TOO_LARGE,
  UNSERIALIZABLE,
} from './support/driver-harness.ts';
import { record } from './support/records.ts';

describe('exports at once', () => {
  const settings = { concurrency: { start: 1, max: 3 } };

  test('become more with each answer while all that are allowed are under way, up to the maximum', async () => {
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

  test('do not become more while fewer are under way than are allowed', async () => {
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

  test('are halved by a failure, and become more from there', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 4, max: 4 } });
    await h.emit(20);
    const [first, second] = h.sent;
    expect(h.requests()).toBe(4);
    first?.answer(RETRYABLE);
    await h.clock.settle();
    expect(h.requests()).toBe(0);
    // Two of two allowed are left, and one more may follow the answer.
    second?.answer(DELIVERED);
    await h.clock.settle();
    expect(h.requests()).toBe(1);
  });
});

describe('what is refused as malformed', () => {
  /** Requests for one more batch of 64. */
  const requestsFor64 = async (h: DriverHarness) => {
    h.requests();
    await h.emit(64);
    return h.requests();
  };

  test('may cost 20 requests more the first time, 2 from then on, and 20 again after a delivery', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 64 });
    h.decide = () => MALFORMED;
    expect(await requestsFor64(h)).toBe(21);
    expect(await requestsFor64(h)).toBe(3);
    expect(await requestsFor64(h)).toBe(3);
    h.decide = () => DELIVERED;
    expect(await requestsFor64(h)).toBe(1);
    h.decide = () => MALFORMED;
    expect(await requestsFor64(h)).toBe(21);
  });

  test('has its budget halved by each record that is given up', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 64 });
    const oneBad = (bodies: readonly unknown[]) => (bodies.length === 1 ? MALFORMED : DELIVERED);
    h.decide = oneBad;
    h.queue.admit(record());
    h.queue.seal();
    await h.clock.advance(1_000);
    h.decide = () => MALFORMED;
    expect(await requestsFor64(h)).toBe(11);
  });

  test('is halved without a budget where it is too large or cannot be written, and the budget is left', async () => {
    for (const outcome of [TOO_LARGE, UNSERIALIZABLE]) {
      const h = new DriverHarness({ maxExportBatchSize: 64 }, {}, Number.POSITIVE_INFINITY);
      h.decide = () => outcome;
      expect(await requestsFor64(h)).toBe(127);
      const half = new DriverHarness({ maxExportBatchSize: 64 }, {}, Number.POSITIVE_INFINITY);
      half.decide = (bodies) => {
        if (bodies.length > 4) return outcome;
        return bodies.includes(63) ? MALFORMED : DELIVERED;
      };
      await half.emit(64);
      // Down to 4 for nothing, from there to one in two steps, two requests each.
      expect(half.requests()).toBe(31 + 4);
      expect(half.toldOf('delivered').reduce((sum, [records]) => sum + Number(records), 0)).toBe(63);
    }
  });
});

describe('of the size of requests', () => {
  const sizes = async (h: DriverHarness) => {
    h.requests();
    await h.emit(16);
    return h.sent.map(({ bodies }) => bodies.length);
  };

  test('it learns from a batch that is too large, and not from one record', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 16 });
    h.decide = (bodies) => (bodies.length > 10 ? TOO_LARGE : DELIVERED);
    expect(await sizes(h)).toEqual([16, 8, 8]);
    expect(await sizes(h)).toEqual([9, 7]);
  });

  test('it learns from the whole batch alone, and not from its halves, where one record is at fault', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 16 });
    h.decide = (bodies) => (bodies.includes(0) ? TOO_LARGE : DELIVERED);
    expect(await sizes(h)).toEqual([16, 8, 4, 2, 1, 1, 2, 4, 8]);
    expect(await sizes(h)).toEqual([9, 7]);
  });

  test('it learns nothing from a record that is too large by itself', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 16 });
    h.decide = (bodies) => (bodies.length === 1 ? TOO_LARGE : DELIVERED);
    await h.emit(1);
    await h.clock.advance(1_000);
    expect(h.requests()).toBe(1);
    await h.emit(16);
    expect(h.requests()).toBe(1);
  });

  test('it risks a larger one after a hundred that were taken', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 16 });
    let refused = 0;
    h.decide = (bodies) => {
      if (bodies.length <= 10) return DELIVERED;
      refused++;
      return TOO_LARGE;
    };
    await h.emit(16);
    expect(refused).toBe(1);
    await h.emit(16 * 48);
    expect(refused).toBe(1);
    await h.emit(16 * 20);
    expect(refused).toBeGreaterThan(1);
  });
});

describe('an exporter that throws', () => {
  test('on a batch that is a probe does not end the probing', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 4 }, {}, 1);
    h.decide = () => RETRYABLE;
    await h.emit(4);
    expect(h.breaker.state).toBe('open');
    h.decide = (bodies) => (bodies.length > 1 ? UNSERIALIZABLE : DELIVERED);
    await h.clock.advance(10_000);
    expect(h.breaker.state).toBe('closed');
    expect(h.toldOf('delivered')).toHaveLength(4);
  });

  test('on single records opens the breaker, on batches does not', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 4 }, {}, 2);
    h.decide = (bodies) => (bodies.length > 1 ? UNSERIALIZABLE : DELIVERED);
    await h.emit(40);
    expect(h.breaker.state).toBe('closed');
    expect(h.toldOf('delivered')).toHaveLength(40);
    h.decide = () => UNSERIALIZABLE;
    await h.emit(40);
    expect(h.breaker.state).toBe('open');
  });
});

describe('while a destination fails', () => {
  test('a first failure after deliveries is the destination’s, and nothing else is sent until it may be asked again', async () => {
    const h = new DriverHarness();
    h.decide = () => DELIVERED;
    await h.emit(1);
    h.decide = () => RETRYABLE;
    h.requests();
    await h.emit(2);
    expect(h.requests()).toBe(1);
    await h.clock.advance(749);
    expect(h.requests()).toBe(0);
    await h.clock.advance(1);
    expect(h.requests()).toBe(1);
  });

  test('a batch that failed three times gives way every other time', async () => {
    const h = new DriverHarness({}, {}, 99);
    h.decide = () => RETRYABLE;
    await h.emit(2);
    await h.clock.advance(750 * 6);
    expect(h.sent.slice(0, 7).map(({ bodies }) => bodies[0])).toEqual([0, 0, 0, 1, 0, 1, 0]);
  });
});

describe('a wish of the destination', () => {
  const wish: typeof RETRYABLE = { kind: 'retryable', error: new Error('later'), retryAfterMillis: 20_000 };

  test('is kept by a flush, which ends as unavailable when its time is shorter', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 1 }, {}, 99);
    h.decide = () => wish;
    await h.emit(1);
    expect(await Promise.race([h.driver.flush(10_000, false), h.clock.settle()])).toBe('unavailable');
    h.decide = () => DELIVERED;
    const flush = h.driver.flush(30_000, false);
    await h.clock.advance(19_999);
    expect(h.sent).toHaveLength(1);
    await h.clock.advance(1);
    expect(await flush).toBe('done');
  });

  test('is not shortened by a later one', async () => {
    const h = new DriverHarness({}, { concurrency: { start: 2, max: 2 } }, 99);
    await h.emit(2);
    h.sent[0]?.answer(wish);
    h.sent[1]?.answer({ ...wish, retryAfterMillis: 1_000 });
    await h.clock.advance(19_999);
    expect(h.sent).toHaveLength(2);
    await h.clock.advance(1);
    expect(h.sent.length).toBeGreaterThan(2);
  });
});
