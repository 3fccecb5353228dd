/** Exports that take their time, or for ever: timeouts, the grace after them, late and repeated answers, late resources. */

import { describe, expect, test } from 'vitest';
import { Harness, upTo } from '../support/harness.ts';

const TIMEOUT = { exportTimeoutMillis: 1_000, maxExportBatchSize: 2 };
const GRACE_MILLIS = 5_000;

describe('an export that times out', () => {
  test('an export that times out keeps its slot through the grace, then fails and is sent again', async () => {
    const h = new Harness(TIMEOUT, 'hang', 'succeed');
    h.emit(4);
    await h.advance(1_000 + GRACE_MILLIS - 1);
    expect(h.exporter.calls).toHaveLength(1);
    await h.advance(1);
    expect(h.stats.exports).toMatchObject({ failures: 1, lastError: 'export timed out after 1000 ms' });
    await h.advance(1_000);
    expect(h.exporter.delivered).toEqual(upTo(4));
    await h.end();
  });

  test('an export that times out and succeeds within the grace is not sent twice', async () => {
    const h = new Harness(TIMEOUT, 'hang');
    h.emit(2);
    await h.advance(3_000);
    h.exporter.lastCall.succeed();
    await h.advance(20_000);
    expect(h.exporter.calls).toHaveLength(1);
    expect(h.stats).toMatchObject({ exported: 2, exports: { attempts: 1, failures: 0 } });
    await h.end();
  });

  test('an export that times out and answers when nobody waits any more changes nothing', async () => {
    const h = new Harness(TIMEOUT, 'hang', 'succeed');
    h.emit(2);
    await h.advance(10_000);
    const [abandoned] = h.exporter.calls;
    expect(h.stats.exported).toBe(2);
    abandoned?.succeed();
    abandoned?.fail(new Error('late'));
    await h.settle();
    expect(h.stats).toMatchObject({ exported: 2, exports: { attempts: 2, failures: 1 } });
    await h.end();
  });

  test('an export that times out never overlaps another one beyond maxConcurrentExports', async () => {
    for (const maxConcurrentExports of [1, 3]) {
      const h = new Harness({ ...TIMEOUT, maxConcurrentExports, breaker: false }, 'hang');
      h.emit(20);
      await h.advance(1_000 + GRACE_MILLIS - 1);
      expect(h.exporter.peakConcurrent).toBe(maxConcurrentExports);
      expect(h.stats.inFlight.records).toBe(2 * maxConcurrentExports);
      await h.end();
    }
  });

  test('an export is waited for without end when exportTimeoutMillis is 0', async () => {
    const h = new Harness({ ...TIMEOUT, exportTimeoutMillis: 0 }, 'hang');
    h.emit(2);
    await h.advance(3_600_000);
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.exporter.delivered).toEqual([0, 1]);
    await h.end();
  });
});

test('the first answer of an exporter counts, and no other', async () => {
  const h = new Harness(TIMEOUT, 'hang');
  h.emit(4);
  await h.settle();
  const [first] = h.exporter.calls;
  first?.succeed();
  first?.succeed();
  first?.fail(new Error('second thoughts'));
  await h.settle();
  expect(h.stats).toMatchObject({ exported: 2, inFlight: { records: 2 }, exports: { failures: 0 } });
  const { lastCall } = h.exporter;
  lastCall.fail(new Error('down'));
  lastCall.succeed();
  await h.settle();
  expect(h.stats).toMatchObject({ exported: 2, inFlight: { records: 2 }, exports: { failures: 1 } });
  await h.end();
});

test.each([undefined, null, {}, { code: 1 }, { code: 0n }, 'ok'])(
  'an answer of %o is a failure that may pass',
  async (answer) => {
    const h = new Harness();
    h.exporter.export = (_records, callback) => callback(answer as never);
    h.emit(1);
    await h.advance(1_000);
    const { exports, ...stats } = h.stats;
    expect(stats).toMatchObject({ exported: 0, queued: { records: 1 } });
    expect(exports.failures).toBe(exports.attempts);
    await h.end();
  },
);

describe('resource attributes that resolve later', () => {
  function resource(waits: () => unknown) {
    return { attributes: {}, asyncAttributesPending: true, waitForAsyncAttributes: waits };
  }

  test('late attributes of a resource are waited for before the first export', async () => {
    const h = new Harness();
    let ready = () => {};
    const pending = resource(
      () =>
        new Promise<void>((resolve) => {
          ready = resolve;
        }),
    );
    h.emit(3, { resource: pending });
    await h.advance(2_000);
    expect(h.exporter.calls).toHaveLength(0);
    ready();
    await h.settle();
    expect(h.exporter.delivered).toEqual(upTo(3));
    await h.end();
  });

  test.each([
    ['never come', () => new Promise(() => {}), 5_000],
    ['fail', () => Promise.reject(new Error('no metadata')), 0],
    [
      'throw',
      () => {
        throw new Error('no metadata');
      },
      0,
    ],
    ['are of no interest', undefined, 0],
  ] as const)(
    'late attributes of a resource that %s cost a bounded wait, not the records',
    async (_how, waits, afterMillis) => {
      const h = new Harness();
      h.emit(1, { resource: resource(waits as () => unknown) });
      h.emit(1, { resource: resource(waits as () => unknown) });
      await h.advance(1_000);
      if (afterMillis > 0) {
        await h.advance(afterMillis - 1);
        expect(h.exporter.calls).toHaveLength(0);
        await h.advance(1);
      }
      expect(h.exporter.delivered).toEqual(upTo(2));
      await h.end();
    },
  );

  test('the wait for late attributes of a resource is within the time of one export', async () => {
    const h = new Harness({ exportTimeoutMillis: 100 });
    h.emit(1, { resource: resource(() => new Promise(() => {})) });
    await h.advance(1_000);
    await h.advance(100);
    expect(h.stats.inFlight.records).toBe(1);
    await h.advance(GRACE_MILLIS);
    expect(h.exporter.delivered).toEqual([0]);
    await h.end();
  });
});
