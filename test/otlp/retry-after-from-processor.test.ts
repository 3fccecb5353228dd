/** The processor with its own OTLP exporter against a real collector that says when it wants to be called again. */

import { describe, expect, test } from 'vitest';
import type { Reply } from '../../src/testing/index.ts';
import { diagLines } from '../support/diag-lines.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import {
  arrivalsAt,
  collectorWith,
  ManualPipeline,
  otlpPipeline,
  type PipelineOptions,
} from '../support/otlp-pipeline.ts';

const BATCH_RECORDS = 64;
const OPTIONS = { maxExportBatchSize: BATCH_RECORDS } satisfies PipelineOptions;
/** What two clocks that are both right may differ by. */
const ROUNDING_MILLIS = 5;
/** What is waited at most beyond the time that the server asked for, so that a fleet does not come back in step. */
const SLACK_MILLIS = 5_000;

const status = (status: number, fields: Partial<Extract<Reply, { kind: 'status' }>> = {}) =>
  ({ ...fields, kind: 'status', status }) as const;
const retryAfter = (value: string) => ({ headers: { 'retry-after': value } });

describe('Retry-After', () => {
  test.each([429, 502, 503, 504, 408])(
    'Retry-After in seconds, with status %i, is a time before which nothing is sent',
    async (code) => {
      const collector = await collectorWith({ reply: status(code, { retryAfterSeconds: 300 }) });
      const pipeline = new ManualPipeline(collector, { ...OPTIONS, breaker: false });
      const emitted = pipeline.emit(BATCH_RECORDS * 3);
      await pipeline.until(({ exports }) => exports.failures === 1);
      await collector.become('well');
      await pipeline.clock.advance(299_999);
      expect(pipeline.stats).toMatchObject({
        queued: { records: emitted },
        inFlight: { records: 0 },
        exports: { attempts: 1 },
      });
      expect(collector.account().requests).toBe(1);

      await pipeline.clock.advance(1 + SLACK_MILLIS);
      await pipeline.until(({ exported }) => exported === emitted);
      expectReceived(collector.ids, { to: emitted });
      expect(collector.account().requests).toBe(4);
    },
  );

  test('Retry-After as a date is a time before which nothing is sent', async () => {
    const collector = await collectorWith();
    const pipeline = new ManualPipeline(collector, { ...OPTIONS, breaker: false });
    const date = new Date(Math.ceil(pipeline.clock.wallNow() / 1_000) * 1_000 + 250_000);
    await collector.script(status(503, retryAfter(date.toUTCString())));
    const emitted = pipeline.emit(BATCH_RECORDS * 3);
    await pipeline.until(({ exports }) => exports.failures === 1);
    await pipeline.clock.advance(date.getTime() - pipeline.clock.wallNow() - 1);
    expect(pipeline.stats).toMatchObject({ queued: { records: emitted }, exports: { attempts: 1 } });

    await pipeline.clock.advance(1 + SLACK_MILLIS);
    await pipeline.until(({ exported }) => exported === emitted);
    expectReceived(collector.ids, { to: emitted });
  });

  test('Retry-After beyond the reset timeout of the breaker postpones its probe as well', async () => {
    const collector = await collectorWith();
    await collector.script(status(503, { retryAfterSeconds: 300 }));
    const breaker = { failureThreshold: 1, resetTimeoutMillis: 10, maxResetTimeoutMillis: 10 };
    const pipeline = new ManualPipeline(collector, { ...OPTIONS, breaker });
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.until(({ exports }) => exports.failures === 1);
    const { state, nextProbeMillis = 0 } = pipeline.stats.breaker;
    expect(state).toBe('open');
    expect(nextProbeMillis).toBeGreaterThanOrEqual(300_000);
    expect(nextProbeMillis).toBeLessThanOrEqual(300_000 + SLACK_MILLIS);
    await pipeline.clock.advance(nextProbeMillis - 1);
    expect(pipeline.stats.exports.attempts).toBe(1);
    await pipeline.clock.advance(1);
    await pipeline.until(({ exported }) => exported === emitted);
    expectReceived(collector.ids, { to: emitted });
  });

  test.each(['301', '86400', '9'.repeat(30), 'Fri, 01 Jan 2100 00:00:00 GMT'])(
    'Retry-After of more than five minutes (%s) holds for five minutes, and diag warns of it',
    async (value) => {
      const lines = diagLines();
      const collector = await collectorWith();
      await collector.script(status(503, retryAfter(value)));
      const pipeline = new ManualPipeline(collector, { ...OPTIONS, breaker: false });
      const emitted = pipeline.emit(BATCH_RECORDS);
      await pipeline.until(({ exports }) => exports.failures === 1);
      await pipeline.clock.advance(299_999);
      expect(pipeline.stats.exports.attempts).toBe(1);
      await pipeline.clock.advance(1 + SLACK_MILLIS);
      await pipeline.until(({ exported }) => exported === emitted);
      const said = lines.filter((line) => line.includes('wants not to be asked'));
      expect(said).toEqual([expect.stringMatching(/for \d+ s; it is asked after 300 s$/)]);
    },
  );

  test('Retry-After holds back everything that waits, as the collector sees it in real time', async () => {
    const collector = await collectorWith();
    const pipeline = otlpPipeline(collector, OPTIONS);
    const arrivals = arrivalsAt(collector);
    await collector.script(status(429, { retryAfterSeconds: 1 }));
    const emitted = pipeline.emit(BATCH_RECORDS * 4);
    await pipeline.settled();
    expectReceived(collector.ids, { to: emitted });
    const [first, ...others] = arrivals.map(({ at }) => at);
    expect(others).toHaveLength(4);
    expect(Math.min(...others) - Number(first)).toBeGreaterThanOrEqual(1_000 - ROUNDING_MILLIS);
  });

  test('Retry-After as a date of the real calendar is kept, as the collector sees it', async () => {
    const collector = await collectorWith();
    const pipeline = otlpPipeline(collector, OPTIONS);
    const date = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000);
    await collector.script(status(503, retryAfter(date.toUTCString())));
    const arrivals = arrivalsAt(collector);
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expectReceived(collector.ids, { to: emitted });
    const arrivedAt = Date.now() - performance.now() + Number(arrivals[1]?.at);
    expect(arrivedAt).toBeGreaterThanOrEqual(date.getTime() - ROUNDING_MILLIS);
  });

  test('Retry-After beyond every timeout makes a flush reject immediately, and loses nothing', async () => {
    const collector = await collectorWith();
    await collector.script(status(503, retryAfter('Fri, 01 Jan 2100 00:00:00 GMT')));
    const pipeline = otlpPipeline(collector, { ...OPTIONS, breaker: false });
    const emitted = pipeline.emit(BATCH_RECORDS * 2);
    await pipeline.until(({ exports }) => exports.failures === 1);
    await expect(pipeline.processor.forceFlush()).rejects.toMatchObject({ code: 'ERR_SPILLWAY_UNAVAILABLE' });
    expect(pipeline.stats).toMatchObject({ queued: { records: emitted }, inFlight: { records: 0 } });
    expect(collector.account().requests).toBe(1);
  });

  test('Retry-After of one request does not hold back the answers to others under way', async () => {
    const collector = await collectorWith({ latencyMillis: 30 });
    const arrivals = arrivalsAt(collector);
    const pipeline = otlpPipeline(collector, { ...OPTIONS, otlp: { concurrencyLimit: 4 } });
    const emitted = pipeline.emit(BATCH_RECORDS * 30);
    await collector.until(({ concurrentRequests }) => concurrentRequests >= 3);
    await collector.script(status(429, { retryAfterSeconds: 1 }));
    await pipeline.until(({ exports, inFlight }) => exports.failures === 1 && inFlight.records === 0);
    const { exports, exported } = pipeline.stats;
    expect(exported).toBe((exports.attempts - 1) * BATCH_RECORDS);
    await pipeline.settled();
    expectReceived(collector.ids, { to: emitted });
    const gaps = arrivals.map(({ at }, index) => at - (arrivals[index - 1]?.at ?? at));
    // From the last of those under way on, which may have arrived a little after the refusal.
    expect(Math.max(...gaps)).toBeGreaterThanOrEqual(900);
  });
});
