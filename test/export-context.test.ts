/** Exports run in a context of their own: not traced, cut off from requests, and their own logs are recognised. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isExporting, runExporting } from '../src/delivery/export-context.ts';
import { Harness } from './support/harness.ts';

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

  test('so is what another processor of this package would take from it', async () => {
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
    expect(isExporting(inside)).toBe(true);
    expect(isExporting(ROOT_CONTEXT)).toBe(false);
    expect(isExporting(undefined)).toBe(false);
  });

  test('an export that throws does not leave everything after it marked', () => {
    expect(() =>
      runExporting(() => {
        throw new Error('broken');
      }),
    ).toThrow('broken');
    expect(isExporting(undefined)).toBe(false);
  });
});
