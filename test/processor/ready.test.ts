/** Back-pressure for jobs that can wait: `pressure`, and `ready()` in each way it can end. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { Harness } from '../support/harness.ts';

describe('pressure', () => {
  test('the pressure is the share of maxQueueSize that is taken, in flight included, and never above 1', async () => {
    const h = new Harness({ maxQueueSize: 40, maxExportBatchSize: 10 }, 'hang');
    expect(h.processor.pressure).toBe(0);
    h.emit(10);
    expect(h.processor.pressure).toBe(0.25);
    await h.settle();
    expect(h.processor.pressure).toBe(0.25);
    h.emit(100);
    expect(h.processor.pressure).toBe(1);
    await h.end();
    expect(h.processor.pressure).toBe(0);
  });

  test('the pressure is the share of maxQueueBytes where that is larger', async () => {
    const h = new Harness({ maxQueueBytes: 100_000 }, 'hang');
    h.emit(2, { body: 'x'.repeat(30_000) });
    expect(h.processor.pressure).toBe(h.stats.queued.bytes / 100_000);
    expect(h.processor.pressure).toBeGreaterThan(0.5);
    await h.end();
  });

  test('the pressure rises when a shortage of memory halves the room', async () => {
    const h = new Harness({ maxQueueBytes: 100_000 }, 'hang');
    h.emit(1, { body: 'x'.repeat(20_000) });
    const before = h.processor.pressure;
    h.memoryUseRatio = 0.85;
    await h.advance(1_000);
    expect(h.processor.pressure).toBe(before * 2);
    await h.end();
  });
});

describe('ready()', () => {
  afterEach(() => vi.restoreAllMocks());

  /** Filled to `records` of 10; every call of the exporter hangs. */
  async function filled(records: number): Promise<Harness> {
    const h = new Harness({ maxQueueSize: 10, maxExportBatchSize: 1 }, 'hang');
    h.emit(records);
    await h.settle();
    return h;
  }

  /** 'pending', 'resolved' or what it was rejected with, once everything has happened that needs no time. */
  async function state(h: Harness, promise: Promise<unknown>): Promise<unknown> {
    let result: unknown = 'pending';
    promise.then(
      () => {
        result = 'resolved';
      },
      (error: unknown) => {
        result = error;
      },
    );
    await h.settle();
    return result;
  }

  test('ready() resolves immediately while the queue is emptier than 0.8', async () => {
    const h = await filled(7);
    expect(await state(h, h.processor.ready())).toBe('resolved');
    await h.end();
  });

  test('ready() waits until deliveries have made the queue emptier than asked for', async () => {
    const h = await filled(10);
    const [usual, empty] = [h.processor.ready(), h.processor.ready({ below: 0.2 })];
    const deliver = async (count: number) => {
      for (let index = 0; index < count; index++) {
        h.exporter.lastCall.succeed();
        await h.settle();
      }
    };
    await deliver(2);
    expect(h.processor.pressure).toBe(0.8);
    expect(await state(h, usual)).toBe('pending');
    await deliver(1);
    expect(await state(h, usual)).toBe('resolved');
    expect(await state(h, empty)).toBe('pending');
    await deliver(6);
    expect(await state(h, empty)).toBe('resolved');
    await h.end();
  });

  test('ready() resolves when records are dropped from the queue, too', async () => {
    const h = await filled(10);
    const ready = h.processor.ready();
    h.memoryUseRatio = 0.95;
    await h.advance(1_000);
    expect(h.stats.dropped.memory_limit).toBe(9);
    expect(await state(h, ready)).toBe('resolved');
    await h.end();
  });

  test('ready() resolves when there is room again because memory is no longer short', async () => {
    const h = new Harness({ maxQueueBytes: 100_000 }, 'hang');
    h.memoryUseRatio = 0.85;
    h.emit();
    await h.advance(1_000);
    h.emit(1, { body: 'x'.repeat(45_000) });
    const ready = h.processor.ready();
    expect(await state(h, ready)).toBe('pending');
    h.memoryUseRatio = 0.5;
    await h.advance(999);
    expect(await state(h, ready)).toBe('pending');
    await h.advance(1);
    expect(h.processor.pressure).toBeLessThan(0.5);
    expect(await state(h, ready)).toBe('resolved');
    await h.end();
  });

  test('ready() rejects with the reason of its signal, whether it aborts before or while it waits', async () => {
    const h = await filled(10);
    const before = new Error('too late');
    expect(await state(h, h.processor.ready({ signal: AbortSignal.abort(before) }))).toBe(before);
    const controller = new AbortController();
    const ready = h.processor.ready({ signal: controller.signal });
    expect(await state(h, ready)).toBe('pending');
    controller.abort(new Error('job cancelled'));
    expect(await state(h, ready)).toEqual(new Error('job cancelled'));
    await h.end();
  });

  test('ready() leaves no listener on a signal that outlives it', async () => {
    const h = await filled(10);
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const ready = h.processor.ready({ signal, below: 1 });
    h.exporter.lastCall.succeed();
    expect(await state(h, ready)).toBe('resolved');
    expect(added).toHaveBeenCalledOnce();
    expect(removed).toHaveBeenCalledWith('abort', added.mock.calls[0]?.[1]);
    await h.end();
  });

  test('ready() rejects with a coded error when the processor shuts down meanwhile, and after that', async () => {
    const h = await filled(10);
    const ready = h.processor.ready();
    const end = h.end();
    await expect(ready).rejects.toMatchObject({ code: 'ERR_SPILLWAY_SHUTDOWN' });
    await end;
    await expect(h.processor.ready()).rejects.toMatchObject({ code: 'ERR_SPILLWAY_SHUTDOWN' });
  });

  test.each([0, -1, 1.01, Number.NaN, '0.5', null])(
    'ready() rejects below: %s with a coded error',
    async (below) => {
      const h = await filled(0);
      await expect(h.processor.ready({ below: below as number })).rejects.toMatchObject({
        code: 'ERR_SPILLWAY_OPTION',
        message: expect.stringContaining("'below'"),
      });
      await h.end();
    },
  );
});
