/** What comes back from disk: in order, beside the live records, within a bound, and as it was. */

import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { describe, expect, test } from 'vitest';
import { everyField, FIELDS } from '../support/every-field.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { record } from '../support/records.ts';
import { inOrder, numbers, SpooledHarness } from '../support/spooled-harness.ts';

const down = { fail: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) };
const breaker = { failureThreshold: 2, resetTimeoutMillis: 30_000, maxResetTimeoutMillis: 30_000 };
const quickRetry = { initialDelayMillis: 1, maxDelayMillis: 1 };

const idle = { forceFlush: async () => {}, shutdown: async () => {} };

/** What an exporter sees of a record. */
function fieldsOf(one: ReadableLogRecord): Record<string, unknown> {
  const fields = Object.fromEntries(FIELDS.map((name) => [name, one[name]]));
  return {
    ...fields,
    resource: one.resource.attributes,
    instrumentationScope: { ...one.instrumentationScope },
  };
}

/** A harness whose predecessor left so many records behind. */
async function heirOf(records: number, options: ConstructorParameters<typeof SpooledHarness>[0] = {}) {
  const before = new SpooledHarness({ breaker, retry: quickRetry, maxQueueSize: 100 }, [down]);
  before.emit(records);
  await before.shutdown({ strategy: 'immediate' });
  expect(before.held).toEqual({ memory: 0, disk: records });
  return new SpooledHarness(options, [], before);
}

describe('beside live records', () => {
  test.each([
    [0.25, 3],
    [0.5, 1],
  ])(
    'a replayShare of %s sends one replay for %s live batches while both wait',
    async (replayShare, live) => {
      const h = await heirOf(600, { spool: { replayShare }, maxQueueSize: 10_000 });
      h.exporter.script = ['hang'];
      await h.advance(100);
      h.emit(600);
      await h.settle();
      // One answer at a time, as an exporter without concurrency gives them.
      for (let answered = 0; answered < 80; answered++) {
        h.exporter.calls.at(-1)?.succeed();
        await h.advance(10);
      }
      const isLive = (call: { bodies: readonly unknown[] }) => (call.bodies[0] as number) >= 600;
      const counted = h.exporter.calls.slice(8, 8 + 10 * (live + 1));
      expect(counted.filter(isLive).length).toBe(10 * live);
    },
  );

  test('the replays go on while no live record waits, oldest first', async () => {
    const h = await heirOf(300);
    h.emit(10);
    await h.advance(200);
    const replayed = h.delivered.filter((body) => body < 300);
    expect(replayed).toEqual(numbers(0, 300));
    expect(h.delivered.indexOf(300)).toBeLessThan(100);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 310));
  });

  test('live records ask a destination that fails, and replays only where none of those waits', async () => {
    const h = await heirOf(600, {
      spool: { replayShare: 0.5 },
      maxExportBatchSize: 10,
      maxQueueSize: 10_000,
    });
    h.exporter.script = ['hang'];
    await h.advance(100);
    h.emit(400);
    h.exporter.script = [down];
    h.exporter.calls.at(-1)?.fail();
    // From then on what waits in memory goes to disk.
    while (h.stats.queued.records > 0) await h.advance(100);
    const asked = h.exporter.calls.slice(1).map(({ bodies }) => bodies[0]);
    expect(asked.slice(0, 8)).toEqual([600, 600, 610, 610, 620, 620, 630, 630]);
    expect(asked.filter((body) => Number(body) < 600)).toEqual([]);
    h.exporter.script = ['succeed'];
    await h.advance(60_000);
    expect(inOrder(h.delivered)).toEqual(numbers(0, 1_000));
  });

  test('no more than their share of the concurrent exports are replays', async () => {
    const h = await heirOf(300, { maxConcurrentExports: 8, spool: { replayShare: 0.25 } });
    h.exporter.script = ['hang'];
    await h.advance(100);
    expect(h.exporter.concurrent).toBe(2);
  });
});

test('no more than maxReplayBytes, and two batches at least, are in memory', async () => {
  const { stats } = await heirOf(0);
  expect(stats.recovered).toBe(0);
  const attributes = { text: 'x'.repeat(20_000) };
  const before = new SpooledHarness({ maxQueueSize: 1_000, maxExportBatchSize: 2 }, [down]);
  before.emit(100, { attributes });
  await before.shutdown({ strategy: 'immediate' });
  const h = new SpooledHarness({ spool: { maxReplayBytes: 100_000 } }, ['hang'], before);
  let reads = 0;
  await h.advance(500);
  reads = h.exporter.calls.length;
  // The collector does not answer: one is in flight, and nothing is read beyond the bound.
  expect(reads).toBe(1);
  expect(h.stats.inFlight.records).toBe(2);
  expect(h.held.disk).toBe(98);
  expect(process.memoryUsage().heapUsed).toBeGreaterThan(0);
});

test('records come back to a plain exporter as they were emitted, with resource, scope, trace and times', async () => {
  const before = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
  const emitted: ReadableLogRecord[] = [];
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', 'host.cpus': 4 }),
    processors: [{ ...idle, onEmit: (one) => void emitted.push(one) }, before.processor],
  });
  for (const scope of ['orders', 'payments', 'orders']) {
    for (const fields of everyField) provider.getLogger(scope, '1.2.3').emit(fields);
  }
  await before.shutdown({ strategy: 'immediate' });
  const h = new SpooledHarness({ maxExportBatchSize: 100 }, [], before);
  const returned: ReadableLogRecord[] = [];
  h.exporter.decide = (records) => void returned.push(...records);
  await h.advance(100);
  const seen = (records: readonly ReadableLogRecord[]) =>
    Map.groupBy(records, (one) => one.instrumentationScope.name);
  // Each batch was written scope by scope, as a request has them; within a scope the order is the same.
  expect([...seen(returned).keys()]).toEqual([...seen(emitted).keys()]);
  for (const [scope, records] of seen(emitted)) {
    expect(seen(returned).get(scope)?.map(fieldsOf)).toEqual(records.map(fieldsOf));
  }
});

test('the age of what is delivered counts from its admission in the process before', async () => {
  const before = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
  before.processor.onEmit(record());
  await before.shutdown({ strategy: 'immediate' });
  await before.advance(3_600_000);
  const h = new SpooledHarness({}, [], before);
  await h.advance(100);
  expect(h.stats.deliveryMillis.p50).toBeGreaterThan(3_500_000);
});

test('a wall clock that was set back does not make a record younger than the process', async () => {
  const before = new SpooledHarness({ breaker, retry: quickRetry }, [down]);
  before.processor.onEmit(record());
  await before.shutdown({ strategy: 'immediate' });
  before.clock.epochMillis -= 86_400_000;
  const h = new SpooledHarness({}, [], before);
  await h.advance(100);
  expect(h.stats.deliveryMillis.p50).toBeLessThan(1_000);
  expect(h.stats.exported).toBe(1);
});

test('a date in a record is the same text for a plain exporter, whether it was on disk or not', async () => {
  const at = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const fields = { body: { at }, attributes: { at, list: [at], none: new Date(Number.NaN) } };
  const text = '2026-01-02T03:04:05.678Z';
  const live = new SpooledHarness();
  live.emit(1, fields);
  await live.advance(1_000);
  const before = new SpooledHarness({ breaker: false }, ['hang']);
  before.emit(1, fields);
  await before.settle();
  await before.shutdown({ strategy: 'immediate' });
  const after = new SpooledHarness({}, [], before);
  await after.advance(30_000);
  for (const { exporter } of [live, after]) {
    expect(exporter.lastCall.records[0]).toMatchObject({
      body: { at: text },
      attributes: { at: text, list: [text], none: 'Invalid Date' },
    });
  }
});

/** A resource with an attribute that is known only after a while, as NodeSDK's detectors find them. */
function lateResource(clock: ManualClock, millis: number) {
  const resource = {
    attributes: { 'service.name': 'orders' } as Record<string, string>,
    asyncAttributesPending: true,
    waitForAsyncAttributes: () => found,
  };
  const found = new Promise<void>((resolve) => {
    clock.timer(() => {
      resource.attributes['host.id'] = 'h1';
      resource.asyncAttributesPending = false;
      resolve();
    }, millis);
  });
  return resource as unknown as ReadableLogRecord['resource'];
}

describe.each(['always', 'overflow'] as const)('attributes of a resource that resolve late (%s)', (mode) => {
  const spool = { mode, spillAfterOpenMillis: 0 };
  const options = { spool, breaker: { failureThreshold: 1 } };

  test('late attributes of a resource are on disk with the records that were emitted before', async () => {
    const before = new SpooledHarness(options, [down]);
    before.emit(1);
    await before.advance(1_500);
    before.emit(30, { resource: lateResource(before.clock, 3_000) });
    await before.advance(2_000);
    expect(before.held).toMatchObject({ memory: 30 });
    await before.advance(2_000);
    expect(before.held.memory).toBe(0);
    await before.shutdown();
    const after = new SpooledHarness({}, [], before);
    await after.advance(30_000);
    const late = after.exporter.calls.flatMap(({ records }) => records).slice(1);
    expect(late).toHaveLength(30);
    for (const { resource } of late) expect(resource.attributes).toHaveProperty('host.id', 'h1');
  });

  test('late attributes of a resource are not waited for beyond 5 s, nor when the process ends', async () => {
    const h = new SpooledHarness(options, [down]);
    h.emit(1);
    await h.advance(1_500);
    h.emit(30, { resource: lateResource(h.clock, 60_000) });
    await h.advance(4_000);
    expect(h.held.memory).toBe(30);
    await h.advance(2_000);
    expect(h.held.memory).toBe(0);
    h.emit(10, { resource: lateResource(h.clock, 60_000) });
    expect(await h.shutdown({ timeoutMillis: 2_000 })).toBeLessThanOrEqual(2_050);
    expect(h.held).toEqual({ memory: 0, disk: 41 });
  });
});
