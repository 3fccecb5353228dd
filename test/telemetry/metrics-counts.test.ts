/** What the metrics count: the records in the queue, those handed to the exporter, those dropped and why. */

import { describe, expect, test } from 'vitest';
import { DROP_REASONS, type DropReason } from '../../src/index.ts';
import type { Harness } from '../support/harness.ts';
import { Metered, type MeteredOptions, unreadable } from '../support/metered.ts';
import { type Behaviour, httpError } from '../support/scripted-exporter.ts';

const processed = 'otel.sdk.processor.log.processed';
const queueSize = 'otel.sdk.processor.log.queue.size';
const down = { fail: new Error('down') };
const NO_DROPS = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0]));

describe('the queue', () => {
  test('the metrics of the queue include what is in flight, in records and in bytes, beside the limits', async () => {
    const limits = { maxQueueSize: 100, maxQueueBytes: 500_000, maxExportBatchSize: 10 };
    const h = new Metered(limits, 'hang');
    h.emit(25);
    await h.settle();
    const { queued, inFlight } = h.stats;
    expect([queued.records, inFlight.records]).toEqual([15, 10]);
    const collected = await h.collect();
    expect(collected.value(queueSize)).toBe(25);
    expect(collected.value('otel.sdk.processor.log.queue.capacity')).toBe(100);
    expect(collected.value('spillway.queue.bytes')).toBe(queued.bytes + inFlight.bytes);
    expect(collected.value('spillway.queue.limit')).toBe(500_000);

    h.exporter.lastCall.succeed();
    await h.settle();
    expect((await h.collect()).value(queueSize)).toBe(15);
    await h.end();
  });

  test('the limit of the queue in bytes is reported lower while memory is short', async () => {
    const h = new Metered({ maxQueueBytes: 500_000 });
    h.memoryUseRatio = 0.85;
    h.emit();
    await h.advance(1_000);
    expect((await h.collect()).value('spillway.queue.limit')).toBe(250_000);
    h.memoryUseRatio = 0.5;
    await h.advance(1_000);
    expect((await h.collect()).value('spillway.queue.limit')).toBe(500_000);
    await h.end();
  });

  test('the age of the oldest record is reported in seconds, and as 0 when the queue is empty', async () => {
    const h = new Metered({}, down);
    const age = async () => (await h.collect()).value('spillway.oldest_record.age');
    expect(await age()).toBe(0);
    h.emit();
    await h.advance(2_500);
    h.emit();
    expect(await age()).toBe(2.5);
    h.exporter.script = ['succeed'];
    await h.advance(5_000);
    expect(h.stats.exported).toBe(2);
    expect(await age()).toBe(0);
    await h.end();
  });

  test('the spool is reported as empty where there is none', async () => {
    const h = new Metered();
    h.emit(3);
    const collected = await h.collect();
    expect(collected.value('spillway.spool.records')).toBe(0);
    expect(collected.value('spillway.spool.bytes')).toBe(0);
    await h.end();
  });
});

describe('processed records', () => {
  test('records are counted as processed when they are handed to the exporter, once and not once per attempt', async () => {
    const h = new Metered({ maxExportBatchSize: 10 }, down, down, 'hang');
    h.emit(15);
    const count = async () => (await h.collect()).by(processed, 'error.type');
    expect(await count()).toEqual({ '': 0 });
    await h.settle();
    expect(await count()).toEqual({ '': 10 });
    await h.advance(10_000);
    expect(h.stats.exports.attempts).toBe(2);
    expect(h.exporter.calls).toHaveLength(3);
    expect(await count()).toEqual({ '': 10 });
    h.exporter.script = ['succeed'];
    h.exporter.lastCall.succeed();
    await h.advance(1_000);
    expect(await count()).toEqual({ '': 15 });
    await h.end();
  });

  test('records are counted as processed once when their batch is halved until each part fits', async () => {
    const h = new Metered({ maxExportBatchSize: 8 });
    h.exporter.decide = (records) => (records.length > 1 ? { fail: httpError(413) } : 'succeed');
    h.emit(8);
    await h.settle();
    expect(h.stats.exported).toBe(8);
    // Once two parts of one size were refused, the size is known.
    expect(h.stats.exports.attempts).toBe(12);
    const collected = await h.collect();
    expect(collected.by(processed, 'error.type')).toEqual({ '': 8 });
    expect(collected.by('spillway.export.duration', 'spillway.export.outcome')).toMatchObject({
      delivered: { count: 8 },
      too_large: { count: 4 },
    });
    await h.end();
  });
});

interface DropScenario {
  readonly options?: MeteredOptions;
  readonly script?: Behaviour[];
  readonly run: (h: Harness) => void | Promise<void>;
  readonly dropped: number;
  /** Of those, the ones that the exporter never saw. */
  readonly unpassed: number;
}

const full = { maxQueueSize: 10, maxExportBatchSize: 10 };
const drops: Partial<Record<DropReason, DropScenario>> = {
  queue_full: { options: full, script: ['hang'], run: (h) => h.emit(13), dropped: 3, unpassed: 3 },
  memory_limit: {
    script: ['hang'],
    run: async (h) => {
      h.emit(4);
      h.memoryUseRatio = 0.95;
      await h.advance(1_000);
      h.emit(2);
    },
    dropped: 6,
    unpassed: 6,
  },
  record_too_large: {
    options: { maxExportBatchSize: 1 },
    script: [{ fail: httpError(413) }, 'succeed'],
    run: (h) => h.emit(2),
    dropped: 1,
    unpassed: 0,
  },
  shed: {
    options: { maxQueueSize: 10, shed: { above: 0.5, belowSeverity: 9 } },
    script: ['hang'],
    run: (h) => h.emit(9, { severityNumber: 5 }),
    dropped: 3,
    unpassed: 3,
  },
  rejected: { script: [{ fail: httpError(422) }], run: (h) => h.emit(3), dropped: 3, unpassed: 0 },
  retry_exhausted: {
    options: { retry: { initialDelayMillis: 10, maxElapsedMillis: 100 } },
    script: [down],
    run: (h) => h.emit(3),
    dropped: 3,
    unpassed: 0,
  },
  unserializable: {
    options: { maxExportBatchSize: 2 },
    script: [{ throw: new TypeError('a BigInt') }, { throw: new TypeError('a BigInt') }, 'succeed'],
    run: (h) => {
      h.emit(2);
      h.processor.onEmit(unreadable());
    },
    dropped: 2,
    unpassed: 1,
  },
  self: {
    run: (h) => {
      h.exporter.decide = () => {
        h.emit(2);
        return 'succeed';
      };
      h.emit(1);
    },
    dropped: 2,
    unpassed: 2,
  },
  already_shutdown: {
    script: ['hang'],
    run: async (h) => {
      void h.processor.shutdown({ timeoutMillis: 60_000 });
      h.emit(2);
      await h.settle();
    },
    dropped: 2,
    unpassed: 2,
  },
};

describe('dropped records', () => {
  test.each(Object.entries(drops))(
    'records dropped as %s are counted by that reason',
    async (reason, scenario) => {
      const h = new Metered(scenario.options, ...(scenario.script ?? []));
      // The exporter hangs through shutdown where the scenario needs metrics to be read in its course.
      h.exporter.onShutdown = () => new Promise(() => {});
      await scenario.run(h);
      await h.advance(2_000);
      const collected = await h.collect();
      const { offered, dropped } = h.stats;
      expect(dropped[reason as DropReason]).toBe(scenario.dropped);
      expect(collected.value('spillway.records.offered')).toBe(offered);
      expect(collected.by('spillway.records.dropped', 'spillway.drop.reason')).toEqual({
        ...NO_DROPS,
        [reason]: scenario.dropped,
      });
      // Each record is counted as processed once at most, whether it was passed on or dropped before that.
      const { '': passed, ...errors } = collected.by(processed, 'error.type');
      expect(errors).toEqual(scenario.unpassed === 0 ? {} : { [reason]: scenario.unpassed });
      expect(Number(passed) + scenario.unpassed).toBeLessThanOrEqual(offered);
      await h.advance(60_000);
      await h.end();
    },
  );

  test('the count of every drop reason is 0 from the start, so that the first loss is an increase', async () => {
    const h = new Metered();
    const counted = async () => (await h.collect()).by('spillway.records.dropped', 'spillway.drop.reason');
    expect(await counted()).toEqual(NO_DROPS);
    h.emit(3);
    await h.advance(1_000);
    expect(await counted()).toEqual(NO_DROPS);
    await h.end();
  });
});
