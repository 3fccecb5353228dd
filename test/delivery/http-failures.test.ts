/** The processor behind each exporter over HTTP, against a real collector whose connections fail, and which then recovers. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { TestCollector } from '../../src/testing/index.ts';
import { HTTP_EXPORTERS } from '../support/each-http-exporter.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';

const BATCH_RECORDS = 10;
const OPTIONS = { maxExportBatchSize: BATCH_RECORDS };

describe.each(HTTP_EXPORTERS)('behind $exporter', ({ isOurs, pipeline: pipelineTo }) => {
  test('records emitted while connections are refused arrive once when the collector listens', async () => {
    const collector = await collectorWith();
    await collector.become('dead');
    const pipeline = pipelineTo(collector, OPTIONS, 200);
    const emitted = pipeline.emit(50);
    await pipeline.until(({ breaker }) => breaker.state === 'open');
    expect(pipeline.stats.exports.lastError).toContain('ECONNREFUSED');
    expect(pipeline.processor.health().status).toBe('failing');

    await collector.become('well');
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids, { to: emitted });
    expect(pipeline.breakerStates.slice(-2)).toEqual(['half-open', 'closed']);
    expect(pipeline.processor.health()).toEqual({ status: 'ok', reasons: [] });
  });

  test('a connection that is reset before the answer costs another attempt and no record', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'reset', at: 'before-response', times: 4 });
    const pipeline = pipelineTo(collector, OPTIONS, 200);
    const emitted = pipeline.emit(25);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures: 4 } });
    expectReceived(collector.ids, { to: emitted });
  });

  test('a collector that stalls is given up after the exporter’s timeout and gets the same batch again', async () => {
    const collector = await collectorWith();
    await collector.become({ reply: { kind: 'hang' } });
    const pipeline = pipelineTo(collector, OPTIONS, 60);
    const emitted = pipeline.emit(25);
    await pipeline.until(({ exports }) => exports.failures >= 2);
    if (!isOurs) expect(collector.account().peakConcurrentRequests).toBe(1);

    await collector.become('well');
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids, { to: emitted });
  });

  test('a response that ends in the middle is a success: the status was heard', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'reset', at: 'mid-response' });
    const pipeline = pipelineTo(collector, OPTIONS);
    const emitted = pipeline.emit(25);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures: 0 } });
    expectReceived(collector.ids, { to: emitted });
  });

  test(`half a response and then silence is ${isOurs ? 'a success: the status was heard' : 'a failure: what had been stored arrives twice'}`, async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'half-response' });
    const pipeline = pipelineTo(collector, OPTIONS, 400);
    const emitted = pipeline.emit(25);
    await pipeline.settled();
    const failures = isOurs ? 0 : 1;
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures } });
    expectReceived(collector.ids, { to: emitted }, 'at least once');
    expect(collector.account().records).toBe(emitted + failures * BATCH_RECORDS);
    // What is left of that response is not waited for on a connection that could be in use.
    await collector.until(({ concurrentRequests }) => concurrentRequests === 0);
  });

  test('a collector that is killed in the middle of the traffic and brought back misses nothing', async () => {
    const collector = await TestCollector.spawn({ keep: 'ids', identity: 'body' });
    onTestFinished(() => collector.stop());
    const pipeline = pipelineTo(collector, OPTIONS, 200);
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
    expectReceived(collector.ids, { to: emitted }, 'at least once');
  });

  test('a flush during an outage rejects with its reason, and the next one after it delivers', async () => {
    const collector = await collectorWith();
    await collector.become('dead');
    const breaker = { failureThreshold: 1, resetTimeoutMillis: 300 };
    const pipeline = pipelineTo(collector, { ...OPTIONS, breaker }, 200);
    const emitted = pipeline.emit(25);
    await expect(pipeline.processor.forceFlush({ timeoutMillis: 200 })).rejects.toMatchObject({
      code: 'ERR_SPILLWAY_UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(pipeline.stats.queued.records).toBe(emitted);

    await collector.become('well');
    await pipeline.processor.forceFlush();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids, { to: emitted });
  });
});
