/** The processor with its own OTLP exporter against a real collector whose connections fail, and which then recovers. */

import { describe, expect, test } from 'vitest';
import { expectReceived } from '../support/live-pipeline.ts';
import { collectorWith, otlpPipeline, type PipelineOptions } from '../support/otlp-pipeline.ts';

const BATCH_RECORDS = 64;
const OPTIONS = { maxExportBatchSize: BATCH_RECORDS } satisfies PipelineOptions;

const status = (status: number) => ({ kind: 'status', status }) as const;

describe('broken connections', () => {
  test('a connection that is reset with the acknowledgement makes that batch, and no other, arrive twice', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'accept' }, { kind: 'reset', at: 'before-response', stored: true });
    const pipeline = otlpPipeline(collector, { ...OPTIONS, otlp: { concurrencyLimit: 1 } });
    const emitted = pipeline.emit(BATCH_RECORDS * 3);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 4, failures: 1 } });
    expectReceived(collector.ids, { to: emitted }, 'at least once');
    const twice = [...collector.ids].filter(([, times]) => times === 2).map(([id]) => Number(id));
    expect(twice.sort((a, b) => a - b)).toEqual(
      Array.from({ length: BATCH_RECORDS }, (_, index) => BATCH_RECORDS + index),
    );
    expect(collector.account().records).toBe(emitted + BATCH_RECORDS);
  });

  test.each<[string, PipelineOptions]>([
    ['timeoutMillis', { otlp: { timeoutMillis: 400 } }],
    ['exportTimeoutMillis', { exportTimeoutMillis: 400 }],
  ])('a silent connection is closed after %s, and its batch is sent again', async (name, options) => {
    const collector = await collectorWith({ reply: { kind: 'hang' } });
    const pipeline = otlpPipeline(collector, { ...OPTIONS, ...options });
    const emitted = pipeline.emit(BATCH_RECORDS * 2);
    await pipeline.until(({ exports }) => exports.failures >= 2);
    expect(pipeline.stats.exports.lastError).toContain('400 ms');
    if (name === 'timeoutMillis') expect(pipeline.causes[0]).toMatchObject({ code: 'ETIMEDOUT' });
    await collector.become('well');
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids, { to: emitted });
    // The collector never answered those, so it was the exporter that ended them, each before the next.
    const { answers } = await collector.until(({ concurrentRequests }) => concurrentRequests === 0);
    expect(answers.hang).toBeGreaterThanOrEqual(2);
  });
});

test('every record owed arrives under any mixture of failures, and only what was stored without an answer arrives twice', async () => {
  const collector = await collectorWith();
  const pipeline = otlpPipeline(collector, {
    ...OPTIONS,
    otlp: { concurrencyLimit: 4, timeoutMillis: 1_500, compression: 'gzip' },
    breaker: { failureThreshold: 2, resetTimeoutMillis: 10, maxResetTimeoutMillis: 40 },
  });
  await collector.script(
    { kind: 'accept', times: 3 },
    status(503),
    { kind: 'accept', times: 2 },
    { kind: 'reset', at: 'before-response' },
    status(413),
    { kind: 'reset', at: 'mid-response' },
    status(400),
    { kind: 'hang' },
    status(401),
    status(429),
    { kind: 'half-response' },
    { kind: 'reset', at: 'before-response', stored: true },
    status(500),
    { kind: 'accept', times: 2 },
    status(308),
  );
  let emitted = 0;
  for (let wave = 0; wave < 5; wave++) {
    emitted = pipeline.emit(BATCH_RECORDS * 6);
    await pipeline.settled();
  }
  expect(pipeline.stats.exported).toBe(emitted);
  expect(pipeline.droppedTotal).toBe(0);
  expectReceived(collector.ids, { to: emitted }, 'at least once');
  const again = collector.account().records - emitted;
  expect(again).toBeGreaterThan(0);
  expect(again).toBeLessThanOrEqual(BATCH_RECORDS);
});
