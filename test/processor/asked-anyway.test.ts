/** An end and an explicit flush ask the destination once, although the breaker says that it is down. */

import { describe, expect, test } from 'vitest';
import type { SpillwayOptions } from '../../src/index.ts';
import { Harness, upTo } from '../support/harness.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import { collectorWith, ManualPipeline } from '../support/otlp-pipeline.ts';
import { httpError } from '../support/scripted-exporter.ts';
import { expectNothingLeft, shutdown } from '../support/shutdown.ts';

const DOWN = { fail: httpError(503) };

/** Behind a breaker that has just opened, with `records` queued. */
async function broken(records: number, options: Partial<SpillwayOptions> = {}) {
  const h = new Harness(
    { maxExportBatchSize: 100, breaker: { failureThreshold: 1, resetTimeoutMillis: 60_000 }, ...options },
    DOWN,
  );
  h.emit(records);
  await h.advance(1_000);
  expect(h.stats.breaker.state).toBe('open');
  expect(h.exporter.calls).toHaveLength(1);
  return h;
}

test('a shutdown three seconds after the end of an outage of 16 s loses nothing with default options', async () => {
  const h = new Harness();
  // Back-offs of full length: the next probe would come after the end.
  h.clock.chance = 1 - 2 ** -53;
  const start = h.clock.now();
  h.exporter.decide = () => {
    const at = h.clock.now() - start;
    return at >= 1_000 && at < 17_000 ? DOWN : 'succeed';
  };
  for (let tick = 0; tick < 400; tick++) {
    h.emit(1);
    await h.advance(50);
  }
  expect(h.stats.breaker.state).toBe('open');
  expect(h.stats.queued.records).toBeGreaterThan(350);
  const result = shutdown(h);
  await h.settle();
  expect(result.tookMillis).toBe(0);
  expect(h.exporter.delivered.toSorted((a, b) => Number(a) - Number(b))).toEqual(upTo(400));
  expectNothingLeft(h);
});

describe('shutdown', () => {
  test.each(['graceful', 'flush'] as const)(
    'a shutdown (%s) learns by one request that the destination is back, and sends the rest',
    async (strategy) => {
      const h = await broken(250);
      h.exporter.script = ['succeed'];
      const result = shutdown(h, { strategy });
      await h.settle();
      expect(result.tookMillis).toBe(0);
      // The probe is small.
      expect(h.exporter.calls[1]?.records.length).toBeLessThanOrEqual(32);
      expect(h.exporter.delivered).toEqual(upTo(250));
      expectNothingLeft(h);
    },
  );

  test.each(['graceful', 'flush'] as const)(
    'a shutdown (%s) does not wait beyond an answer that is a failure',
    async (strategy) => {
      const h = await broken(250);
      const result = shutdown(h, { strategy });
      await h.settle();
      expect(result.tookMillis).toBe(0);
      expect(h.exporter.calls).toHaveLength(2);
      expect(h.stats.dropped.shutdown).toBe(250);
      expectNothingLeft(h);
    },
  );

  test('an immediate shutdown does not ask the destination', async () => {
    const h = await broken(5);
    const result = shutdown(h, { strategy: 'immediate' });
    await h.settle();
    expect([result.tookMillis, h.exporter.calls.length]).toEqual([0, 1]);
    expectNothingLeft(h);
  });

  test('a destination that does not answer costs the deadline and no more', async () => {
    const h = await broken(5);
    h.exporter.script = ['hang'];
    const result = shutdown(h, { timeoutMillis: 700 });
    await h.advance(750);
    expect(result.tookMillis).toBe(700);
    expect(h.stats.dropped.shutdown).toBe(5);
    expectNothingLeft(h);
  });

  test('a probe that began earlier is waited for, and is not the attempt of the end', async () => {
    const h = await broken(5, { breaker: { failureThreshold: 1, resetTimeoutMillis: 1_000 } });
    h.exporter.script = ['hang', 'succeed'];
    await h.advance(1_000);
    expect(h.stats.breaker.state).toBe('half-open');
    const result = shutdown(h);
    await h.settle();
    h.exporter.lastCall.fail(httpError(503));
    await h.settle();
    expect(result.tookMillis).toBe(0);
    expect(h.exporter.delivered).toEqual(upTo(5));
    expectNothingLeft(h);
  });
});

describe('over sockets', () => {
  const breaker = { failureThreshold: 1, resetTimeoutMillis: 60_000 };

  test.each(['graceful', 'flush'] as const)(
    'a collector that is back gets everything at shutdown (%s)',
    async (strategy) => {
      const collector = await collectorWith({ reply: { kind: 'status', status: 503 } });
      const pipeline = new ManualPipeline(collector, { breaker });
      const emitted = pipeline.emit(1_000);
      await pipeline.clock.advance(1_000);
      await pipeline.until(({ exports }) => exports.failures === 1);
      await collector.become('well');
      void pipeline.processor.shutdown({ strategy });
      await pipeline.until(({ exported }) => exported === emitted);
      expectReceived(collector.ids, { to: emitted });
    },
  );

  /** After a 503 with `Retry-After`; from then on the collector accepts. */
  async function askedForTime(retryAfterSeconds: number) {
    const collector = await collectorWith();
    await collector.script({ kind: 'status', status: 503, retryAfterSeconds });
    const pipeline = new ManualPipeline(collector, { breaker });
    pipeline.emit(10);
    await pipeline.clock.advance(1_000);
    await pipeline.until(({ exports }) => exports.failures === 1);
    expect(pipeline.stats.breaker.state).toBe('open');
    return { collector, pipeline };
  }

  test('a time that the collector asked for still holds: an end beyond it does not ask', async () => {
    const { collector, pipeline } = await askedForTime(6);
    void pipeline.processor.shutdown({ timeoutMillis: 5_000 });
    await pipeline.until(({ dropped }) => dropped.shutdown === 10);
    expect(collector.account().requests).toBe(1);
  });

  test('a time that the collector asked for still holds: an end asks when it is over', async () => {
    const { collector, pipeline } = await askedForTime(3);
    void pipeline.processor.shutdown({ timeoutMillis: 5_000 });
    await pipeline.clock.advance(2_999);
    expect(collector.account().requests).toBe(1);
    // A tenth longer at most, so that a fleet does not come back in step.
    await pipeline.clock.advance(301);
    await pipeline.until(({ exported }) => exported === 10);
    expectReceived(collector.ids, { to: 10 });
  });

  test('a flush shorter than the delay that the collector asked for ends immediately, and says so', async () => {
    const { collector, pipeline } = await askedForTime(6);
    const rejected = expect(pipeline.processor.forceFlush({ timeoutMillis: 5_000 })).rejects.toMatchObject({
      code: 'ERR_SPILLWAY_UNAVAILABLE',
    });
    await pipeline.clock.settle();
    await rejected;
    expect(collector.account().requests).toBe(1);
  });
});

describe('forceFlush', () => {
  test('a forceFlush delivers the queue as soon as the destination is back', async () => {
    const h = await broken(250);
    h.exporter.script = ['succeed'];
    let flushed = false;
    void h.processor.forceFlush().then(() => {
      flushed = true;
    });
    await h.settle();
    expect(flushed).toBe(true);
    expect(h.exporter.delivered).toEqual(upTo(250));
    expect(h.stats.breaker.state).toBe('closed');
    await h.end();
  });

  test('a forceFlush whose attempt fails leaves the next probe at the time that was announced', async () => {
    const h = await broken(5);
    await h.advance(10_000);
    await expectUnavailable(h, 1_000);
    expect(h.exporter.calls).toHaveLength(2);
    const { state, nextProbeMillis } = h.stats.breaker;
    expect(state).toBe('open');
    h.exporter.script = ['succeed'];
    await h.advance((nextProbeMillis as number) - 1);
    expect(h.exporter.calls).toHaveLength(2);
    await h.advance(1);
    expect(h.exporter.delivered).toEqual(upTo(5));
    await h.end();
  });

  test('one attempt is for all callers at the same time', async () => {
    const h = await broken(5);
    const results = await Promise.all(upTo(10).map(() => expectUnavailable(h, 1_000)));
    expect(results).toHaveLength(10);
    expect(h.exporter.calls).toHaveLength(2);
    await h.end();
  });

  test.each([
    ['with the breaker open', { failureThreshold: 1, resetTimeoutMillis: 60_000 }],
    ['without a breaker', false],
  ] as const)(
    'a forceFlush that is called in a loop %s asks once in `retry.initialDelayMillis`',
    async (_how, breaker) => {
      const h = new Harness(
        { breaker, retry: { initialDelayMillis: 2_000, maxDelayMillis: 60_000 } },
        { fail: httpError(503) },
      );
      // Back-offs of full length, so that each attempt is one that a flush asked for.
      h.clock.chance = 1 - 2 ** -53;
      h.emit(5);
      await h.advance(1_000);
      const askedAt: number[] = [];
      h.exporter.decide = () => {
        askedAt.push(h.clock.now());
        return DOWN;
      };
      for (let tick = 0; tick < 200; tick++) {
        h.processor.forceFlush({ timeoutMillis: 20 }).catch(() => {});
        await h.advance(100);
      }
      expect(askedAt.length).toBeGreaterThanOrEqual(9);
      expect(askedAt.length).toBeLessThanOrEqual(11);
      const gaps = askedAt.slice(1).map((at, index) => at - (askedAt[index] as number));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(2_000);
      await h.end();
    },
  );
});

async function expectUnavailable(h: Harness, timeoutMillis: number): Promise<void> {
  const rejected = expect(h.processor.forceFlush({ timeoutMillis })).rejects.toMatchObject({
    code: 'ERR_SPILLWAY_UNAVAILABLE',
  });
  await h.settle();
  await rejected;
}
