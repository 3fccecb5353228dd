/** What forceFlush promises: everything emitted before it is dealt with, or it says why not. */

import { describe, expect, test } from 'vitest';
import { Harness, upTo } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

/** Starts a flush and keeps its result at hand. */
function flush(h: Harness, timeoutMillis?: number) {
  const result: { state: string } = { state: 'pending' };
  h.processor.forceFlush(timeoutMillis === undefined ? undefined : { timeoutMillis }).then(
    () => {
      result.state = 'resolved';
    },
    (error: { code: string }) => {
      result.state = error.code;
    },
  );
  return result;
}

test('a flush does not wait for the scheduled delay and resolves when all is delivered', async () => {
  const h = new Harness({ maxExportBatchSize: 4 }, 'hang');
  h.emit(6);
  const result = flush(h);
  await h.settle();
  h.exporter.lastCall.succeed();
  await h.settle();
  expect(result.state).toBe('pending');
  h.exporter.lastCall.succeed();
  await h.settle();
  expect(result.state).toBe('resolved');
  expect(h.exporter.delivered).toEqual(upTo(6));
  // After each export that began, and at the end.
  expect(h.exporter.forceFlushes).toBe(3);
  await h.end();
});

test('an empty queue flushes the exporter alone', async () => {
  const h = new Harness();
  const result = flush(h);
  await h.settle();
  expect([result.state, h.exporter.forceFlushes, h.exporter.calls.length]).toEqual(['resolved', 1, 0]);
  await h.end();
});

test('any number of concurrent flushes each wait for what was emitted before them, and for no more', async () => {
  const h = new Harness({}, 'hang');
  const flushes = upTo(5).map(() => {
    h.emit(1);
    return flush(h);
  });
  h.emit(1);
  for (let answered = 0; answered < 5; answered++) {
    await h.settle();
    if (h.exporter.calls.length <= answered) break;
    const waiting = flushes.filter(({ state }) => state === 'pending').length;
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(flushes.filter(({ state }) => state === 'pending').length).toBeLessThan(waiting);
  }
  expect(flushes.map(({ state }) => state)).toEqual(Array(5).fill('resolved'));
  expect(h.exporter.delivered).toEqual(upTo(5));
  expect(h.stats.queued.records).toBe(1);
  await h.end();
});

test('a steady stream of new records does not hold it up', async () => {
  const h = new Harness({ maxExportBatchSize: 2 });
  h.exporter.decide = () => {
    if (h.stats.offered < 1_000) h.clock.immediate(() => h.emit(2));
    return undefined;
  };
  h.emit(2);
  let exportsUntilFlushed = Number.POSITIVE_INFINITY;
  void h.processor.forceFlush().then(() => {
    exportsUntilFlushed = h.exporter.calls.length;
  });
  await h.settle();
  expect(h.exporter.calls).toHaveLength(500);
  expect(exportsUntilFlushed).toBeLessThan(10);
  await h.end();
});

describe('a back-off is cut short', () => {
  const retry = { initialDelayMillis: 60_000, maxDelayMillis: 60_000 };

  test('a flush cuts short the back-off of the destination', async () => {
    const h = new Harness({ retry }, { fail: httpError(401) }, 'succeed');
    h.emit(1);
    await h.advance(1_000);
    expect(h.exporter.calls).toHaveLength(1);
    const result = flush(h);
    await h.settle();
    expect(result.state).toBe('resolved');
    expect(h.exporter.delivered).toEqual([0]);
    await h.end();
  });

  test('a flush cuts short the back-off of a single batch while others get through', async () => {
    const h = new Harness({ retry, maxExportBatchSize: 1, breaker: false });
    h.exporter.decide = (records) =>
      records[0]?.body === (0 as never) ? { fail: httpError(503) } : undefined;
    h.emit(2);
    for (let second = 0; second < 300 && h.exporter.delivered.length === 0; second++) await h.advance(1_000);
    h.exporter.decide = undefined;
    h.emit(1);
    await h.advance(1_000);
    // The destination works, and yet the batch waits.
    expect(h.exporter.delivered).toEqual([1, 2]);
    const result = flush(h);
    await h.settle();
    expect(result.state).toBe('resolved');
    expect(h.exporter.delivered).toEqual([1, 2, 0]);
    await h.end();
  });
});

test('a flush is kept by a drop as well as by a delivery', async () => {
  const h = new Harness({ maxQueueSize: 2, maxExportBatchSize: 1 }, 'hang');
  h.emit(2);
  const result = flush(h);
  await h.settle();
  h.exporter.lastCall.fail(httpError(422));
  h.emit(2);
  await h.settle();
  expect(h.stats.dropped).toMatchObject({ rejected: 1, queue_full: 2 });
  expect(result.state).toBe('resolved');
  await h.end();
});

describe('its time runs out', () => {
  test('a flush that runs out of time rejects with ERR_SPILLWAY_FLUSH_TIMEOUT; the records are delivered later', async () => {
    const h = new Harness({}, 'hang');
    h.emit(3);
    const result = flush(h, 2_000);
    await h.advance(1_999);
    expect(result.state).toBe('pending');
    await h.advance(1);
    expect(result.state).toBe('ERR_SPILLWAY_FLUSH_TIMEOUT');
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.exporter.delivered).toEqual(upTo(3));
    await h.end();
  });

  test.each([undefined, Number.NaN, -1, '5' as never])(
    'a flush runs out of time after 30 s if it is asked for %s',
    async (timeoutMillis) => {
      const h = new Harness({ exportTimeoutMillis: 0 }, 'hang');
      h.emit(1);
      const result = flush(h, timeoutMillis);
      await h.advance(29_999);
      expect(result.state).toBe('pending');
      await h.advance(1);
      expect(result.state).toBe('ERR_SPILLWAY_FLUSH_TIMEOUT');
      await h.end();
    },
  );

  test('a flush runs out of time after flushTimeoutMillis if it is asked for none', async () => {
    const h = new Harness({ exportTimeoutMillis: 0, flushTimeoutMillis: 700 }, 'hang');
    h.emit(1);
    const [flushes, own] = [flush(h), flush(h, 900)];
    await h.advance(699);
    expect(flushes.state).toBe('pending');
    await h.advance(1);
    expect([flushes.state, own.state]).toEqual(['ERR_SPILLWAY_FLUSH_TIMEOUT', 'pending']);
    await h.advance(200);
    expect(own.state).toBe('ERR_SPILLWAY_FLUSH_TIMEOUT');
    await h.end();
  });

  test('the timer of a flush keeps the process alive while somebody waits, and no longer', async () => {
    const h = new Harness({}, 'hang');
    h.emit(1);
    expect(h.clock.keepAliveTimers).toBe(0);
    flush(h);
    expect(h.clock.keepAliveTimers).toBe(1);
    await h.settle();
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.clock.keepAliveTimers).toBe(0);
    await h.end();
  });
});

describe('the breaker is open', () => {
  async function broken(resetTimeoutMillis: number) {
    const h = new Harness(
      { breaker: { failureThreshold: 1, resetTimeoutMillis } },
      { fail: httpError(503) },
      'succeed',
    );
    h.emit(3);
    await h.advance(1_000);
    expect(h.stats.breaker.state).toBe('open');
    return h;
  }

  test('a flush while the breaker is open asks once and, if that fails, rejects with ERR_SPILLWAY_UNAVAILABLE and a reason', async () => {
    const h = await broken(60_000);
    h.exporter.script = [{ fail: httpError(503) }];
    const rejected = expect(h.processor.forceFlush({ timeoutMillis: 10_000 })).rejects.toMatchObject({
      code: 'ERR_SPILLWAY_UNAVAILABLE',
      message: expect.stringContaining('HTTP 503'),
    });
    await h.settle();
    await rejected;
    expect(h.exporter.calls).toHaveLength(2);
    expect(h.stats.queued.records).toBe(3);
    await h.end();
  });

  test('a flush while the breaker is open finds out by one attempt that the destination is back, and delivers everything', async () => {
    const h = await broken(60_000);
    const result = flush(h, 10_000);
    await h.settle();
    expect(result.state).toBe('resolved');
    expect(h.exporter.delivered).toEqual(upTo(3));
    await h.end();
  });

  test('one flush after the other forces no more than one attempt in the initial delay of a retry', async () => {
    const h = await broken(60_000);
    h.exporter.script = [{ fail: httpError(503) }];
    for (let time = 0; time < 100; time++) {
      const result = flush(h, 10_000);
      await h.advance(100);
      expect(result.state).toBe('ERR_SPILLWAY_UNAVAILABLE');
    }
    expect(h.exporter.calls.length).toBeLessThanOrEqual(1 + 10);
    await h.end();
  });
});

describe('the exporter', () => {
  const endings = {
    rejects: () => Promise.reject(new Error('cannot flush')),
    throws: () => {
      throw new Error('cannot flush');
    },
    hangs: () => new Promise<void>(() => {}),
  };

  test.each(Object.entries(endings))(
    'an exporter that %s in forceFlush does not fail the flush, nor anything after it',
    async (_how, onForceFlush) => {
      const h = new Harness();
      h.exporter.onForceFlush = onForceFlush;
      for (const expected of [[0], [0, 1]]) {
        h.emit(1);
        const result = flush(h, 500);
        await h.advance(500);
        expect(result.state).toBe('resolved');
        expect(h.exporter.delivered).toEqual(expected);
      }
      await h.end();
    },
  );

  test('an exporter that completes its exports only when flushed is flushed for each of them', async () => {
    const h = new Harness({ maxExportBatchSize: 2 }, 'hang');
    h.exporter.onForceFlush = async () => h.exporter.lastCall.succeed();
    h.emit(5);
    const result = flush(h);
    await h.settle();
    expect([result.state, h.clock.keepAliveTimers]).toEqual(['resolved', 0]);
    expect(h.exporter.delivered).toEqual(upTo(5));
    await h.end();
  });

  test('the exporter is flushed for an export that was under way when the flush began', async () => {
    const h = new Harness({ scheduledDelayMillis: 0 }, 'hang');
    h.exporter.onForceFlush = async () => h.exporter.lastCall.succeed();
    h.emit(1);
    await h.advance(1_000);
    expect([h.exporter.calls.length, h.exporter.forceFlushes]).toEqual([1, 0]);
    const result = flush(h);
    await h.settle();
    expect(result.state).toBe('resolved');
    await h.end();
  });

  test('the exporter is flushed by one call at a time, however many exports begin and callers wait', async () => {
    const h = new Harness({ maxExportBatchSize: 1, maxConcurrentExports: 4 }, 'hang');
    let running = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    h.exporter.onForceFlush = async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => ends.push(resolve));
      running--;
    };
    h.emit(4);
    const flushes = [flush(h, 5_000), flush(h, 5_000)];
    await h.settle();
    expect([h.exporter.calls.length, h.exporter.forceFlushes]).toEqual([4, 1]);
    ends.shift()?.();
    await h.settle();
    expect(h.exporter.forceFlushes).toBe(2);
    for (const call of h.exporter.calls) call.succeed();
    for (let left = 3; left > 0; left--) {
      ends.shift()?.();
      await h.settle();
    }
    expect(flushes.map(({ state }) => state)).toEqual(['resolved', 'resolved']);
    expect(most).toBe(1);
    await h.end();
  });

  test('the exporter is flushed by a flush that fails, too', async () => {
    const h = new Harness({ breaker: { failureThreshold: 1 } }, { fail: httpError(503) });
    h.emit(1);
    const unavailable = flush(h);
    await h.settle();
    expect(unavailable.state).toBe('ERR_SPILLWAY_UNAVAILABLE');
    const before = h.exporter.forceFlushes;
    expect(before).toBeGreaterThan(0);
    h.exporter.script = ['hang'];
    const late = flush(h, 2_000);
    await h.advance(2_000);
    expect(late.state).toMatch(/^ERR/);
    expect(h.exporter.forceFlushes).toBeGreaterThan(before);
    await h.end();
  });

  test('the exporter may have no forceFlush at all', async () => {
    const h = new Harness();
    Object.assign(h.exporter, { forceFlush: undefined });
    h.emit(1);
    const result = flush(h);
    await h.settle();
    expect(result.state).toBe('resolved');
    await h.end();
  });
});
