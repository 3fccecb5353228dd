/** How the bad records of a refused batch are found, at what price, and what is learnt on the way. */

import { describe, expect, test } from 'vitest';
import {
  DELIVERED,
  DriverHarness,
  MALFORMED,
  RETRYABLE,
  TOO_LARGE,
  UNSERIALIZABLE,
} from '../support/driver-harness.ts';

describe('what is refused as malformed', () => {
  /** Before anything was accepted a refusal is about the address, and one of what is larger about its size. */
  const accepting = async () => {
    const h = new DriverHarness({ maxExportBatchSize: 64 });
    h.decide = () => DELIVERED;
    await h.emit(64);
    return h;
  };
  /** Requests for one more batch of 64. */
  const requestsFor64 = async (h: DriverHarness) => {
    h.requests();
    await h.emit(64);
    return h.requests();
  };

  test('a malformed batch costs less and less while nothing is accepted, and as much as at first after a delivery', async () => {
    const h = await accepting();
    h.decide = () => MALFORMED;
    const requests = [];
    for (let batch = 0; batch < 5; batch++) requests.push(await requestsFor64(h));
    expect(requests).toEqual([21, 13, 5, 3, 3]);
    h.decide = () => DELIVERED;
    expect(await requestsFor64(h)).toBe(1);
    h.decide = () => MALFORMED;
    expect(await requestsFor64(h)).toBe(21);
  });

  test('a malformed single record makes no search after it cheaper', async () => {
    const h = await accepting();
    h.decide = () => MALFORMED;
    h.queue.admit({ body: 'alone' } as never);
    h.queue.seal();
    await h.clock.advance(1_000);
    expect(await requestsFor64(h)).toBe(21);
  });

  test('a malformed batch has a budget apart from those of batches that are too large or cannot be written', async () => {
    const [tooLarge, unserializable] = [await accepting(), await accepting()];
    tooLarge.decide = (bodies) => (bodies.length > 1 ? TOO_LARGE : DELIVERED);
    // Two parts of a size are refused: then it is known what fits.
    expect(await requestsFor64(tooLarge)).toBe(71);
    unserializable.decide = (bodies) => (bodies.length > 1 ? UNSERIALIZABLE : DELIVERED);
    expect(await requestsFor64(unserializable)).toBe(127);
    unserializable.decide = () => MALFORMED;
    expect(await requestsFor64(unserializable)).toBe(21);
  });

  test.each([
    ['one in 17', 17, 1],
    ['one in 50', 50, 1],
    ['one in two', 2, 1],
    ['six next to each other in each 500', 500, 6],
  ])(
    'a malformed batch costs its bad records alone, two requests for each record at most: %s',
    async (_, every, run) => {
      const h = new DriverHarness({ maxExportBatchSize: 1_024 }, { concurrency: { start: 16, max: 16 } });
      h.decide = () => DELIVERED;
      await h.emit(1_024);
      h.requests();
      const isBad = (body: unknown) => Number(body) % every < run;
      h.decide = (bodies) => (bodies.some(isBad) ? MALFORMED : DELIVERED);
      await h.emit(2 * 1_024);
      const bodies = Array.from({ length: 2 * 1_024 }, (_, index) => 1_024 + index);
      const dropped = h.toldOf('dropped').reduce((sum, [, records]) => sum + Number(records), 0);
      expect(dropped).toBe(bodies.filter(isBad).length);
      expect(h.requests()).toBeLessThanOrEqual(2 * bodies.length);
      expect(h.recovery.breaker).toBe('closed');
    },
  );

  test('a malformed batch is searched one part at a time, while other batches are sent concurrently', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 64 }, { concurrency: { start: 8, max: 8 } });
    h.decide = () => DELIVERED;
    await h.emit(64);
    h.requests();
    h.decide = undefined;
    await h.emit(64);
    h.sent[0]?.answer(MALFORMED);
    await h.clock.settle();
    await h.emit(64);
    expect(h.sent.map(({ bodies }) => bodies.length)).toEqual([64, 32, 64]);
    h.sent[1]?.answer(DELIVERED);
    await h.clock.settle();
    expect(h.sent.map(({ bodies }) => bodies.length)).toEqual([64, 32, 64, 32]);
  });

  test('a search goes on with its other parts when one of them has to be tried again', async () => {
    const h = await accepting();
    h.requests();
    h.decide = (bodies) => (bodies.length === 64 ? MALFORMED : RETRYABLE);
    await h.emit(64);
    h.decide = () => DELIVERED;
    await h.clock.advance(10_000);
    const [before, ...parts] = h.toldOf('delivered').map(([records]) => records as number);
    expect([before, parts.reduce((sum, records) => sum + records, 0)]).toEqual([64, 64]);
    expect(parts.at(-1)).toBe(32);
  });

  test('a batch refused as a whole and accepted in parts shows a limit, even if more was accepted before', async () => {
    const h = await accepting();
    h.decide = (bodies) => (bodies.length > 10 ? MALFORMED : DELIVERED);
    await h.emit(64);
    h.requests();
    await h.emit(64);
    expect(h.sent.map(({ bodies }) => bodies.length)).toEqual([8, 8, 8, 8, 8, 8, 8, 8]);
    expect(h.toldOf('dropped')).toEqual([]);
  });

  test('a batch refused as a whole with a record at fault in it shows no limit', async () => {
    const h = await accepting();
    for (const bad of [64, 100, 127]) {
      h.decide = (bodies) => (bodies.includes(bad) ? MALFORMED : DELIVERED);
      await h.emit(64);
      h.requests();
      h.decide = () => DELIVERED;
      expect(await requestsFor64(h)).toBe(1);
    }
  });

  test('a malformed batch costs nothing before anything was accepted: each batch has its turn as a probe', async () => {
    const h = new DriverHarness({ maxExportBatchSize: 4 });
    h.decide = () => MALFORMED;
    await h.emit(12);
    await h.clock.advance(600_000);
    expect(h.toldOf('dropped')).toEqual([]);
    expect(new Set(h.sent.map(({ bodies }) => bodies[0])).size).toBeGreaterThanOrEqual(3);
    h.decide = () => DELIVERED;
    await h.clock.advance(30_000);
    const delivered = h.toldOf('delivered').reduce((sum, [records]) => sum + Number(records), 0);
    expect(delivered).toBe(12);
  });
});
