/** Every way in which BatchLogRecordProcessor was seen to fail, played with it and with ours: no sockets, no waiting. */

import { diag } from '@opentelemetry/api';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answerAfter, type Contender, onBoth, watch } from '../support/contenders.ts';
import { expectLaw } from '../support/records.ts';

const BATCH_RECORDS = 512;

/** 100,000 records a second for `seconds`, then time to send what is queued. */
async function load(contender: Contender, seconds: number): Promise<number> {
  for (let tick = 0; tick < seconds * 100; tick++) {
    contender.emit(1_000);
    await contender.advance(10);
  }
  await contender.advance(10_000);
  return contender.exporter.delivered.length;
}

describe('load', () => {
  test('a load of 100,000/s on a collector that takes 50 ms costs 9 of 10 records with stock, none with ours', async () => {
    const { stock, spillway, stats } = await onBoth(
      (contender) => {
        answerAfter(contender, 50);
        return load(contender, 1);
      },
      { spillway: { maxConcurrentExports: 16 } },
    );
    expect(stock).toBeLessThan(15_000);
    expect(spillway).toBe(100_000);
    expect(stats).toMatchObject({ offered: 100_000, exported: 100_000 });
  });

  test('a burst of 60,000 records costs stock all but a full queue, and ours nothing', async () => {
    const { stock, spillway } = await onBoth(async (contender) => {
      answerAfter(contender, 50);
      contender.emit(60_000);
      await contender.advance(20_000);
      return contender.exporter.delivered.length;
    });
    // Its first batch is out before the queue is full, the rest is what the queue holds.
    expect(stock).toBe(2_048 + BATCH_RECORDS);
    expect(spillway).toBe(60_000);
  });

  test('a load beyond all bounds is passed over in silence by stock; ours says how much it lost, and of what', async () => {
    const said: string[] = [];
    const listen = (message: string) => said.push(message);
    const ignore = () => {};
    diag.setLogger({ error: listen, warn: listen, info: ignore, debug: ignore, verbose: ignore });
    onTestFinished(() => diag.disable());
    const { stock, spillway, stats } = await onBoth(
      async (contender) => {
        contender.exporter.script = ['hang'];
        said.length = 0;
        contender.emit(5_000);
        await contender.advance(1);
        return [...said];
      },
      { stock: { maxQueueSize: 2_048 } },
    );
    expect(stock).toEqual([]);
    expect(spillway).toEqual([expect.stringContaining('dropping log records: queue_full')]);
    expect(stats.dropped.queue_full).toBe(5_000 - 2_048);
  });
});

describe('failure', () => {
  test('a failed export costs stock the batch, and ours sends it again', async () => {
    const { stock, spillway } = await onBoth(async (contender) => {
      contender.exporter.script = [{ fail: new Error('Export failed with retryable status') }, 'succeed'];
      contender.emit(BATCH_RECORDS * 2);
      await contender.advance(60_000);
      return contender.exporter.delivered.length;
    });
    expect(stock).toBe(BATCH_RECORDS);
    expect(spillway).toBe(BATCH_RECORDS * 2);
  });

  test('a failure of two minutes costs stock what it sends meanwhile, and ours delivers all of it afterwards', async () => {
    const { stock, spillway } = await onBoth(async (contender) => {
      contender.exporter.script = [{ fail: Object.assign(new Error('down'), { code: 'ECONNREFUSED' }) }];
      for (let second = 0; second < 120; second++) {
        contender.emit(10);
        await contender.advance(1_000);
      }
      contender.exporter.script = ['succeed'];
      await contender.advance(300_000);
      return contender.exporter.delivered.length;
    });
    expect(stock).toBeLessThanOrEqual(10);
    expect(spillway).toBe(1_200);
  });

  test('a failed exporter.forceFlush makes stock stop sending, and ours goes on', async () => {
    const { stock, spillway } = await onBoth(async (contender) => {
      answerAfter(contender, 50);
      contender.emit(BATCH_RECORDS);
      await contender.advance(1);
      contender.exporter.onForceFlush = () => Promise.reject(new Error('cannot flush'));
      const flush = watch(contender.processor.forceFlush());
      await contender.advance(100);
      contender.exporter.onForceFlush = () => Promise.resolve();
      contender.emit(BATCH_RECORDS);
      await contender.advance(60_000);
      return { flush: flush(), delivered: contender.exporter.delivered.length };
    });
    expect(stock).toEqual({ flush: 'rejected', delivered: BATCH_RECORDS });
    expect(spillway).toEqual({ flush: 'resolved', delivered: BATCH_RECORDS * 2 });
  });

  test('a slow answer makes stock start exports on top of each other, and ours sends one at a time', async () => {
    const { stock, spillway } = await onBoth(
      async (contender) => {
        answerAfter(contender, 5_500);
        contender.emit(BATCH_RECORDS * 4);
        await contender.advance(60_000);
        const { peakConcurrent, delivered } = contender.exporter;
        return { peakConcurrent, delivered: delivered.length };
      },
      { stock: { exportTimeoutMillis: 1_000 } },
    );
    expect(stock.peakConcurrent).toBeGreaterThanOrEqual(4);
    expect(spillway).toEqual({ peakConcurrent: 1, delivered: BATCH_RECORDS * 4 });
  });

  test('a record that cannot be exported costs stock its whole batch, and ours that record', async () => {
    const { stock, spillway, stats } = await onBoth(async (contender) => {
      contender.exporter.decide = (records) =>
        records.some(({ body }) => body === 'bad') ? { throw: new TypeError('cannot serialize') } : undefined;
      contender.emit(100);
      contender.emit(1, { body: 'bad' });
      contender.emit(99);
      await contender.advance(60_000);
      return contender.exporter.delivered.length;
    });
    expect(stock).toBe(0);
    expect(spillway).toBe(199);
    expect(stats.dropped).toMatchObject({ unserializable: 1, rejected: 0 });
  });
});

describe('flush and shutdown', () => {
  test('a second flush resolves immediately with stock, and when the records are delivered with ours', async () => {
    const { stock, spillway } = await onBoth(async (contender) => {
      answerAfter(contender, 1_000);
      contender.emit(10);
      const flushes = [watch(contender.processor.forceFlush())];
      await contender.advance(100);
      flushes.push(watch(contender.processor.forceFlush()));
      await contender.advance(100);
      const early = flushes.map((state) => state());
      await contender.advance(1_000);
      return { early, late: flushes.map((state) => state()) };
    });
    const late = ['resolved', 'resolved'];
    expect(stock).toEqual({ early: ['pending', 'resolved'], late });
    expect(spillway).toEqual({ early: ['pending', 'pending'], late });
  });

  test('a shutdown during a flush leaves records unsent with stock, and none with ours', async () => {
    const { stock, spillway } = await onBoth(async (contender) => {
      answerAfter(contender, 1_000);
      contender.emit(10);
      void contender.processor.forceFlush();
      await contender.advance(100);
      contender.emit(5);
      const shutdown = watch(contender.processor.shutdown());
      await contender.advance(100);
      const early = shutdown();
      await contender.advance(60_000);
      return { early, late: shutdown(), delivered: contender.exporter.delivered.length };
    });
    expect(stock).toEqual({ early: 'resolved', late: 'resolved', delivered: 10 });
    expect(spillway).toEqual({ early: 'pending', late: 'resolved', delivered: 15 });
  });

  test('a shutdown with an exporter that hangs takes as long as that with stock, and its 5 s with ours', async () => {
    const { stock, spillway, stats } = await onBoth(async (contender) => {
      contender.exporter.script = ['hang'];
      contender.exporter.onShutdown = () => new Promise(() => {});
      contender.emit(10);
      const shutdown = watch(contender.processor.shutdown());
      await contender.advance(4_999);
      const before = shutdown();
      await contender.advance(51);
      const atDeadline = shutdown();
      await contender.advance(24_000);
      return { before, atDeadline, later: shutdown() };
    });
    expect(stock).toEqual({ before: 'pending', atDeadline: 'pending', later: 'pending' });
    expect(spillway).toEqual({ before: 'pending', atDeadline: 'resolved', later: 'resolved' });
    expect(stats.dropped.shutdown).toBe(10);
  });
});

test('a queue of big records has no bound in bytes with stock, and the one that was set with ours', async () => {
  const maxQueueBytes = 2 * 1024 * 1024;
  const bigBytes = 100_000;
  const { stock, spillway, stats } = await onBoth(
    async (contender) => {
      const body = 'x'.repeat(bigBytes);
      contender.emit(200, { body });
      // Everything held leaves at once, so what arrives is what was held.
      await Promise.all([contender.processor.forceFlush(), contender.advance(1_000)]);
      return contender.exporter.delivered.length * bigBytes;
    },
    { spillway: { maxQueueBytes } },
  );
  expect(stock).toBe(200 * bigBytes);
  expect(spillway).toBeLessThanOrEqual(maxQueueBytes);
  expect(spillway).toBeGreaterThan(maxQueueBytes / 2);
  expect(stats.dropped.queue_full).toBe(200 - spillway / bigBytes);
  expectLaw(stats);
});
