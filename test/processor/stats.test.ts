/** What the processor says of itself when asked: `stats()` and `health()`. */

import { describe, expect, test } from 'vitest';
import { DROP_REASONS } from '../../src/index.ts';
import { Harness } from '../support/harness.ts';
import { droppedTotal } from '../support/records.ts';
import { httpError } from '../support/scripted-exporter.ts';

const down = { fail: new Error('connect ECONNREFUSED') };
const zero = { records: 0, bytes: 0 };
const noTime = { p50: 0, p95: 0, p99: 0 };

describe('stats()', () => {
  test('stats() is zero in every place before anything happens, with all drop reasons present', () => {
    const h = new Harness();
    expect(h.stats).toStrictEqual({
      offered: 0,
      recovered: 0,
      exported: 0,
      dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])),
      queued: zero,
      inFlight: zero,
      spooled: zero,
      breaker: { state: 'closed' },
      exports: { attempts: 0, failures: 0 },
      exportMillis: noTime,
      deliveryMillis: noTime,
    });
    return h.end();
  });

  test('stats() is plain JSON at every stage of a processor: nothing is lost in a round trip', async () => {
    const h = new Harness(
      { maxExportBatchSize: 5, maxQueueSize: 12, breaker: { failureThreshold: 1 } },
      'hang',
    );
    const check = () => expect(JSON.parse(JSON.stringify(h.stats))).toStrictEqual(h.stats);
    h.emit(14);
    await h.settle();
    check();
    h.exporter.lastCall.fail(new Error('down'));
    await h.advance(10);
    expect(h.stats.breaker).toStrictEqual({
      state: 'open',
      nextProbeMillis: 865,
      failingMillis: 10,
    });
    check();
    h.exporter.script = ['succeed'];
    await h.advance(1_000);
    check();
    await h.end();
    check();
  });

  test('stats() says where every record is: queued, in flight, exported, dropped', async () => {
    const h = new Harness({ maxExportBatchSize: 10, maxQueueSize: 30 }, 'succeed', 'hang');
    h.emit(10);
    await h.settle();
    h.emit(10);
    await h.settle();
    h.emit(25);
    const { offered, exported, dropped, queued, inFlight } = h.stats;
    expect({ offered, exported }).toEqual({ offered: 45, exported: 10 });
    expect([inFlight.records, queued.records]).toEqual([10, 20]);
    expect(dropped.queue_full).toBe(5);
    expect(droppedTotal(h.stats)).toBe(5);
    // All records here are alike, and so is what they weigh.
    expect(queued.bytes).toBe(2 * inFlight.bytes);
    await h.end();
  });

  test('stats() is a snapshot: what happens later does not change one that was taken', async () => {
    const h = new Harness({ maxQueueSize: 2, maxExportBatchSize: 2 });
    const before = h.stats;
    const copy = structuredClone(before);
    h.emit(5);
    await h.settle();
    expect(h.stats).not.toEqual(copy);
    expect(before).toEqual(copy);
    await h.end();
  });

  test('stats() keeps the message of the last failure, and counts attempts and failures', async () => {
    const h = new Harness({ retry: { initialDelayMillis: 1 } }, down, { fail: httpError(503) }, 'succeed');
    h.emit();
    await h.advance(2_000);
    expect(h.stats.exports).toEqual({ attempts: 3, failures: 2, lastError: 'HTTP 503' });
    await h.end();
  });

  test('stats() has the percentiles of the durations of attempts and deliveries, to within one per cent', async () => {
    const h = new Harness({ maxExportBatchSize: 1 }, 'hang');
    for (let millis = 1; millis <= 200; millis++) {
      h.emit();
      await h.settle();
      await h.advance(millis);
      h.exporter.lastCall.succeed();
      await h.settle();
    }
    for (const { p50, p95, p99 } of [h.stats.exportMillis, h.stats.deliveryMillis]) {
      expect(Math.abs(p50 / 100 - 1)).toBeLessThan(0.015);
      expect(Math.abs(p95 / 190 - 1)).toBeLessThan(0.015);
      expect(Math.abs(p99 / 198 - 1)).toBeLessThan(0.015);
    }
    await h.end();
  });

  test('stats() has deliveries that include the wait for company and for retries, where attempts do not', async () => {
    const h = new Harness({}, down, down, down, 'succeed');
    h.emit();
    await h.advance(1_875);
    expect(h.stats.exported).toBe(1);
    expect(h.stats.deliveryMillis.p50 / 1_875).toBeCloseTo(1, 1);
    expect(h.stats.exportMillis.p99).toBeLessThan(1);
    await h.end();
  });
});

describe('health()', () => {
  const ok = { status: 'ok', reasons: [] };

  test('health() is ok for a new processor, and while records flow', async () => {
    const h = new Harness();
    expect(h.processor.health()).toEqual(ok);
    h.emit(100);
    await h.advance(1_000);
    expect(h.processor.health()).toEqual(ok);
    await h.end();
  });

  test('health() is degraded while exports fail, says why, and is ok again with the first success', async () => {
    const h = new Harness({}, down);
    h.emit();
    await h.advance(1_000);
    expect(h.processor.health()).toEqual({
      status: 'degraded',
      reasons: ['exports have failed for 0 s (connect ECONNREFUSED)'],
    });
    h.exporter.script = ['succeed'];
    await h.advance(10_000);
    expect(h.processor.health()).toEqual(ok);
    await h.end();
  });

  test('health() stays degraded while exports fail when somebody asks for a flush', async () => {
    const h = new Harness({}, down, down, down, 'hang');
    h.emit();
    await h.advance(1_000);
    const flush = h.processor.forceFlush({ timeoutMillis: 100 });
    expect(h.processor.health().status).toBe('degraded');
    await Promise.all([expect(flush).rejects.toThrow('otel-spillway'), h.advance(100)]);
    expect(h.processor.health().status).toBe('degraded');
    await h.end();
  });

  test('health() is failing while the breaker is open, degraded while it probes', async () => {
    const h = new Harness({ breaker: { failureThreshold: 1 } }, down, 'hang');
    h.emit();
    await h.advance(1_000);
    expect(h.processor.health()).toEqual({
      status: 'failing',
      reasons: ['the circuit breaker is open, exports have failed for 0 s (connect ECONNREFUSED)'],
    });
    await h.advance(1_000);
    expect(h.processor.health()).toEqual({
      status: 'degraded',
      reasons: ['the circuit breaker is probing, exports have failed for 1 s (connect ECONNREFUSED)'],
    });
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.processor.health()).toEqual(ok);
    await h.end();
  });

  test('health() is degraded while memory is short, failing while it is very short', async () => {
    const h = new Harness();
    const at = async (ratio: number) => {
      h.memoryUseRatio = ratio;
      await h.advance(1_000);
      return h.processor.health();
    };
    expect(await at(0.85)).toEqual({
      status: 'degraded',
      reasons: ['memory is above the soft limit: the queue is reduced'],
    });
    expect(await at(0.95)).toEqual({
      status: 'failing',
      reasons: ['memory is above the hard limit: only protected records are kept'],
    });
    expect(await at(0.5)).toEqual(ok);
    await h.end();
  });

  test('health() is degraded while the queue is nearly full', async () => {
    const h = new Harness({ maxQueueSize: 100, maxExportBatchSize: 100 }, 'hang');
    h.emit(80);
    expect(h.processor.health()).toEqual(ok);
    h.emit(10);
    expect(h.processor.health()).toEqual({ status: 'degraded', reasons: ['the queue is 90 % full'] });
    await h.end();
  });

  test('health() is degraded for 30 s after a drop', async () => {
    const h = new Harness({}, { fail: httpError(422) }, 'succeed');
    h.emit();
    await h.advance(1_000);
    expect(h.processor.health()).toEqual({
      status: 'degraded',
      reasons: ['records were dropped in the last 30 s'],
    });
    await h.advance(29_999);
    expect(h.processor.health().status).toBe('degraded');
    await h.advance(1);
    expect(h.processor.health()).toEqual(ok);
    await h.end();
  });

  test('health() is ok after a shutdown that lost nothing', async () => {
    const h = new Harness();
    await h.end();
    expect(h.processor.health()).toEqual({ status: 'ok', reasons: [] });
  });

  test('health() gives every reason there is, the worst ones first', async () => {
    const h = new Harness(
      { maxQueueSize: 10, maxExportBatchSize: 5, breaker: { failureThreshold: 1 } },
      down,
    );
    h.emit(12);
    h.memoryUseRatio = 0.85;
    await h.settle();
    h.exporter.script = ['hang'];
    await h.advance(1_000);
    h.exporter.lastCall.fail(new Error('connect ECONNREFUSED'));
    await h.settle();
    expect(h.processor.health()).toEqual({
      status: 'failing',
      reasons: [
        'the circuit breaker is open, exports have failed for 1 s (connect ECONNREFUSED)',
        'memory is above the soft limit: the queue is reduced',
        'the queue is 100 % full',
        'records were dropped in the last 30 s',
      ],
    });
    await h.end();
  });
});
