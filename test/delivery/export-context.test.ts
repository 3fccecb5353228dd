/** Exports and callbacks run in contexts of their own, so that what they log is recognised. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { context, createContextKey, diag, ROOT_CONTEXT } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { originOf, runCallback, runExporting } from '../../src/delivery/export-context.ts';
import { diagLines } from '../support/diag-lines.ts';
import { Harness } from '../support/harness.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** The registered symbol under which every copy of @opentelemetry/core looks for it. */
const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const REQUEST = createContextKey('request');

function useContextManager(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => context.disable());
}

/** An exporter that logs through the same processor, at once and after awaiting something. */
function logging(h: Harness): void {
  const { exporter } = h;
  exporter.export = (records, callback) => {
    h.emit(1);
    void nextTurn().then(() => {
      h.emit(1);
      callback({ code: 0 });
      exporter.delivered.push(...records.map(({ body }) => body));
    });
  };
}

describe('with a context manager', () => {
  test('what is logged anywhere inside an export is dropped as self, and nothing feeds on itself', async () => {
    useContextManager();
    const h = new Harness({ scheduledDelayMillis: 0 });
    logging(h);
    h.emit(1);
    for (let turn = 0; turn < 5; turn++) await h.advance(10);
    expect(h.stats).toMatchObject({
      offered: 3,
      exported: 1,
      dropped: { self: 2 },
      exports: { attempts: 1 },
    });
    await h.end();
  });

  test('another processor of this package drops as self what it would take from an export, too', async () => {
    useContextManager();
    const other = new Harness();
    const h = new Harness();
    h.exporter.onForceFlush = async () => {
      await nextTurn();
      other.emit(1);
    };
    h.exporter.onShutdown = async () => {
      await nextTurn();
      other.emit(1);
    };
    const flush = h.processor.forceFlush();
    for (let turn = 0; turn < 3; turn++) await h.settle();
    await flush;
    await h.end();
    expect(other.stats.dropped.self).toBe(2);
    await other.end();
  });

  test('what is logged beside an export is not', async () => {
    useContextManager();
    const h = new Harness({}, 'hang');
    h.emit(1);
    await h.advance(1_000);
    h.emit(1);
    expect(h.stats).toMatchObject({ queued: { records: 1 }, inFlight: { records: 1 }, dropped: { self: 0 } });
    await h.end();
  });

  test('exports are not traced, and do not hold on to the request that caused them', async () => {
    useContextManager();
    const h = new Harness();
    const seen: unknown[] = [];
    h.exporter.decide = () => {
      seen.push(context.active().getValue(SUPPRESS_TRACING), context.active().getValue(REQUEST));
      return undefined;
    };
    const flush = context.with(ROOT_CONTEXT.setValue(REQUEST, 'GET /'), () => {
      h.emit(1);
      return h.processor.forceFlush();
    });
    await h.settle();
    await flush;
    expect(seen).toEqual([true, undefined]);
    await h.end();
  });
});

describe('without a context manager', () => {
  test('what is logged synchronously inside an export is still recognised', async () => {
    const h = new Harness({ maxExportBatchSize: 1 });
    h.exporter.decide = () => {
      h.emit(1);
      return undefined;
    };
    h.emit(1);
    await h.settle();
    expect(h.stats).toMatchObject({ offered: 2, exported: 1, dropped: { self: 1 } });
    await h.end();
  });

  test('the context that comes with a record counts too', () => {
    let inside = ROOT_CONTEXT;
    useContextManager();
    runExporting(() => {
      inside = context.active();
    });
    context.disable();
    expect(originOf(inside)).toBe('export');
    expect(originOf(ROOT_CONTEXT)).toBeUndefined();
    expect(originOf(undefined)).toBeUndefined();
  });

  test('an export that throws does not leave everything after it marked', () => {
    expect(() =>
      runExporting(() => {
        throw new Error('broken');
      }),
    ).toThrow('broken');
    expect(originOf(undefined)).toBeUndefined();
  });
});

describe('what a callback logs through the same processor is dropped as self, and does not call it again:', () => {
  const outage = { breaker: { failureThreshold: 1 }, maxQueueSize: 4, maxExportBatchSize: 2 };

  /** A processor that overflows and whose exports fail, and one of whose callbacks logs. */
  async function loggingIn(
    callback: 'onDrop' | 'onError' | 'onBreakerStateChange' | 'diag',
    log: (h: Harness) => void,
  ) {
    let calls = 0;
    const called = () => {
      calls++;
      log(h);
    };
    if (callback === 'diag') {
      diag.setLogger({ error: called, warn: called, info: called, debug() {}, verbose() {} });
      onTestFinished(() => diag.disable());
    }
    const options = callback === 'diag' ? outage : { ...outage, [callback]: called };
    const h = new Harness(options, { fail: new Error('down') });
    h.emit(6);
    for (let turn = 0; turn < 20; turn++) await h.advance(5);
    const callsOfLoss = calls;
    for (let turn = 0; turn < 20; turn++) await h.advance(5);
    expect(h.exporter.calls.length).toBeLessThan(5);
    return { h, callsOfLoss, calls: () => calls };
  }

  test.each(['onDrop', 'onError', 'onBreakerStateChange', 'diag'] as const)(
    'a record that %s logs through the same processor is dropped as self, and does not call it again',
    async (callback) => {
      const { h, callsOfLoss, calls } = await loggingIn(callback, (harness) => harness.emit(1));
      expect(calls()).toBe(callsOfLoss);
      expect(calls()).toBeLessThan(5);
      expect(calls()).toBeGreaterThan(0);
      expect(h.stats).toMatchObject({
        offered: 6 + calls(),
        queued: { records: 4 },
        dropped: { queue_full: 2, self: calls() },
      });
      await h.end();
    },
  );

  test.each(['onDrop', 'onError', 'onBreakerStateChange', 'diag'] as const)(
    'a record that %s logs after a wait, with a context manager, is dropped as self, and does not call it again',
    async (callback) => {
      useContextManager();
      const { h, callsOfLoss, calls } = await loggingIn(callback, (harness) => {
        void nextTurn()
          .then(nextTurn)
          .then(() => harness.emit(1));
      });
      expect(calls()).toBe(callsOfLoss);
      expect(h.stats).toMatchObject({ queued: { records: 4 }, dropped: { queue_full: 2, self: calls() } });
      await h.end();
    },
  );

  test('a record that a callback logs while it handles another drop is reported with the next report, or at the end', async () => {
    const lines = diagLines();
    const { h } = await loggingIn('onDrop', (harness) => harness.emit(1));
    await h.end();
    const told = Array.from(lines.join().matchAll(/self (\d+)/g), ([, records]) => Number(records));
    expect(told.reduce((sum, records) => sum + records, 0)).toBe(h.stats.dropped.self);
    expect(h.stats.dropped.self).toBe(2);
  });

  test('what is begun in a callback is an ordinary source of logs one second later', async () => {
    useContextManager();
    let begun = ROOT_CONTEXT;
    const { h } = await loggingIn('onDrop', () => {
      begun = context.active();
    });
    expect(originOf(begun)).toBe('callback');
    await h.advance(1_000);
    expect(originOf(begun)).toBeUndefined();
    await h.end();
  });

  test('an async callback lasts until its promise is settled', async () => {
    useContextManager();
    const clock = new ManualClock();
    let inside = ROOT_CONTEXT;
    const { promise, resolve } = Promise.withResolvers<void>();
    const returned = runCallback(() => {
      inside = context.active();
      return promise;
    }, clock);
    await clock.advance(60_000);
    expect(originOf(inside)).toBe('callback');
    resolve();
    await returned;
    await clock.advance(1_000);
    expect(originOf(inside)).toBeUndefined();
  });
});
