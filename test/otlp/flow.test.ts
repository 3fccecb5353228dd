/** The processor with its own OTLP exporter against a real collector that answers in its time: pace, headers, flush, shutdown. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterEach, describe, expect, test } from 'vitest';
import type { OtlpLogExporterOptions } from '../../src/index.ts';
import { startSink } from '../support/http-sink.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import {
  type Arrival,
  arrivalsAt,
  collectorWith,
  loggerTo,
  otlpPipeline,
  type PipelineOptions,
  processorTo,
} from '../support/otlp-pipeline.ts';
import { until } from '../support/until.ts';

/** What a busy machine may add to a bound. */
const SLACK_MILLIS = 1_500;
/** What a shutdown may take beyond its deadline. */
const GRACE_MILLIS = 50;

afterEach(() => context.disable());

describe('concurrent requests', () => {
  /** For two at once there was an answer, for three there were two, and so on. */
  function expectOneMorePerAnswer(arrivals: readonly Arrival[]): void {
    for (const [index, { concurrent }] of arrivals.entries()) {
      const answered = index + 1 - concurrent;
      expect(concurrent, `of request ${index}`).toBeLessThanOrEqual(answered + 1);
    }
  }

  test.each<[string, OtlpLogExporterOptions, number]>([
    ['16', {}, 16],
    ['concurrencyLimit', { concurrencyLimit: 5 }, 5],
  ])(
    'concurrent requests to a slow collector grow from one to %s, by one per answer, and never beyond',
    async (_, otlp, limit) => {
      const collector = await collectorWith({ latencyMillis: 50 });
      const arrivals = arrivalsAt(collector);
      const pipeline = otlpPipeline(collector, { maxExportBatchSize: 50, otlp });
      const emitted = pipeline.emit(50 * 12 * limit);
      await pipeline.settled(10_000);
      expect(collector.account().peakConcurrentRequests).toBe(limit);
      expectOneMorePerAnswer(arrivals);
      expectReceived(collector.ids, { to: emitted });
    },
  );

  test.each<[number, PipelineOptions]>([
    [1, { maxConcurrentExports: 1 }],
    [3, { maxConcurrentExports: 3 }],
    [2, { maxConcurrentExports: 8, otlp: { concurrencyLimit: 2 } }],
  ])('the peak of concurrent requests is %i with %o', async (limit, options) => {
    const collector = await collectorWith({ latencyMillis: 20 });
    const pipeline = otlpPipeline(collector, { maxExportBatchSize: 10, ...options });
    const emitted = pipeline.emit(10 * 24);
    await pipeline.settled();
    expect(collector.account().peakConcurrentRequests).toBe(limit);
    expectReceived(collector.ids, { to: emitted });
  });

  test('concurrent requests shrink to one while the collector throttles, and grow again afterwards', async () => {
    const collector = await collectorWith({ latencyMillis: 20 });
    const otlp = { concurrencyLimit: 6 };
    const pipeline = otlpPipeline(collector, { maxExportBatchSize: 10, breaker: false, otlp });
    const emitted = pipeline.emit(10 * 800);
    await collector.until(({ concurrentRequests }) => concurrentRequests === 6);

    await collector.become({ latencyMillis: 20, reply: { kind: 'status', status: 429 } });
    await pipeline.until(({ exports }) => exports.failures >= 8);
    const throttled = arrivalsAt(collector);
    await until(() => throttled.length >= 4, 'four requests while throttled');
    expect(throttled.slice(0, 4).map(({ concurrent }) => concurrent)).toEqual([1, 1, 1, 1]);

    await collector.become({ latencyMillis: 20 });
    await collector.until(({ concurrentRequests }) => concurrentRequests === 6);
    await collector.become('well');
    await pipeline.settled(10_000);
    expect(collector.account().peakConcurrentRequests).toBe(6);
    expectReceived(collector.ids, { to: emitted });
  });
});

test('compressed requests are small on the wire and hold the same records', async () => {
  const collector = await collectorWith();
  const pipeline = otlpPipeline(collector, { maxExportBatchSize: 100, otlp: { compression: 'gzip' } });
  const emitted = pipeline.emit(500, 'x'.repeat(100));
  await pipeline.settled();
  const { bytes, decodedBytes, encodings, requests } = collector.account();
  expect(encodings).toEqual({ 'application/x-protobuf, gzip': requests });
  expect(bytes).toBeLessThan(decodedBytes / 4);
  expectReceived(collector.ids, { to: emitted });
});

describe('header functions', () => {
  test('a header function is called for each attempt, so that an expired token can be renewed', async () => {
    const sink = await startSink();
    sink.answer = (response, { headers }) => {
      response.writeHead(headers.authorization === 'Bearer 3' ? 200 : 401).end();
    };
    let token = 0;
    const headers = async () => {
      await nextTurn();
      return { authorization: `Bearer ${++token}` };
    };
    const pipeline = otlpPipeline({ logsUrl: `${sink.origin}/v1/logs` }, { otlp: { headers } });
    const emitted = pipeline.emit(10);
    await pipeline.settled();
    expect(sink.requests.map((request) => request.headers.authorization)).toEqual([
      'Bearer 1',
      'Bearer 2',
      'Bearer 3',
    ]);
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 3, failures: 2 } });
  });

  test.each<[string, () => Promise<Record<string, string>>]>([
    ['rejects', () => Promise.reject(new Error('no token yet'))],
    [
      'throws',
      () => {
        throw new Error('no token yet');
      },
    ],
  ])('a header function that %s fails its attempt, which is repeated', async (_, fail) => {
    const collector = await collectorWith();
    let calls = 0;
    const headers = () => (++calls <= 2 ? fail() : { 'x-tenant': 'a' });
    const pipeline = otlpPipeline(collector, { otlp: { headers } });
    const emitted = pipeline.emit(10);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 3, failures: 2 } });
    expect(pipeline.stats.exports.lastError).toContain(`'headers' failed: no token yet`);
    expect(collector.account().requests).toBe(1);
    expectReceived(collector.ids, { to: emitted });
  });

  test('a header function that never answers costs an attempt its timeout, and no more', async () => {
    const collector = await collectorWith();
    let calls = 0;
    const headers = () => (++calls === 1 ? new Promise<never>(() => {}) : {});
    const pipeline = otlpPipeline(collector, { otlp: { headers, timeoutMillis: 50 } });
    const emitted = pipeline.emit(10);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 2, failures: 1 } });
    expectReceived(collector.ids, { to: emitted });
  });
});

describe('logging within an export', () => {
  test('a record that the exporter logs before it first waits is dropped as self even without a context manager', async () => {
    const collector = await collectorWith();
    const headers = () => {
      logger.emit({ body: 'asked for headers' });
      return {};
    };
    const processor = processorTo(collector, { maxExportBatchSize: 1, otlp: { headers } });
    const logger = loggerTo(processor);
    for (const body of ['one', 'two']) logger.emit({ body });
    await processor.forceFlush();
    expect([...collector.ids.keys()]).toEqual(['one', 'two']);
    expect(processor.stats()).toMatchObject({ offered: 4, exported: 2, dropped: { self: 2 } });
  });

  test('a record that the exporter logs after it has waited is dropped as self with a context manager', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const collector = await collectorWith();
    const headers = async () => {
      logger.emit({ body: 'asking for headers' });
      await nextTurn();
      logger.emit({ body: 'got headers' });
      return {};
    };
    const processor = processorTo(collector, { maxExportBatchSize: 1, otlp: { headers } });
    const logger = loggerTo(processor);
    for (const body of ['one', 'two']) logger.emit({ body });
    await processor.forceFlush();
    expect([...collector.ids.keys()]).toEqual(['one', 'two']);
    expect(processor.stats()).toMatchObject({ offered: 6, exported: 2, dropped: { self: 4 } });
  });
});

describe('flushes', () => {
  test('a flush immediately sends records that would wait for an hour, and resolves for every caller after they have arrived', async () => {
    const collector = await collectorWith({ latencyMillis: 20 });
    const pipeline = otlpPipeline(collector, { scheduledDelayMillis: 3_600_000 });
    const emitted = pipeline.emit(1_000);
    await Promise.all([1, 2, 3].map(() => pipeline.processor.forceFlush()));
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids, { to: emitted });
  });

  test('a flush that runs out of time rejects, leaves the request alone, and causes nothing to be sent twice', async () => {
    const collector = await collectorWith({ latencyMillis: 150 });
    const pipeline = otlpPipeline(collector, {});
    const emitted = pipeline.emit(10);
    await expect(pipeline.processor.forceFlush({ timeoutMillis: 30 })).rejects.toMatchObject({
      code: 'ERR_SPILLWAY_FLUSH_TIMEOUT',
    });
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 1, failures: 0 } });
    expectReceived(collector.ids, { to: emitted });
  });
});

describe('shutdowns', () => {
  test('a shutdown with a collector that hangs ends at its deadline, cancels the request and counts what is left', async () => {
    const collector = await collectorWith({ reply: { kind: 'hang' } });
    const pipeline = otlpPipeline(collector, { maxExportBatchSize: 64, exportTimeoutMillis: 30_000 });
    const emitted = pipeline.emit(64 * 3);
    await collector.until(({ requests }) => requests === 1);
    const startedAt = performance.now();
    await pipeline.processor.shutdown({ timeoutMillis: 200 });
    const tookMillis = performance.now() - startedAt;
    expect(tookMillis).toBeGreaterThan(190);
    expect(tookMillis).toBeLessThan(200 + GRACE_MILLIS + SLACK_MILLIS);
    expect(pipeline.stats).toMatchObject({
      exported: 0,
      dropped: { shutdown: emitted },
      queued: { records: 0 },
      inFlight: { records: 0 },
    });
    // By itself the exporter would have waited for ten seconds.
    const { answers } = await collector.until(({ concurrentRequests }) => concurrentRequests === 0);
    expect(answers).toEqual({ hang: 1 });
  });

  test('an immediate shutdown cancels the request without waiting for it', async () => {
    const collector = await collectorWith({ reply: { kind: 'hang' } });
    const pipeline = otlpPipeline(collector);
    const emitted = pipeline.emit(10);
    await collector.until(({ answers }) => answers.hang === 1);
    const startedAt = performance.now();
    await pipeline.processor.shutdown({ strategy: 'immediate' });
    expect(performance.now() - startedAt).toBeLessThan(GRACE_MILLIS + SLACK_MILLIS);
    expect(pipeline.stats.dropped.shutdown).toBe(emitted);
    await collector.until(({ concurrentRequests }) => concurrentRequests === 0);
  });

  test('a shutdown with a slow collector delivers everything first and then closes the connections', async () => {
    const sink = await startSink();
    sink.answer = (response) => void setTimeout(() => response.end(), 20);
    const otlp = { concurrencyLimit: 4 };
    const pipeline = otlpPipeline(
      { logsUrl: `${sink.origin}/v1/logs` },
      { maxExportBatchSize: 10, scheduledDelayMillis: 3_600_000, otlp },
    );
    const emitted = pipeline.emit(10 * 20 + 3);
    await pipeline.processor.shutdown();
    expect(pipeline.stats.exported).toBe(emitted);
    expect(sink.requests).toHaveLength(21);
    expect(sink.connections).toBeLessThanOrEqual(4);
    await until(() => sink.sockets.size === 0, 'every connection is closed');
  });

  test('a shutdown with a collector that is known to be gone does not wait for its deadline', async () => {
    const collector = await collectorWith();
    await collector.become('dead');
    const pipeline = otlpPipeline(collector, {
      breaker: { failureThreshold: 1, resetTimeoutMillis: 60_000 },
    });
    const emitted = pipeline.emit(10);
    await pipeline.until(({ breaker }) => breaker.state === 'open');
    const startedAt = performance.now();
    await pipeline.processor.shutdown({ timeoutMillis: 60_000 });
    expect(performance.now() - startedAt).toBeLessThan(SLACK_MILLIS);
    expect(pipeline.stats.dropped.shutdown).toBe(emitted);
  });
});
