/** How large a request of the OTLP exporter may be: `maxRequestBytes`, before compression. */

import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { diagLines } from '../support/diag-lines.ts';
import { type HttpSink, startSink } from '../support/http-sink.ts';
import { accountedFor, collectorWith, ManualPipeline, otlpPipeline } from '../support/otlp-pipeline.ts';
import { record } from '../support/records.ts';

const KIB = 1024;
const bytesAt = (sink: HttpSink) => sink.requests.map(({ body }) => body.length);

describe('maxRequestBytes', () => {
  test('no batch is made larger than maxRequestBytes, and every record arrives', async () => {
    const sink = await startSink();
    const exporter = new SpillwayOtlpLogExporter({ url: sink.origin, maxRequestBytes: 4 * KIB });
    const processor = accountedFor(new SpillwayLogRecordProcessor({ exporter, memoryLimit: false }));
    for (let index = 0; index < 500; index++) processor.onEmit(record({ body: 'x'.repeat(100) }));
    await processor.forceFlush();
    expect(processor.stats()).toMatchObject({ exported: 500, dropped: {}, exports: { failures: 0 } });
    expect(Math.max(...bytesAt(sink))).toBeLessThanOrEqual(4 * KIB);
    expect(sink.requests.length).toBeLessThan(40);
  });

  test('a maxExportBatchBytes that is larger than maxRequestBytes is reduced to it with a warning', () => {
    const lines = diagLines();
    const exporter = new SpillwayOtlpLogExporter({ maxRequestBytes: 8 * KIB });
    accountedFor(new SpillwayLogRecordProcessor({ exporter, maxExportBatchBytes: 16 * KIB }));
    expect(lines).toEqual([
      expect.stringContaining(
        "maxExportBatchBytes (16384) is larger than the exporter's maxRequestBytes; using 8192",
      ),
    ]);
  });

  test('maxRequestBytes bounds a request before its compression', async () => {
    const sink = await startSink();
    const exporter = new SpillwayOtlpLogExporter({
      url: sink.origin,
      compression: 'gzip',
      maxRequestBytes: 4 * KIB,
    });
    onTestFinished(() => exporter.shutdown());
    expect(await exported(exporter, 'x'.repeat(8 * KIB))).toMatchObject({
      message: expect.stringContaining('maxRequestBytes (4096)'),
    });
    expect(sink.requests).toEqual([]);
    expect(await exported(exporter, 'x'.repeat(2 * KIB))).toBeUndefined();
    expect(sink.requests).toHaveLength(1);
  });

  test('a record too large for maxRequestBytes with its resource is dropped as record_too_large, and the next ones arrive', async () => {
    const collector = await collectorWith();
    const pipeline = otlpPipeline(collector, { otlp: { maxRequestBytes: 4 * KIB } });
    const large = { resource: { attributes: { large: 'x'.repeat(4 * KIB) } } };
    for (let index = 0; index < 8; index++)
      pipeline.processor.onEmit(record({ ...large, body: 'lost' } as never));
    await pipeline.processor.forceFlush();
    expect(collector.account().requests).toBe(0);
    expect(pipeline.breakerStates).toEqual([]);
    expect(pipeline.stats).toMatchObject({ exported: 0, dropped: { record_too_large: 8 } });
    pipeline.processor.onEmit(record({ body: 'kept' }));
    await pipeline.processor.forceFlush();
    expect(pipeline.stats).toMatchObject({ exported: 1, dropped: { record_too_large: 8 } });
  });

  test('a request that is too large to be sent does not close the breaker of a destination that is down', async () => {
    const collector = await collectorWith();
    await collector.become('dead');
    const pipeline = new ManualPipeline(collector, {
      otlp: { maxRequestBytes: 4 * KIB },
      breaker: { failureThreshold: 1, resetTimeoutMillis: 1_000 },
      gapMarker: false,
    });
    pipeline.emit(1);
    await pipeline.clock.advance(1_000);
    await pipeline.until(({ breaker }) => breaker.state === 'open');
    const resource = { attributes: { large: 'x'.repeat(4 * KIB) } };
    pipeline.emit(40, { resource } as never);
    const states = new Set<string>();
    for (let probe = 0; probe < 50; probe++) {
      await pipeline.clock.advance(1_000);
      await pipeline.until(({ inFlight }) => inFlight.records === 0);
      states.add(pipeline.stats.breaker.state);
    }
    expect([...states]).not.toContain('closed');
  });
});

function exported(exporter: LogRecordExporter, body: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    exporter.export([record({ body })] as never, ({ error }) => resolve(error));
  });
}
