/** The processor and the official OTLP/gRPC exporter, which never retries by itself, against a real server that fails and recovers. */

import { status } from '@grpc/grpc-js';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { describe, expect, test } from 'vitest';
import type { SpillwayOptions } from '../../src/index.ts';
import { GrpcCollector, type GrpcReply } from '../support/grpc-collector.ts';
import { expectReceived, LivePipeline } from '../support/live-pipeline.ts';

const BATCH_RECORDS = 64;
/** What a timer may be early by, seen from another clock reading. */
const TIMER_MILLIS = 2;

function pipelineTo(
  collector: GrpcCollector,
  {
    timeoutMillis = 1_000,
    compression = 'none',
    ...options
  }: Partial<SpillwayOptions> & { timeoutMillis?: number; compression?: 'none' | 'gzip' } = {},
): LivePipeline {
  return new LivePipeline({
    // Its type is an enum of a package that is nobody's direct dependency here.
    exporter: new OTLPLogExporter({ url: collector.url, timeoutMillis, compression: compression as never }),
    maxExportBatchSize: BATCH_RECORDS,
    ...options,
  });
}

/** The next requests get these replies, and those after them are accepted. */
function script(collector: GrpcCollector, ...replies: GrpcReply[]): void {
  collector.reply = () => replies.shift() ?? 'accept';
}

const millisBetween = (collector: GrpcCollector, first: number, second: number): number =>
  (collector.requests[second]?.atMillis ?? Number.NaN) - (collector.requests[first]?.atMillis ?? Number.NaN);

describe.each([
  'UNAVAILABLE',
  'INTERNAL',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'UNKNOWN',
  'ABORTED',
  'DATA_LOSS',
  'CANCELLED',
  'UNIMPLEMENTED',
] as const)('%s', (name) => {
  test('a status once costs another attempt; for long it opens the breaker; neither loses a record', async () => {
    const collector = await GrpcCollector.start();
    script(collector, { code: status[name] });
    const pipeline = pipelineTo(collector);
    const first = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: first, exports: { attempts: 2, failures: 1 } });

    collector.reply = () => ({ code: status[name] });
    const emitted = pipeline.emit(BATCH_RECORDS * 2);
    await pipeline.until(({ breaker }) => breaker.state === 'open');
    expect(pipeline.causes).toContainEqual(expect.objectContaining({ code: status[name] }));
    collector.reply = () => 'accept';
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids, { to: emitted });
  });
});

describe('RESOURCE_EXHAUSTED', () => {
  test('RESOURCE_EXHAUSTED with RetryInfo is not tried again before the time it names, flush or no flush', async () => {
    const collector = await GrpcCollector.start();
    script(collector, { code: status.RESOURCE_EXHAUSTED, retryDelayMillis: 250 });
    const pipeline = pipelineTo(collector);
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.until(({ exports }) => exports.failures === 1);
    await pipeline.processor.forceFlush();
    expect(pipeline.stats.exported).toBe(emitted);
    expect(collector.requests).toHaveLength(2);
    expect(millisBetween(collector, 0, 1)).toBeGreaterThanOrEqual(250 - TIMER_MILLIS);
    expectReceived(collector.ids, { to: emitted });
  });

  test('RESOURCE_EXHAUSTED with a RetryInfo beyond the time of a flush ends the flush immediately', async () => {
    const collector = await GrpcCollector.start();
    script(collector, { code: status.RESOURCE_EXHAUSTED, details: 'over quota', retryDelayMillis: 60_000 });
    const pipeline = pipelineTo(collector);
    const emitted = pipeline.emit(BATCH_RECORDS);
    await expect(pipeline.processor.forceFlush({ timeoutMillis: 20_000 })).rejects.toMatchObject({
      code: 'ERR_SPILLWAY_UNAVAILABLE',
      message: expect.stringContaining('over quota'),
    });
    expect(pipeline.stats.queued.records).toBe(emitted);
    expect(collector.requests).toHaveLength(1);
  });

  test.each(['none', 'gzip'] as const)(
    'RESOURCE_EXHAUSTED for a message over the server’s limit (%s) halves the batch until it fits',
    async (compression) => {
      const collector = await GrpcCollector.start({ maxReceiveBytes: 4_000 });
      const pipeline = pipelineTo(collector, { compression });
      const emitted = pipeline.emit(BATCH_RECORDS * 2, 'x'.repeat(200));
      await pipeline.settled();
      expect(pipeline.stats.exported).toBe(emitted);
      expect(pipeline.causes).not.toEqual([]);
      for (const cause of pipeline.causes) expect(cause).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
      expect(pipeline.breakerStates).toEqual([]);
      expectReceived(collector.ids, { to: emitted });
    },
  );

  test.each([
    ['grpc-go', 'RESOURCE_EXHAUSTED', 'grpc: received message after decompression larger than max (9 vs. 8)'],
    ['grpc-java', 'RESOURCE_EXHAUSTED', 'gRPC message exceeds maximum size 4194304: 5000000'],
    ['grpc-dotnet', 'RESOURCE_EXHAUSTED', 'Received message exceeds the maximum configured message size.'],
    [
      'tonic',
      'OUT_OF_RANGE',
      'Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes',
    ],
  ] as const)(
    'whatever %s says of a message over its limit halves the batch, too',
    async (_, code, details) => {
      const collector = await GrpcCollector.start();
      collector.reply = (ids) => (ids.length > 10 ? { code: status[code], details } : 'accept');
      const pipeline = pipelineTo(collector);
      const emitted = pipeline.emit(BATCH_RECORDS);
      await pipeline.settled();
      expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 12, failures: 4 } });
      expectReceived(collector.ids, { to: emitted });
    },
  );

  test('RESOURCE_EXHAUSTED for one record over the server’s limit costs only that record', async () => {
    const collector = await GrpcCollector.start({ maxReceiveBytes: 10_000 });
    const pipeline = pipelineTo(collector);
    pipeline.emit(10);
    pipeline.emit(1, 'x'.repeat(20_000));
    const emitted = pipeline.emit(20);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted - 1, dropped: { record_too_large: 1 } });
    expectReceived(collector.ids, { to: emitted, without: [10] });
  });

  test('RESOURCE_EXHAUSTED of a quota, without RetryInfo, is waited out', async () => {
    const collector = await GrpcCollector.start();
    const details = 'quota exceeded: the rate of messages is over the maximum';
    script(collector, ...Array(4).fill({ code: status.RESOURCE_EXHAUSTED, details }));
    const pipeline = pipelineTo(collector);
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures: 4 } });
    expectReceived(collector.ids, { to: emitted });
  });
});

test('UNAVAILABLE with RetryInfo is not tried again before the time it names', async () => {
  const collector = await GrpcCollector.start();
  script(collector, { code: status.UNAVAILABLE, retryDelayMillis: 150 });
  const pipeline = pipelineTo(collector);
  const emitted = pipeline.emit(BATCH_RECORDS);
  await pipeline.settled();
  expect(millisBetween(collector, 0, 1)).toBeGreaterThanOrEqual(150 - TIMER_MILLIS);
  expectReceived(collector.ids, { to: emitted });
});

test('INVALID_ARGUMENT for one bad record among many costs only that record', async () => {
  const collector = await GrpcCollector.start();
  collector.reply = (ids) => (ids.includes('42') ? { code: status.INVALID_ARGUMENT } : 'accept');
  const pipeline = pipelineTo(collector);
  const emitted = pipeline.emit(BATCH_RECORDS * 2);
  await pipeline.settled();
  expect(pipeline.stats).toMatchObject({ exported: emitted - 1, dropped: { rejected: 1 } });
  expect(pipeline.droppedTotal).toBe(1);
  expectReceived(collector.ids, { to: emitted, without: [42] });
});

test('INTERNAL for one record while others pass does not hold them up, and costs only that record', async () => {
  const collector = await GrpcCollector.start();
  collector.reply = (ids) => (ids.includes('3') ? { code: status.INTERNAL } : 'accept');
  const pipeline = pipelineTo(collector, { maxExportBatchSize: 8 });
  let emitted = 0;
  for (let round = 0; round < 1_000 && pipeline.stats.dropped.rejected === 0; round++) {
    emitted = pipeline.emit(8);
    const inOthers = emitted - 8;
    await pipeline.until(({ exported }) => exported >= inOthers);
  }
  await pipeline.settled();
  expect(pipeline.stats).toMatchObject({ exported: emitted - 1, dropped: { rejected: 1 } });
  expectReceived(collector.ids, { to: emitted, without: [3] });
});

test('a deadline exceeded again and again, a new client of the exporter included, loses nothing', async () => {
  const collector = await GrpcCollector.start();
  collector.reply = () => 'hang';
  const pipeline = pipelineTo(collector, { timeoutMillis: 40 });
  const emitted = pipeline.emit(BATCH_RECORDS);
  // The exporter closes its client after more than five of them in a row.
  await pipeline.until(({ exports }) => exports.failures >= 7);
  expect(pipeline.causes).toContainEqual(expect.objectContaining({ code: status.DEADLINE_EXCEEDED }));
  collector.reply = () => 'accept';
  await pipeline.settled();
  expect(pipeline.stats.exported).toBe(emitted);
  expectReceived(collector.ids, { to: emitted }, 'at least once');
});

test('a server that is gone and comes back on the same port gets everything', async () => {
  const collector = await GrpcCollector.start();
  const pipeline = pipelineTo(collector);
  pipeline.emit(BATCH_RECORDS);
  await pipeline.settled();

  collector.stop();
  const emitted = pipeline.emit(BATCH_RECORDS * 3);
  await pipeline.until(({ breaker }) => breaker.state === 'open');
  expect(pipeline.causes.at(-1)).toMatchObject({ code: status.UNAVAILABLE });
  await collector.listen();
  // The channel of the gRPC library has a back-off of its own, of one second and more.
  await pipeline.settled(10_000);
  expect(pipeline.stats.exported).toBe(emitted);
  expectReceived(collector.ids, { to: emitted });
});

test('requests of the official gRPC exporter go side by side on a real channel, and none beyond its limit', async () => {
  const collector = await GrpcCollector.start();
  const exporter = new OTLPLogExporter({ url: collector.url, concurrencyLimit: 2 });
  const pipeline = new LivePipeline({ exporter, maxExportBatchSize: BATCH_RECORDS });
  const emitted = pipeline.emit(20 * BATCH_RECORDS);
  let peak = 0;
  await pipeline.until(({ queued, inFlight }) => {
    peak = Math.max(peak, inFlight.records / BATCH_RECORDS);
    return queued.records + inFlight.records === 0;
  });
  expect(peak).toBeLessThanOrEqual(2);
  expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 20, failures: 0 } });
  expectReceived(collector.ids, { to: emitted });
});
