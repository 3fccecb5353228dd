/** The processor behind each exporter over HTTP, against a real collector that answers, but not with a yes. */

import { describe, expect, test } from 'vitest';
import type { DropEvent } from '../../src/index.ts';
import type { Behaviour } from '../../src/testing/index.ts';
import { HTTP_EXPORTERS } from '../support/each-http-exporter.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';

const BATCH_RECORDS = 64;
/** What a batch of that size may cost beside the first request when everything in it is refused. */
const EXTRA_REQUESTS = 20;
const OPTIONS = { maxExportBatchSize: BATCH_RECORDS };
/** The official encodings differ in how a request is written, and not in what an answer does to it. */
const ONE_OF_EACH = HTTP_EXPORTERS.filter(({ exporter }) => !exporter.includes('json'));

describe.each(ONE_OF_EACH)('behind $exporter', ({ pipeline: pipelineTo }) => {
  test.each([401, 403, 404, 408, 429, 500, 501, 502, 503, 504])(
    'a batch refused once with %i arrives once',
    async (status) => {
      const collector = await collectorWith();
      await collector.script({ kind: 'status', status });
      const pipeline = pipelineTo(collector, OPTIONS);
      const emitted = pipeline.emit(BATCH_RECORDS * 2);
      await pipeline.settled();
      expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 3, failures: 1 } });
      expectReceived(collector.ids, { to: emitted });
      expect(collector.account().answers).toEqual({ 200: 2, [status]: 1 });
    },
  );

  test.each([401, 403, 429, 500, 503])(
    'an outage in which all is refused with %i opens the breaker and loses nothing: all arrives once when it ends',
    async (status) => {
      const collector = await collectorWith({ reply: { kind: 'status', status } });
      const pipeline = pipelineTo(collector, OPTIONS);
      const emitted = pipeline.emit(BATCH_RECORDS * 3);
      await pipeline.until(() => pipeline.breakerStates.length >= 2);
      expect(pipeline.breakerStates.slice(0, 2)).toEqual(['open', 'half-open']);
      expect(pipeline.stats.exported).toBe(0);
      expect(pipeline.droppedTotal).toBe(0);

      await collector.become('well');
      await pipeline.settled();
      expect(pipeline.stats.exported).toBe(emitted);
      expectReceived(collector.ids, { to: emitted });
      expect(pipeline.processor.health()).toEqual({ status: 'ok', reasons: [] });
    },
  );

  test('a single record that is too large for the collector costs only itself', async () => {
    const collector = await collectorWith({ maxBodyBytes: 10_000 });
    const pipeline = pipelineTo(collector, OPTIONS);
    pipeline.emit(20);
    pipeline.emit(1, 'x'.repeat(20_000));
    const emitted = pipeline.emit(43);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted - 1, dropped: { record_too_large: 1 } });
    expectReceived(collector.ids, { to: emitted, without: [20] });
  });

  test('a 400 for one bad record among many costs only that record, and says so', async () => {
    const collector = await collectorWith({ poisonedIds: ['300'] });
    const drops: DropEvent[] = [];
    const pipeline = pipelineTo(collector, {
      maxExportBatchSize: 512,
      onDrop: (event) => drops.push(event),
    });
    const emitted = pipeline.emit(512);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted - 1, dropped: { rejected: 1 } });
    expect(pipeline.droppedTotal).toBe(1);
    expectReceived(collector.ids, { to: emitted, without: [300] });
    // Splitting the batch from the top: two requests on each of the nine levels; the first one, of which nobody knew yet
    // whether the address was wrong, and the small one that found out.
    expect(collector.account().requests).toBeLessThanOrEqual(2 * 9 + 3);
    await pipeline.until(() => drops.length > 0);
    expect(drops).toEqual([{ reason: 'rejected', records: 1 }]);
  });

  test('a 400 for many bad records costs only those, over HTTP as well: the search goes on while others are accepted', async () => {
    const poisonedIds = ['5', '90', '170', '260', '333', '480'];
    const collector = await collectorWith({ poisonedIds });
    const pipeline = pipelineTo(collector, { maxExportBatchSize: 512 });
    const emitted = pipeline.emit(512);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({
      exported: emitted - poisonedIds.length,
      dropped: { rejected: poisonedIds.length },
    });
    expectReceived(collector.ids, { to: emitted, without: poisonedIds.map(Number) });
    expect(collector.account().requests).toBeLessThanOrEqual(3 + 2 * 9 * poisonedIds.length);
  });

  test('a 400 for everything in one batch drops it as rejected at a bounded cost, and the next good batch arrives', async () => {
    const collector = await collectorWith();
    const pipeline = pipelineTo(collector, OPTIONS);
    const good = pipeline.emit(BATCH_RECORDS, 'x'.repeat(100));
    await pipeline.settled();
    await collector.become({ reply: { kind: 'status', status: 400 } });
    const before = collector.account().requests;
    const refused = pipeline.emit(BATCH_RECORDS) - good;
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: good, dropped: { rejected: refused } });
    expect(collector.account().requests - before).toBeLessThanOrEqual(1 + EXTRA_REQUESTS);
    expect(pipeline.breakerStates).toEqual([]);

    await collector.become('well');
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted - refused, dropped: { rejected: refused } });
    const lost = Array.from({ length: refused }, (_, index) => good + index);
    expectReceived(collector.ids, { to: emitted, without: lost });
  });

  test('an outage longer than retry.maxElapsedMillis costs what was tried all that time, as retry_exhausted', async () => {
    const collector = await collectorWith({ reply: { kind: 'status', status: 503 } });
    const pipeline = pipelineTo(collector, {
      ...OPTIONS,
      breaker: false,
      retry: { initialDelayMillis: 5, maxDelayMillis: 20, maxElapsedMillis: 60 },
    });
    const lost = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: 0, dropped: { retry_exhausted: lost } });

    await collector.become('well');
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expectReceived(collector.ids, { from: lost, to: emitted });
  });
});

describe.each(HTTP_EXPORTERS)('behind $exporter', ({ pipeline: pipelineTo }) => {
  test.each<[string, Behaviour]>([
    ['413 by bytes', { maxBodyBytes: 4_000 }],
    ['413 by records', { maxRecords: 7 }],
    ['400, as the OpenTelemetry Collector says it', { maxBodyBytes: 4_000, tooLargeStatus: 400 }],
  ])('a body over the limit, which is said by %s, is halved until it fits', async (_, limit) => {
    const collector = await collectorWith(limit);
    const pipeline = pipelineTo(collector, OPTIONS);
    const emitted = pipeline.emit(BATCH_RECORDS * 2, 'x'.repeat(200));
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expect(collector.account().answers[limit.tooLargeStatus ?? 413]).toBeGreaterThan(0);
    expect(pipeline.breakerStates).toEqual([]);
    expectReceived(collector.ids, { to: emitted });
  });
});
