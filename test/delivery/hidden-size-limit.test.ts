/** A limit of size that shows only in failures without a reason: found behind them, and not where it is not. */

import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/delivery/sender.ts';
import { SizeLimit } from '../../src/delivery/size-limit.ts';
import { DELIVERED, DriverHarness, RETRYABLE } from '../support/driver-harness.ts';

const AMBIGUOUS: Outcome = { kind: 'ambiguous', error: new Error('internal server error') };
const PER_SECOND = 500;
/** Records of the largest request that is accepted. */
const MOST = 40;

type Answer = (records: number, now: number) => Outcome;

function chance(): () => number {
  let seed = 12_345;
  return () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
}

/** A service that logs evenly, in front of a destination that answers each request after 5 ms. */
async function logged(seconds: number, answer: Answer) {
  const h = new DriverHarness(
    { maxExportBatchSize: 512, scheduledDelayMillis: 100 },
    { concurrency: { start: 4, max: 16 } },
    5,
  );
  const requests: { at: number; records: number; kind: Outcome['kind'] }[] = [];
  let delivered = 0;
  for (let tick = 0; tick < seconds * 20; tick++) {
    await h.emit(PER_SECOND / 20);
    for (let step = 0; step < 10; step++) {
      for (const { bodies, answer: reply } of h.sent.splice(0)) {
        const at = h.clock.now();
        const outcome = answer(bodies.length, at);
        requests.push({ at, records: bodies.length, kind: outcome.kind });
        if (outcome.kind === 'delivered') delivered += bodies.length;
        h.clock.timer(() => reply(outcome), 5);
      }
      await h.clock.advance(5);
    }
  }
  const failed = requests.filter(({ kind }) => kind !== 'delivered');
  return { delivered, requests, failed, offered: seconds * PER_SECOND };
}

describe('a destination that fails for large requests alone', () => {
  test.each([
    ['an internal error', AMBIGUOUS],
    ['a lost connection', RETRYABLE],
  ])(
    'nearly all is delivered where large requests meet %s, and few requests are wasted',
    async (_, failure) => {
      const seen = await logged(30, (records) => (records > MOST ? failure : DELIVERED));
      expect(seen.delivered).toBeGreaterThan(0.9 * seen.offered);
      expect(seen.failed.length).toBeLessThan(0.1 * seen.requests.length);
      expect(seen.failed.filter(({ at }) => at > 15_000)).toEqual([]);
    },
  );

  test('a limit that appears after large requests were accepted is found as well', async () => {
    const seen = await logged(40, (records, now) => (now > 10_000 && records > MOST ? AMBIGUOUS : DELIVERED));
    expect(seen.delivered).toBeGreaterThan(0.9 * seen.offered);
    expect(seen.failed.filter(({ at }) => at > 25_000)).toEqual([]);
  });
});

describe('requests stay large', () => {
  test.each([
    [2, 'internal errors', AMBIGUOUS],
    [20, 'internal errors', AMBIGUOUS],
    [20, 'lost connections', RETRYABLE],
  ])('what waits after an outage of %d s with %s is sent within two seconds', async (seconds, _, failure) => {
    const until = 10_000 + 1_000 * seconds;
    const seen = await logged(20 + 1.25 * seconds, (_, now) =>
      now > 10_000 && now < until ? failure : DELIVERED,
    );
    const back = seen.requests.findIndex(({ at, kind }) => at > until && kind === 'delivered');
    const soon = seen.requests.slice(back).filter(({ at }) => at < (seen.requests[back]?.at ?? 0) + 2_000);
    expect(soon.reduce((sum, { records }) => sum + records, 0)).toBeGreaterThan(seconds * PER_SECOND);
    expect(seen.delivered).toBeGreaterThan(0.98 * seen.offered);
  });

  test.each([
    [0.3, 0.9],
    [0.5, 0.55],
  ])(
    'a share of %d of all requests that fails, whatever their size, leaves %d of the records delivered',
    async (share, left) => {
      const random = chance();
      const seen = await logged(60, () => (random() < share ? AMBIGUOUS : DELIVERED));
      expect(seen.delivered).toBeGreaterThan(left * seen.offered);
      const late = seen.requests.filter(({ at }) => at > 45_000).map(({ records }) => records);
      expect(Math.max(...late)).toBeGreaterThan(256);
    },
  );

  test.each([
    [300, 'internal errors', AMBIGUOUS],
    [300, 'lost connections', RETRYABLE],
    [90, 'internal errors', AMBIGUOUS],
  ])(
    'a limit of %d requests a minute that shows in %s is not taken for one of size',
    async (perMinute, _, failure) => {
      let freeAt = 0;
      const seen = await logged(40, (_, now) => {
        if (now < freeAt) return failure;
        freeAt = now + 60_000 / perMinute;
        return DELIVERED;
      });
      expect(seen.delivered).toBeGreaterThan(0.9 * seen.offered);
    },
  );
});

describe('a limit behind failures without a reason', () => {
  /** Three failures of requests of 100 bytes, after successes of half of that. */
  function convinced(): SizeLimit {
    const limit = new SizeLimit();
    for (let time = 0; time < 3; time++) {
      limit.taken(50);
      limit.taken(50);
      limit.failed(100, 0);
    }
    return limit;
  }
  const accept = (limit: SizeLimit, bytes: number, times = 10) => {
    for (let time = 0; time < times; time++) limit.taken(bytes);
  };

  test('a failure of a request larger than those accepted makes the next ones a quarter of these, doubling with each success', () => {
    const limit = new SizeLimit();
    accept(limit, 100_000);
    limit.failed(200_000, 0);
    expect(limit.maxBytes(0)).toBe(25_000);
    limit.taken(25_000);
    limit.taken(50_000);
    expect(limit.maxBytes(0)).toBe(100_000);
  });

  test('three such failures show a limit at the largest size that was accepted, for five minutes', () => {
    const limit = convinced();
    accept(limit, 40);
    expect(limit.maxBytes(300_000)).toBe(50);
    expect(limit.maxBytes(300_001)).toBeGreaterThan(10_000);
  });

  test('a limit whose time is over is known again after a single failure', () => {
    const limit = convinced();
    accept(limit, 40);
    limit.failed(1_000, 400_000);
    accept(limit, 40);
    expect(limit.maxBytes(400_000)).toBe(50);
  });

  test('a success of about the size that failed shows that there is no limit', () => {
    const limit = convinced();
    limit.taken(91);
    expect(limit.maxBytes(0)).toBe(Number.POSITIVE_INFINITY);
  });

  test('each failure of a size that was accepted takes the weight of one that showed a limit', () => {
    const limit = convinced();
    accept(limit, 40);
    limit.failed(50, 0);
    accept(limit, 40);
    expect(limit.maxBytes(0)).toBeGreaterThan(10_000);
    limit.failed(100, 0);
    accept(limit, 40);
    expect(limit.maxBytes(0)).toBe(50);
    for (let time = 0; time < 3; time++) limit.failed(50, 0);
    expect(limit.maxBytes(0)).toBe(Number.POSITIVE_INFINITY);
  });

  test('a failure shows nothing where fewer than two requests were accepted since the one before', () => {
    const limit = new SizeLimit();
    for (let time = 0; time < 10; time++) {
      limit.taken(50);
      limit.failed(100, 0);
      limit.failed(100, 0);
    }
    expect(limit.maxBytes(0)).toBe(Number.POSITIVE_INFINITY);
  });

  test('the first request after a probe need not be preceded by another', () => {
    const limit = new SizeLimit();
    limit.recovered();
    limit.taken(4_096);
    limit.failed(100_000, 0);
    expect(limit.maxBytes(0)).toBe(1_024);
  });
});
