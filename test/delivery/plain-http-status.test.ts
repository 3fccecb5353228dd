/** The processor and the official OTLP/HTTP exporters against a real collector that answers, but not with a yes. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../../demo/collector/collector.ts';
import type { Behaviour, Collector, CollectorOptions, Reply } from '../../demo/collector/protocol.ts';
import type { DropEvent, SpillwayOptions } from '../../src/index.ts';
import { HTTP_ENCODINGS, httpExporter, IMPATIENT_MILLIS } from '../support/http-exporters.ts';
import { expectReceived, LivePipeline } from '../support/live-pipeline.ts';

const BATCH_RECORDS = 64;
/** What a batch of that size may cost beside the first request when everything in it is refused. */
const EXTRA_REQUESTS = 20;

async function collectorWith(options: CollectorOptions = {}): Promise<Collector> {
  const collector = await startCollector({ keep: 'ids', ...options });
  onTestFinished(() => collector.close());
  return collector;
}

function pipelineTo(
  collector: Collector,
  options: Partial<SpillwayOptions> = {},
  exporterMillis = IMPATIENT_MILLIS,
): LivePipeline {
  const exporter = httpExporter('protobuf', collector.logsUrl, exporterMillis);
  return new LivePipeline({ exporter, maxExportBatchSize: BATCH_RECORDS, ...options });
}

const retryAfter = (value: string) => ({ headers: { 'retry-after': value } });

interface Refusal extends Omit<Extract<Reply, { kind: 'status' }>, 'kind'> {
  what?: string;
  /** Whether the exporter's own retry, inside its timeout, gets the batch through. */
  retriedByExporter?: boolean;
}

// The exporter's first retry of its own takes at least 0.8 s without Retry-After; it gets two seconds where
// it is meant to succeed.
const refusals: Refusal[] = [
  { status: 429 },
  { status: 502 },
  { status: 503 },
  { status: 504 },
  { status: 503, what: 'a second', retryAfterSeconds: 1, retriedByExporter: true },
  {
    status: 429,
    what: 'a date',
    retryAfterSeconds: 1,
    retryAfterForm: 'date',
    retriedByExporter: true,
  },
  { status: 503, what: '0', retryAfterSeconds: 0, retriedByExporter: true },
  { status: 503, what: 'a negative number', ...retryAfter('-5'), retriedByExporter: true },
  { status: 503, what: 'words', ...retryAfter('later, please'), retriedByExporter: true },
  { status: 429, what: 'one beyond its timeout', retryAfterSeconds: 3_600 },
  { status: 503, what: 'a date beyond its timeout', ...retryAfter('Fri, 01 Jan 2100 00:00:00 GMT') },
  { status: 408 },
  { status: 401 },
  { status: 403 },
  { status: 404 },
  { status: 500 },
  { status: 501 },
];

describe('a batch refused once with a status (and as Retry-After)', () => {
  const named = refusals.map((refusal) => ({
    name: `${refusal.status}${refusal.what ? ` (${refusal.what})` : ''}`,
    refusal,
  }));
  test.each(named)('$name arrives once', async ({ refusal }) => {
    const { what: _, retriedByExporter = false, ...reply } = refusal;
    const collector = await collectorWith();
    await collector.script({ kind: 'status', ...reply });
    const pipeline = pipelineTo(collector, {}, retriedByExporter ? 2_000 : IMPATIENT_MILLIS);
    const emitted = pipeline.emit(BATCH_RECORDS * 2);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({
      exported: emitted,
      exports: retriedByExporter ? { attempts: 2, failures: 0 } : { attempts: 3, failures: 1 },
    });
    expectReceived(collector.ids(), { to: emitted });
    expect(collector.stats().answers).toEqual({ 200: 2, [refusal.status]: 1 });
  });
});

describe.each([401, 403, 429, 500, 503])('while everything is refused with %i', (status) => {
  test('the breaker opens and nothing is lost; all of it arrives once when that ends', async () => {
    const collector = await collectorWith({ reply: { kind: 'status', status } });
    const pipeline = pipelineTo(collector);
    const emitted = pipeline.emit(BATCH_RECORDS * 3);
    await pipeline.until(({ exports }) => exports.failures >= 5);
    expect(pipeline.breakerStates.slice(0, 2)).toEqual(['open', 'half-open']);
    expect(pipeline.stats.exported).toBe(0);

    await collector.behave({ reply: { kind: 'accept' } });
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids(), { to: emitted });
  });
});

describe.each(HTTP_ENCODINGS)('a body over the limit, with the %s exporter,', (encoding) => {
  test.each<[string, Behaviour]>([
    ['413 by bytes', { maxBodyBytes: 4_000 }],
    ['413 by records', { maxRecords: 7 }],
    ['400, as the OpenTelemetry Collector says it', { maxBodyBytes: 4_000, tooLargeStatus: 400 }],
  ])('%s, is halved until it fits', async (_, limit) => {
    const collector = await collectorWith(limit);
    const pipeline = pipelineTo(collector, { exporter: httpExporter(encoding, collector.logsUrl) });
    const emitted = pipeline.emit(BATCH_RECORDS * 2, 'x'.repeat(200));
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expect(collector.stats().answers[limit.tooLargeStatus ?? 413]).toBeGreaterThan(0);
    expect(pipeline.breakerStates).toEqual([]);
    expectReceived(collector.ids(), { to: emitted });
  });
});

test('a single record that is too large for the collector costs only itself', async () => {
  const collector = await collectorWith({ maxBodyBytes: 10_000 });
  const pipeline = pipelineTo(collector);
  pipeline.emit(20);
  pipeline.emit(1, 'x'.repeat(20_000));
  const emitted = pipeline.emit(43);
  await pipeline.settled();
  expect(pipeline.stats).toMatchObject({ exported: emitted - 1, dropped: { record_too_large: 1 } });
  expectReceived(collector.ids(), { to: emitted, without: [20] });
});

describe('400', () => {
  test('for one bad record among many costs only that record, and says so', async () => {
    const collector = await collectorWith({ poisonedIds: ['300'] });
    const drops: DropEvent[] = [];
    const pipeline = pipelineTo(collector, { maxExportBatchSize: 512, onDrop: (event) => drops.push(event) });
    const emitted = pipeline.emit(512);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted - 1, dropped: { rejected: 1 } });
    expect(pipeline.droppedTotal).toBe(1);
    expectReceived(collector.ids(), { to: emitted, without: [300] });
    // Splitting the batch from the top: two requests on each of the nine levels, and the first one; before anything was
    // accepted one more of each, to find out that the address is right.
    expect(collector.stats().answers).toEqual({ 200: 10, 400: 11 });
    await pipeline.until(() => drops.length > 0);
    expect(drops).toEqual([{ reason: 'rejected', records: 1 }]);
  });

  test('for many bad records costs only those: as long as parts are accepted the search goes on', async () => {
    const poisonedIds = ['5', '90', '170', '260', '333', '480'];
    const collector = await collectorWith({ poisonedIds });
    const pipeline = pipelineTo(collector, { maxExportBatchSize: 512 });
    const emitted = pipeline.emit(512);
    await pipeline.settled();
    const { exported, dropped } = pipeline.stats;
    expect(dropped.rejected).toBe(poisonedIds.length);
    expect(exported).toBe(emitted - dropped.rejected);
    expect(collector.stats()).toMatchObject({ records: exported });
    expect(collector.ids().size).toBe(exported);
    expect(collector.stats().requests).toBeLessThanOrEqual(3 + 2 * 9 * poisonedIds.length);
  });

  test('for everything, after something was accepted, drops it as rejected at a bounded cost, and the next good batch arrives', async () => {
    const collector = await collectorWith();
    const pipeline = pipelineTo(collector);
    // Larger than what is refused then, whose size is not the reason.
    const accepted = pipeline.emit(BATCH_RECORDS, 'x'.repeat(10));
    await pipeline.settled();
    await collector.behave({ reply: { kind: 'status', status: 400 } });
    const refused = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: accepted, dropped: { rejected: refused - accepted } });
    expect(collector.stats().requests).toBeLessThanOrEqual(2 + EXTRA_REQUESTS);
    expect(pipeline.breakerStates).toEqual([]);

    await collector.behave({ reply: { kind: 'accept' } });
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    const lost = Array.from({ length: refused - accepted }, (_, index) => accepted + index);
    expect(pipeline.stats).toMatchObject({
      exported: emitted - lost.length,
      dropped: { rejected: lost.length },
    });
    expectReceived(collector.ids(), { to: emitted, without: lost });
  });
});

test('an outage longer than retry.maxElapsedMillis costs what was tried all that time, as retry_exhausted', async () => {
  const collector = await collectorWith({ reply: { kind: 'status', status: 503 } });
  const pipeline = pipelineTo(collector, {
    breaker: false,
    retry: { initialDelayMillis: 5, maxDelayMillis: 20, maxElapsedMillis: 60 },
  });
  const lost = pipeline.emit(BATCH_RECORDS);
  await pipeline.settled();
  expect(pipeline.stats).toMatchObject({ exported: 0, dropped: { retry_exhausted: lost } });

  await collector.behave({ reply: { kind: 'accept' } });
  const emitted = pipeline.emit(BATCH_RECORDS);
  await pipeline.settled();
  expectReceived(collector.ids(), { from: lost, to: emitted });
});
