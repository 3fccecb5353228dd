/** When the processor's metrics begin and end: with a MeterProvider, whenever it appears, and with the shutdown. */

import { metrics } from '@opentelemetry/api';
import { afterEach, describe, expect, test } from 'vitest';
import { Harness } from '../support/harness.ts';
import { Telemetry } from '../support/metrics-reader.ts';

const processed = 'otel.sdk.processor.log.processed';
const queueSize = 'otel.sdk.processor.log.queue.size';

afterEach(() => metrics.disable());

describe('the MeterProvider', () => {
  test('a MeterProvider registered after the processor was built gets the totals counted before', async () => {
    const h = new Harness({ maxQueueSize: 10, maxExportBatchSize: 5 }, 'succeed', 'succeed', 'hang');
    h.emit(10);
    await h.settle();
    // Two make room for two; of the first batch that leaves three, which is filled up from the next one.
    h.emit(12);
    await h.advance(5_000);
    const telemetry = new Telemetry();
    metrics.setGlobalMeterProvider(telemetry.provider);
    // Nothing is sent or answered meanwhile: it is looked for in its own time.
    await h.advance(1_000);
    const collected = await telemetry.collect();
    expect(collected.by(processed, 'error.type')).toEqual({ '': 15, queue_full: 2 });
    expect(collected.by('spillway.records.dropped', 'spillway.drop.reason')).toMatchObject({
      queue_full: 2,
      shed: 0,
    });
    expect(collected.value(queueSize)).toBe(10);
    await h.end();
  });

  test('a MeterProvider is found when the next export ends at the latest, so that its duration is recorded', async () => {
    const h = new Harness({ maxExportBatchSize: 1 });
    h.emit();
    const telemetry = new Telemetry();
    metrics.setGlobalMeterProvider(telemetry.provider);
    await h.settle();
    expect((await telemetry.collect()).by('spillway.export.duration', 'spillway.export.outcome')).toEqual({
      delivered: { count: 1, sum: 0 },
    });
    await h.end();
  });

  test('a MeterProvider can be replaced: the new one is reported to, and the old one no longer', async () => {
    const [old, replacement] = [new Telemetry('delta'), new Telemetry('delta')];
    metrics.setGlobalMeterProvider(old.provider);
    const h = new Harness({});
    h.emit(2);
    expect((await old.collect()).value(queueSize)).toBe(2);
    metrics.disable();
    metrics.setGlobalMeterProvider(replacement.provider);
    await h.advance(1_000);
    expect((await replacement.collect()).value(processed)).toBe(2);
    expect((await old.collect()).metrics).toEqual([]);
    await h.end();
  });

  test('a MeterProvider is found at the shutdown at the latest, so that a short job reports its totals', async () => {
    const h = new Harness({}, 'hang');
    const telemetry = new Telemetry();
    metrics.setGlobalMeterProvider(telemetry.provider);
    h.emit(3);
    await h.end();
    expect((await telemetry.collect()).by(processed, 'error.type')).toEqual({ '': 0, shutdown: 3 });
  });

  test.each(['meterProvider', 'selfObsMeterProvider'] as const)(
    'a MeterProvider given as %s is preferred to the global one',
    async (option) => {
      const [own, global] = [new Telemetry(), new Telemetry()];
      const h = new Harness({ [option]: own.provider });
      metrics.setGlobalMeterProvider(global.provider);
      h.emit();
      await h.advance(1_000);
      expect((await own.collect()).value(processed)).toBe(1);
      expect((await global.collect()).metrics).toEqual([]);
      await h.end();
    },
  );
});

describe('shutdown', () => {
  test.each(['cumulative', 'delta'] as const)(
    'a shutdown is followed by one collection that reports what it dropped (%s)',
    async (temporality) => {
      const telemetry = new Telemetry(temporality);
      const h = new Harness({ meterProvider: telemetry.provider, maxExportBatchSize: 2 }, 'hang');
      h.emit(5);
      await h.settle();
      await telemetry.collect();
      await h.end();
      const collected = await telemetry.collect();
      expect(collected.by('spillway.records.dropped', 'spillway.drop.reason')).toMatchObject({
        shutdown: 5,
        queue_full: 0,
      });
      // Two were passed on before, and those were collected then.
      const passed = temporality === 'delta' ? 0 : 2;
      expect(collected.by(processed, 'error.type')).toEqual({ '': passed, shutdown: 3 });
      const left = temporality === 'delta' ? -5 : 0;
      expect(collected.value(queueSize)).toBe(left);
    },
  );

  test('nothing is observed any more after the collection that follows a shutdown', async () => {
    const telemetry = new Telemetry('delta');
    const h = new Harness({ meterProvider: telemetry.provider });
    h.emit(5);
    await h.end();
    expect((await telemetry.collect()).metrics).not.toEqual([]);
    h.emit(2);
    expect((await telemetry.collect()).metrics).toEqual([]);
  });

  test('a shutdown ends the search for a MeterProvider as well', async () => {
    const h = new Harness({});
    h.emit(5);
    await h.end();
    const telemetry = new Telemetry();
    metrics.setGlobalMeterProvider(telemetry.provider);
    await h.advance(10_000);
    expect((await telemetry.collect()).metrics).toEqual([]);
  });
});
