/** The processor and the official OTLP/HTTP exporters against a collector whose connections fail, and which then recovers. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnCollector } from '../../demo/collector/client.ts';
import { startCollector } from '../../demo/collector/collector.ts';
import type { Collector } from '../../demo/collector/protocol.ts';
import type { SpillwayOptions } from '../../src/index.ts';
import { HTTP_ENCODINGS, type HttpEncoding, httpExporter } from '../support/http-exporters.ts';
import { expectReceived, LivePipeline } from '../support/live-pipeline.ts';

async function collectorThatKeepsIds(): Promise<Collector> {
  const collector = await startCollector({ keep: 'ids' });
  onTestFinished(() => collector.close());
  return collector;
}

function pipelineTo(
  collector: { logsUrl: string },
  encoding: HttpEncoding,
  { exporterMillis = 200, ...options }: Partial<SpillwayOptions> & { exporterMillis?: number } = {},
): LivePipeline {
  return new LivePipeline({
    exporter: httpExporter(encoding, collector.logsUrl, exporterMillis),
    maxExportBatchSize: 10,
    ...options,
  });
}

describe.each(HTTP_ENCODINGS)('with the %s exporter', (encoding) => {
  test('records emitted while connections are refused arrive once when the collector listens', async () => {
    const collector = await collectorThatKeepsIds();
    await collector.refuse();
    const pipeline = pipelineTo(collector, encoding);
    const emitted = pipeline.emit(50);
    await pipeline.until(({ breaker }) => breaker.state === 'open');
    expect(pipeline.stats.exports.lastError).toContain('ECONNREFUSED');
    expect(pipeline.processor.health().status).toBe('failing');

    await collector.listen();
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids(), { to: emitted });
    expect(pipeline.breakerStates.slice(-2)).toEqual(['half-open', 'closed']);
    expect(pipeline.processor.health()).toEqual({ status: 'ok', reasons: [] });
  });

  test('a connection that is reset before the answer costs another attempt and no record', async () => {
    const collector = await collectorThatKeepsIds();
    await collector.script({ kind: 'reset', at: 'before-response', times: 4 });
    const pipeline = pipelineTo(collector, encoding);
    const emitted = pipeline.emit(25);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures: 4 } });
    expectReceived(collector.ids(), { to: emitted });
  });

  test('a collector that stalls is given up after the exporter’s timeout and gets the same batch again', async () => {
    const collector = await collectorThatKeepsIds();
    await collector.behave({ reply: { kind: 'hang' } });
    const pipeline = pipelineTo(collector, encoding, { exporterMillis: 60 });
    const emitted = pipeline.emit(25);
    await pipeline.until(({ exports }) => exports.failures >= 2);
    expect(collector.stats().peakConcurrentRequests).toBe(1);

    await collector.behave({ reply: { kind: 'accept' } });
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids(), { to: emitted });
  });

  test('half a response and then silence is a failure: what had been stored arrives twice', async () => {
    const collector = await collectorThatKeepsIds();
    await collector.script({ kind: 'half-response' });
    const pipeline = pipelineTo(collector, encoding, { exporterMillis: 400 });
    const emitted = pipeline.emit(25);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures: 1 } });
    expectReceived(collector.ids(), { to: emitted }, 'at least once');
    expect(collector.stats().records).toBe(emitted + 10);
  });

  test('half a response and then the end of the connection is what the exporter calls a success', async () => {
    const collector = await collectorThatKeepsIds();
    await collector.script({ kind: 'reset', at: 'mid-response' });
    const pipeline = pipelineTo(collector, encoding);
    const emitted = pipeline.emit(25);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures: 0 } });
    expectReceived(collector.ids(), { to: emitted });
  });
});

test('an exporter that outlasts exportTimeoutMillis is not called again while it is still at it', async () => {
  const collector = await collectorThatKeepsIds();
  await collector.behave({ latencyMillis: 150 });
  const pipeline = pipelineTo(collector, 'protobuf', { exportTimeoutMillis: 20, exporterMillis: 2_000 });
  const emitted = pipeline.emit(25);
  await pipeline.settled();
  expect(collector.stats()).toMatchObject({ requests: 3, peakConcurrentRequests: 1 });
  expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 3, failures: 0 } });
  expectReceived(collector.ids(), { to: emitted });
});

test('a collector killed in the middle of the traffic and brought back misses nothing', async () => {
  const collector = await spawnCollector({ keep: 'ids' });
  onTestFinished(() => collector.close());
  const pipeline = pipelineTo(collector, 'protobuf');
  pipeline.emit(100);
  await collector.until(({ records }) => records >= 30);
  await collector.kill();
  pipeline.emit(100);
  await pipeline.until(({ breaker }) => breaker.state === 'open');
  const emitted = pipeline.emit(100);

  await collector.restart();
  await pipeline.settled();
  expect(pipeline.stats.exported).toBe(emitted);
  // What the first incarnation had stored without living to say so came again.
  expectReceived(collector.ids(), { to: emitted }, 'at least once');
});

test('a flush during an outage rejects with its reason, and the next one after it delivers', async () => {
  const collector = await collectorThatKeepsIds();
  await collector.refuse();
  const pipeline = pipelineTo(collector, 'json', {
    breaker: { failureThreshold: 1, resetTimeoutMillis: 300 },
  });
  const emitted = pipeline.emit(25);
  await expect(pipeline.processor.forceFlush({ timeoutMillis: 200 })).rejects.toMatchObject({
    code: 'ERR_SPILLWAY_UNAVAILABLE',
    message: expect.stringContaining('ECONNREFUSED'),
  });
  expect(pipeline.stats.queued.records).toBe(emitted);

  await collector.listen();
  await pipeline.processor.forceFlush();
  expect(pipeline.stats.exported).toBe(emitted);
  expectReceived(collector.ids(), { to: emitted });
});
