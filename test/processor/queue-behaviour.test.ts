/** The promises of the queue, seen from outside: when batches go, who is dropped, who leaves first, who is refused. */

import { describe, expect, test } from 'vitest';
import { AsyncSinkQueue } from '../../src/queue/async-sink-queue.ts';
import type { QueuedBatch } from '../../src/queue/queued-batch.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { Harness, upTo } from '../support/harness.ts';
import { record } from '../support/records.ts';

const DEBUG = 5;
const INFO = 9;
const ERROR = 17;
const sizes = (h: Harness) => h.exporter.calls.map(({ records }) => records.length);

describe('a batch goes out', () => {
  test('a batch that is full by count goes out immediately, and never within onEmit', async () => {
    const h = new Harness({ maxExportBatchSize: 4, memoryLimit: false });
    const timers = h.clock.pendingTimers;
    h.emit(9);
    expect(h.exporter.calls).toHaveLength(0);
    expect(h.clock.pendingTimers).toBe(timers);
    await h.settle();
    expect(sizes(h)).toEqual([4, 4]);
    expect(h.stats.queued.records).toBe(1);
    await h.end();
  });

  test('a batch that is full by bytes goes out, and what does not fit opens the next one', async () => {
    const h = new Harness({ maxExportBatchBytes: 10_000 });
    h.emit(7, { body: 'x'.repeat(3_000) });
    await h.settle();
    expect(sizes(h)).toEqual([2, 2, 2]);
    await h.advance(1_000);
    expect(sizes(h)).toEqual([2, 2, 2, 1]);
    await h.end();
  });

  test('a batch goes out when its first record has waited for scheduledDelayMillis', async () => {
    const h = new Harness({ scheduledDelayMillis: 300 });
    h.emit(1);
    await h.advance(200);
    h.emit(1);
    await h.advance(99);
    expect(sizes(h)).toEqual([]);
    await h.advance(1);
    expect(sizes(h)).toEqual([2]);
    await h.end();
  });

  test('a batch without delay goes out in the same turn, still as one batch', async () => {
    const h = new Harness({ scheduledDelayMillis: 0 });
    h.emit(3);
    await h.settle();
    expect(sizes(h)).toEqual([3]);
    await h.end();
  });
});

describe('overflow', () => {
  test('drop-oldest keeps exactly the newest, drop-newest exactly the oldest', async () => {
    for (const [overflow, kept] of [
      ['drop-oldest', upTo(25).slice(15)],
      ['drop-newest', upTo(10)],
    ] as const) {
      const h = new Harness({ maxQueueSize: 10, maxExportBatchSize: 4, overflow });
      h.emit(25);
      expect(h.stats.dropped.queue_full).toBe(15);
      await h.advance(1_000);
      expect(h.exporter.delivered).toEqual(kept);
      await h.end();
    }
  });

  test('an overflow by bytes drops as many records as it takes and no more', async () => {
    const one = new Harness();
    one.emit(1, { body: 'x'.repeat(1_000) });
    const { bytes } = one.stats.queued;
    await one.end();
    const h = new Harness({ maxQueueBytes: bytes * 5 });
    h.emit(8, { body: 'x'.repeat(1_000) });
    expect(h.stats.queued).toEqual({ records: 5, bytes: bytes * 5 });
    expect(h.stats.dropped.queue_full).toBe(3);
    await h.end();
  });

  test('what is in flight counts against the bound and is not dropped for newer records', async () => {
    const h = new Harness({ maxQueueSize: 10, maxExportBatchSize: 4 }, 'hang');
    h.emit(4);
    await h.settle();
    h.emit(20);
    expect(h.stats).toMatchObject({ queued: { records: 6 }, inFlight: { records: 4 } });
    h.exporter.script = ['succeed'];
    h.exporter.lastCall.succeed();
    await h.advance(1_000);
    expect(h.exporter.delivered).toEqual([0, 1, 2, 3, ...upTo(24).slice(18)]);
    await h.end();
  });

  test('a queue of one record, which is in flight, has no room at all', async () => {
    for (const overflow of ['drop-oldest', 'drop-newest'] as const) {
      const h = new Harness({ maxQueueSize: 1, overflow, protectSeverity: ERROR }, 'hang');
      h.emit(1);
      await h.settle();
      h.emit(1);
      h.emit(1, { severityNumber: ERROR });
      expect(h.stats).toMatchObject({ queued: { records: 0 }, dropped: { queue_full: 2 } });
      await h.end();
    }
  });

  test('a long backlog drains first in, first out', async () => {
    const h = new Harness({ maxExportBatchSize: 1 }, 'hang');
    h.emit(200);
    await h.settle();
    h.exporter.script = ['succeed'];
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.exporter.delivered).toEqual(upTo(200));
    await h.end();
  });
});

describe('protectSeverity', () => {
  test('protected records leave first and are dropped last', async () => {
    for (const overflow of ['drop-oldest', 'drop-newest'] as const) {
      const h = new Harness({ maxQueueSize: 6, maxExportBatchSize: 3, overflow, protectSeverity: ERROR });
      h.emit(6);
      h.emit(2, { severityNumber: ERROR });
      h.emit(1, { severityNumber: 21 });
      await h.advance(1_000);
      const ordinary = overflow === 'drop-oldest' ? [3, 4, 5] : [0, 1, 2];
      expect(h.exporter.delivered).toEqual([6, 7, 8, ...ordinary]);
      expect(h.stats.dropped.queue_full).toBe(3);
      await h.end();
    }
  });

  test('protected records that are alone in the queue drop as overflow says, and ordinary ones are refused', async () => {
    for (const [overflow, kept] of [
      ['drop-oldest', [2, 3, 4]],
      ['drop-newest', [0, 1, 2]],
    ] as const) {
      const h = new Harness({ maxQueueSize: 3, overflow, protectSeverity: ERROR });
      h.emit(5, { severityNumber: ERROR });
      h.emit(1);
      await h.advance(1_000);
      expect(h.exporter.delivered).toEqual(kept);
      expect(h.stats.dropped.queue_full).toBe(3);
      await h.end();
    }
  });

  test('an open batch of protected records goes along as soon as anything goes', async () => {
    const h = new Harness({ maxExportBatchSize: 3, protectSeverity: ERROR });
    h.emit(2);
    h.emit(1, { severityNumber: ERROR });
    h.emit(1);
    await h.settle();
    expect(h.exporter.delivered).toEqual([2, 0, 1, 3]);
    await h.end();
  });
});

describe('shed', () => {
  test('the option shed refuses low severities while the queue is fuller than `above`', async () => {
    const h = new Harness({ maxQueueSize: 10, shed: { above: 0.5, belowSeverity: INFO } }, 'hang');
    h.emit(5);
    h.emit(1, { severityNumber: DEBUG });
    expect(h.stats.dropped.shed).toBe(0);
    h.emit(1, { severityNumber: DEBUG });
    // Without a severity it is not known to be unimportant.
    h.emit(1, { severityNumber: 0 });
    h.emit(1, { severityNumber: undefined });
    h.emit(1, { severityNumber: INFO });
    expect(h.stats).toMatchObject({ offered: 10, dropped: { shed: 1 }, queued: { records: 9 } });
    await h.end();
  });

  test('the option shed measures bytes as well, and stops when there is room again', async () => {
    const h = new Harness({ maxQueueBytes: 10_000, shed: { above: 0.5 } }, 'succeed');
    h.emit(2, { body: 'x'.repeat(3_000) });
    h.emit(1, { severityNumber: DEBUG });
    expect(h.stats.dropped.shed).toBe(1);
    await h.advance(1_000);
    h.emit(1, { severityNumber: DEBUG });
    expect(h.stats.dropped.shed).toBe(1);
    await h.end();
  });

  test('the option shed never touches protected records', async () => {
    const h = new Harness({ maxQueueSize: 2, shed: { above: 0, belowSeverity: 24 }, protectSeverity: ERROR });
    h.emit(3, { severityNumber: ERROR });
    expect(h.stats.dropped).toMatchObject({ shed: 0, queue_full: 1 });
    h.emit(1, { severityNumber: INFO });
    expect(h.stats.dropped.shed).toBe(1);
    await h.end();
  });
});

test('passOver leaves batches aside as long as there is another one', () => {
  const limits = {
    maxQueueSize: 10,
    maxQueueBytes: 1e6,
    maxExportBatchSize: 1,
    maxExportBatchBytes: 1e6,
    scheduledDelayMillis: 0,
    overflow: 'drop-oldest',
    protectSeverity: Number.POSITIVE_INFINITY,
    shed: undefined,
  } as const;
  const queue = new AsyncSinkQueue(
    limits,
    () => new RecordBatch(1e6),
    { dropped: () => {}, wake: () => {} },
    () => 0,
  );
  for (const body of ['a', 'b']) queue.admit(record({ body }));
  const isStuck = ({ history }: QueuedBatch<RecordBatch>) => history.failures > 0;
  const bodyOf = (batch: QueuedBatch<RecordBatch> | undefined) => batch?.contents.toArray()[0]?.body;
  const first = queue.take(0) as QueuedBatch<RecordBatch>;
  first.history = { ...first.history, attempts: 1, failures: 1 };
  queue.requeue(first);
  const second = queue.take(0, {}, isStuck) as QueuedBatch<RecordBatch>;
  expect(bodyOf(second)).toBe('b');
  expect(bodyOf(queue.take(0, {}, isStuck))).toBe('a');
  expect(queue.take(0, {}, isStuck)).toBeUndefined();
});

test('a queue is bounded by bytes by default, and not by the number of records', async () => {
  const h = new Harness({ maxQueueBytes: 64 * 1024 * 1024, maxRecordBytes: 1_024 }, 'hang');
  h.emit(80_000);
  await h.settle();
  expect(h.stats.dropped.queue_full).toBe(0);
  expect(h.processor.pressure).toBeCloseTo(
    (h.stats.queued.bytes + h.stats.inFlight.bytes) / (64 * 1024 * 1024),
    5,
  );
  await h.end();
});
