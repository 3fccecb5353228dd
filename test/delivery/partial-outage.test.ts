/** What is left of the throughput where a share of all requests fails, as behind a balancer with dead upstreams. */

import { expect, test } from 'vitest';
import { DELIVERED, DriverHarness, RETRYABLE } from '../support/driver-harness.ts';

/** What arrives of 200 times 16 requests that take 50 ms each, while a share of all requests succeeds. */
async function deliveredWhere(
  share: number,
  spreadMillis: number,
): Promise<{ delivered: number; h: DriverHarness }> {
  const h = new DriverHarness({}, { concurrency: { start: 16, max: 16 } }, 5);
  let seed = 12_345;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  await h.emit(16 * 200);
  let delivered = 0;
  for (let step = 0; step < 200 * 10; step++) {
    for (const request of h.sent.splice(0)) {
      h.clock.timer(
        () => {
          const arrives = random() < share;
          if (arrives) delivered++;
          request.answer(arrives ? DELIVERED : RETRYABLE);
        },
        50 + spreadMillis * (random() - 0.5),
      );
    }
    await h.clock.advance(5);
  }
  return { delivered, h };
}

test.each([
  ['half', 'two fifths', 0.5, 0.4, 50],
  ['half', 'two fifths', 0.5, 0.4, 0],
  ['two thirds', 'a quarter', 1 / 3, 0.25, 50],
  ['two thirds', 'a quarter', 1 / 3, 0.25, 0],
])(
  '%s of all requests failing leaves %s of the throughput, with many under way (%d, %d, spread over %d ms)',
  async (_, __, succeeding, left, spreadMillis) => {
    const { delivered, h } = await deliveredWhere(succeeding, spreadMillis);
    expect(delivered).toBeGreaterThanOrEqual(left * 16 * 200);
    expect(h.recovery.breaker).toBe('closed');
  },
);
