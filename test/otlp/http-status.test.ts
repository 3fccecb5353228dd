/** The processor with its own OTLP exporter against a real collector that answers, but not with a yes. */

import { describe, expect, test } from 'vitest';
import type { DropEvent } from '../../src/index.ts';
import type { Behaviour, Reply } from '../../src/testing/index.ts';
import { diagLines } from '../support/diag-lines.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import { collectorWith, otlpPipeline, type PipelineOptions } from '../support/otlp-pipeline.ts';

const BATCH_RECORDS = 64;
const OPTIONS = { maxExportBatchSize: BATCH_RECORDS } satisfies PipelineOptions;

type Refusal = Omit<Extract<Reply, { kind: 'status' }>, 'kind'>;

const status = (status: number, fields: Partial<Refusal> = {}) =>
  ({ kind: 'status', status, ...fields }) as const;
const retryAfter = (value: string) => ({ headers: { 'retry-after': value } });

describe('batches that are refused once', () => {
  const configuration = [405, 407, 415].map(
    (code) => [`${code} (a configuration error)`, status(code)] as const,
  );
  const ambiguous = [505].map((code) => [`${code} (an ambiguous status)`, status(code)] as const);
  const meaningless = ['0', '-5', 'later, please', 'Sun, 06 Nov 1994 08:49:37 GMT'].map(
    (value) => [`503 and Retry-After: ${value}`, status(503, retryAfter(value))] as const,
  );
  test.each([...configuration, ...ambiguous, ...meaningless])(
    'a batch refused once with %s arrives once',
    async (_, reply) => {
      const collector = await collectorWith();
      await collector.script(reply);
      const pipeline = otlpPipeline(collector, OPTIONS);
      const emitted = pipeline.emit(BATCH_RECORDS * 2);
      await pipeline.settled();
      expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 3, failures: 1 } });
      expectReceived(collector.ids, { to: emitted });
      expect(collector.account().answers).toEqual({ 200: 2, [reply.status]: 1 });
      expect(pipeline.stats.exports.lastError).toMatch(
        new RegExp(`^HTTP ${reply.status} .+ from ${collector.logsUrl}`),
      );
    },
  );

  test.each([300, 301, 302, 303, 304, 307, 308])(
    'a batch redirected with %i is not sent to the other address, and arrives once',
    async (code) => {
      const collector = await collectorWith();
      await collector.script(status(code, { headers: { location: `${collector.url}/elsewhere` } }));
      const pipeline = otlpPipeline(collector, OPTIONS);
      const emitted = pipeline.emit(BATCH_RECORDS * 2);
      await pipeline.settled();
      expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 3, failures: 1 } });
      expectReceived(collector.ids, { to: emitted });
      // Elsewhere the collector answers 404.
      expect(collector.account()).toMatchObject({ requests: 3, answers: { 200: 2, [code]: 1 } });
    },
  );
});

test.each([307, 404, 405, 408, 415, 502])(
  'an outage that refuses everything with %i opens the breaker and loses nothing, and afterwards all of it arrives once',
  async (code) => {
    const collector = await collectorWith({ reply: status(code) });
    const pipeline = otlpPipeline(collector, OPTIONS);
    const emitted = pipeline.emit(BATCH_RECORDS * 3);
    await pipeline.until(() => pipeline.breakerStates.length >= 2);
    expect(pipeline.breakerStates.slice(0, 2)).toEqual(['open', 'half-open']);
    expect(pipeline.stats).toMatchObject({ exported: 0 });
    expect(pipeline.droppedTotal).toBe(0);
    expect(pipeline.processor.health().reasons.join()).toContain(`HTTP ${code}`);

    await collector.become('well');
    await pipeline.settled();
    expect(pipeline.stats.exported).toBe(emitted);
    expectReceived(collector.ids, { to: emitted });
    expect(pipeline.processor.health()).toEqual({ status: 'ok', reasons: [] });
  },
);

test.each([401, 403, 404])(
  'the status %i is reported as a configuration error, in the words of the collector',
  async (code) => {
    const lines = diagLines();
    const collector = await collectorWith();
    await collector.script(status(code, { message: 'no such tenant' }));
    const pipeline = otlpPipeline(collector, OPTIONS);
    pipeline.emit(1);
    await pipeline.settled();
    const report = `${collector.logsUrl} (likely a configuration error): no such tenant`;
    expect(pipeline.stats.exports.lastError).toContain(report);
    expect(lines.filter((line) => line.includes(report))).toHaveLength(1);
    expect(pipeline.causes).toMatchObject([{ code }]);
  },
);

test.each([402, 406, 409, 410, 418, 422, 431, 451])(
  'a batch refused with %i is dropped as rejected, says nothing against the collector, and costs no other batch',
  async (code) => {
    const collector = await collectorWith();
    const drops: DropEvent[] = [];
    const pipeline = otlpPipeline(collector, { ...OPTIONS, onDrop: (event) => drops.push(event) });
    await collector.script(status(code, retryAfter('3600')));
    const emitted = pipeline.emit(BATCH_RECORDS * 2);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({
      exported: BATCH_RECORDS,
      dropped: { rejected: BATCH_RECORDS },
      exports: { attempts: 2, failures: 1 },
      breaker: { state: 'closed' },
    });
    expect(pipeline.droppedTotal).toBe(BATCH_RECORDS);
    expectReceived(collector.ids, { from: BATCH_RECORDS, to: emitted });
    await pipeline.until(() => drops.length > 0);
    expect(drops).toEqual([{ reason: 'rejected', records: BATCH_RECORDS }]);
  },
);

test.each<[string, Behaviour]>([
  ['413 because of its bytes', { maxBodyBytes: 4_000 }],
  ['413 because of its records', { maxRecords: 7 }],
  ['400, as the OpenTelemetry Collector does it,', { maxBodyBytes: 4_000, tooLargeStatus: 400 }],
])('a compressed batch refused with %s is halved until it fits', async (_, limit) => {
  const collector = await collectorWith(limit);
  const pipeline = otlpPipeline(collector, { ...OPTIONS, otlp: { compression: 'gzip' } });
  const emitted = pipeline.emit(BATCH_RECORDS * 2, 'x'.repeat(200));
  await pipeline.settled();
  expect(pipeline.stats.exported).toBe(emitted);
  expect(collector.account().answers[limit.tooLargeStatus ?? 413]).toBeGreaterThan(0);
  expect(pipeline.breakerStates).toEqual([]);
  expectReceived(collector.ids, { to: emitted });
});

describe('learned limits of size', () => {
  test.each<[string, Behaviour]>([
    ['in bytes', { maxBodyBytes: 9_000 }],
    ['in records', { maxRecords: 40 }],
  ])('a limit %s that a 413 has taught is remembered for the batches that follow', async (_, limit) => {
    const collector = await collectorWith(limit);
    const pipeline = otlpPipeline(collector, OPTIONS);
    for (let batch = 0; batch < 4; batch++) {
      pipeline.emit(BATCH_RECORDS, 'x'.repeat(200));
      await pipeline.settled();
    }
    const taught = collector.account().answers[413];
    expect(taught).toBeGreaterThan(0);
    const emitted = pipeline.emit(BATCH_RECORDS * 20, 'x'.repeat(200));
    await pipeline.settled();
    expect(collector.account().answers[413]).toBe(taught);
    expectReceived(collector.ids, { to: emitted });
  });

  test('a limit that a 413 has taught is forgotten after an outage', async () => {
    const collector = await collectorWith({ maxRecords: 40, keep: 'count' });
    const pipeline = otlpPipeline(collector, OPTIONS);
    pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    await collector.become('well');
    const requestsFor = async (batches: number) => {
      const before = collector.account().requests;
      pipeline.emit(BATCH_RECORDS * batches);
      await pipeline.settled();
      return collector.account().requests - before;
    };
    expect(await requestsFor(1)).toBeGreaterThan(1);
    // A collector that was away may be another one now.
    await collector.script(...Array.from({ length: 6 }, () => status(502)));
    await requestsFor(1);
    for (let round = 0; round < 10; round++) await requestsFor(1);
    expect(await requestsFor(10)).toBe(10);
    expect(collector.account().records).toBe(BATCH_RECORDS * 23);
  });

  test('a limit that a 413 has taught is probed with few requests while it stands', async () => {
    const collector = await collectorWith({ maxRecords: 40 });
    const pipeline = otlpPipeline(collector, { ...OPTIONS, otlp: { concurrencyLimit: 1 } });
    for (let round = 0; round < 10; round++) {
      pipeline.emit(BATCH_RECORDS * 25);
      await pipeline.settled();
    }
    const { answers } = collector.account();
    expect(Number(answers[413]) / Number(answers[200])).toBeLessThan(0.05);
    expectReceived(collector.ids, { to: BATCH_RECORDS * 250 });
  });
});

test('a collector that refuses everything with 400 and has accepted nothing before costs no record', async () => {
  const collector = await collectorWith({ reply: status(400) });
  const pipeline = otlpPipeline(collector, OPTIONS);
  const emitted = pipeline.emit(BATCH_RECORDS * 3);
  await pipeline.until(() => pipeline.breakerStates.includes('open'));
  expect(pipeline.stats).toMatchObject({ exported: 0, dropped: { rejected: 0 } });

  await collector.become('well');
  await pipeline.settled();
  expectReceived(collector.ids, { to: emitted });
});

describe('partial successes', () => {
  test('a partial success is counted to the record, and its reason is reported', async () => {
    const lines = diagLines();
    const collector = await collectorWith();
    await collector.script(
      { kind: 'partial', rejected: 3, message: 'no room for three' },
      { kind: 'partial', rejected: 60, message: 'no room for sixty' },
    );
    const pipeline = otlpPipeline(collector, OPTIONS);
    const emitted = pipeline.emit(BATCH_RECORDS * 3);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({
      exported: emitted - 63,
      dropped: { rejected: 63 },
      exports: { attempts: 3, failures: 0 },
    });
    expect(pipeline.droppedTotal).toBe(63);
    expect(collector.account().records).toBe(emitted - 63);
    // One warning of a kind in a while; the records that were lost are reported apart from it.
    expect(lines.filter((line) => line.includes('no room for three'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('rejected 3'))).toHaveLength(1);
  });

  test('a partial success that rejected nothing is a success with a warning', async () => {
    const lines = diagLines();
    const collector = await collectorWith();
    await collector.script({ kind: 'partial', rejected: 0, message: 'the attribute x is deprecated' });
    const pipeline = otlpPipeline(collector, OPTIONS);
    const emitted = pipeline.emit(BATCH_RECORDS);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { failures: 0 } });
    expect(pipeline.droppedTotal).toBe(0);
    expect(lines).toEqual([expect.stringContaining('the attribute x is deprecated')]);
    expectReceived(collector.ids, { to: emitted });
  });

  test.each([BATCH_RECORDS, 1_000_000])(
    'a partial success that claims to have rejected %i counts no more than were sent',
    async (rejected) => {
      const collector = await collectorWith();
      await collector.script({ kind: 'partial', rejected });
      const pipeline = otlpPipeline(collector, OPTIONS);
      pipeline.emit(BATCH_RECORDS * 2);
      await pipeline.settled();
      expect(pipeline.stats).toMatchObject({ exported: BATCH_RECORDS, dropped: { rejected: BATCH_RECORDS } });
    },
  );
});
