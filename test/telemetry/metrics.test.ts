/** The processor's instruments as a real MeterProvider collects them, histograms and breaker states included. */

import { diag } from '@opentelemetry/api';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, test, vi } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { ExporterMetrics } from '../../src/otlp/metrics.ts';
import { nextComponentName } from '../../src/telemetry/metrics.ts';
import { Harness } from '../support/harness.ts';
import { Metered, unreadable } from '../support/metered.ts';
import { Telemetry } from '../support/metrics-reader.ts';
import { httpError } from '../support/scripted-exporter.ts';

const processed = 'otel.sdk.processor.log.processed';
const down = { fail: new Error('down') };

/** Every metric, histograms included, has something to say after this. */
async function exercise(h: Harness): Promise<void> {
  h.exporter.script = [{ fail: httpError(401) }, 'succeed'];
  h.emit(2);
  await h.advance(2_000);
  h.processor.onEmit(unreadable());
  await h.settle();
}

afterEach(() => {
  diag.disable();
});

describe('instruments', () => {
  test('the instruments of the processor have the names, types and units of the contract, and there are no others', async () => {
    const h = new Metered();
    await exercise(h);
    expect((await h.collect()).instruments).toEqual({
      'otel.sdk.processor.log.queue.size': 'UpDownCounter, {log_record}',
      'otel.sdk.processor.log.queue.capacity': 'UpDownCounter, {log_record}',
      'otel.sdk.processor.log.processed': 'Counter, {log_record}',
      'spillway.queue.bytes': 'UpDownCounter, By',
      'spillway.queue.limit': 'UpDownCounter, By',
      'spillway.records.offered': 'Counter, {log_record}',
      'spillway.records.dropped': 'Counter, {log_record}',
      'spillway.breaker.state': 'UpDownCounter, 1',
      'spillway.breaker.transitions': 'Counter, {transition}',
      'spillway.export.duration': 'Histogram, s',
      'spillway.delivery.duration': 'Histogram, s',
      'spillway.oldest_record.age': 'Gauge, s',
      'spillway.spool.records': 'UpDownCounter, {log_record}',
      'spillway.spool.bytes': 'UpDownCounter, By',
      'spillway.spool.limit': 'UpDownCounter, By',
      'spillway.spool.replayed': 'Counter, {log_record}',
    });
    await h.end();
  });

  test('the instruments come from a meter with the name and version of the package, and each has a description', async () => {
    const h = new Metered();
    await exercise(h);
    const collected = await h.collect();
    expect(collected.scopes).toEqual([{ name: 'otel-spillway', version: manifest.version }]);
    for (const { descriptor } of collected.metrics)
      expect(descriptor.description, descriptor.name).not.toBe('');
    await h.end();
  });

  test('every point of the processor names it, so that two processors do not mix', async () => {
    const telemetry = new Telemetry();
    const options = { meterProvider: telemetry.provider };
    const both = [new Harness(options), new Harness(options)] as const;
    for (const h of both) await exercise(h);
    both[1].emit(3);
    await both[1].advance(1_000);
    const collected = await telemetry.collect();
    const names = new Set<unknown>();
    for (const { descriptor, dataPoints } of collected.metrics) {
      for (const { attributes } of dataPoints) {
        expect(attributes['otel.component.type'], descriptor.name).toBe('spillway_log_processor');
        expect(attributes['otel.component.name'], descriptor.name).toMatch(/^spillway_log_processor\/\d+$/);
        names.add(attributes['otel.component.name']);
      }
    }
    expect(names.size).toBe(2);
    const passed = collected.points(processed).filter(({ attributes }) => !attributes['error.type']);
    expect(passed.map(({ value }) => value)).toEqual([2, 5]);
    for (const h of both) await h.end();
  });

  test('the names of components differ between two copies of the package, as ES modules and CommonJS have them', async () => {
    const telemetry = new Telemetry();
    vi.resetModules();
    const copy = await import('../../src/telemetry/metrics.ts');
    expect(copy.nextComponentName).not.toBe(nextComponentName);
    const names = Array.from({ length: 50 }, () => [copy.nextComponentName(), nextComponentName()]).flat();
    expect(new Set(names).size).toBe(100);
    const exporterMetrics = [ExporterMetrics, (await import('../../src/otlp/metrics.ts')).ExporterMetrics];
    for (const Metrics of exporterMetrics) {
      new Metrics(new URL('http://localhost:4318'), telemetry.provider, true).started(1);
    }
    expect((await telemetry.collect()).points('otel.sdk.exporter.log.inflight')).toHaveLength(2);
  });

  test('two processors on one provider give the SDK no reason to warn', async () => {
    const warn = vi.fn();
    const telemetry = new Telemetry();
    const first = new Harness({ meterProvider: telemetry.provider });
    diag.setLogger({ error: warn, warn, info() {}, debug() {}, verbose() {} });
    const second = new Harness({ meterProvider: telemetry.provider });
    first.emit();
    second.emit();
    await telemetry.collect();
    expect(warn).not.toHaveBeenCalled();
    await first.end();
    await second.end();
  });

  test('the histograms have buckets that tell milliseconds from seconds, and seconds from minutes', async () => {
    const h = new Metered({ maxExportBatchSize: 1, exportTimeoutMillis: 0 }, 'hang');
    for (const millis of [3, 30, 300, 3_000, 30_000, 300_000]) {
      h.emit();
      await h.advance(millis);
      h.exporter.lastCall.succeed();
      await h.settle();
    }
    const collected = await h.collect();
    for (const name of ['spillway.export.duration', 'spillway.delivery.duration']) {
      const histogram = collected.points(name)[0]?.value as Histogram;
      expect(
        histogram.buckets.counts.filter((count) => count > 0),
        name,
      ).toEqual([1, 1, 1, 1, 1, 1]);
    }
    await h.end();
  });
});

describe('the circuit breaker', () => {
  test('the breaker is reported by three states, and an outage of many probes as one opening and one return', async () => {
    const h = new Metered(
      { retry: { initialDelayMillis: 10, maxDelayMillis: 10 }, breaker: { failureThreshold: 2 } },
      down,
    );
    const state = async () => (await h.collect()).by('spillway.breaker.state', 'spillway.breaker.state');
    const transitions = async () =>
      (await h.collect()).by('spillway.breaker.transitions', 'spillway.breaker.state');
    expect(await state()).toEqual({ closed: 1, open: 0, 'half-open': 0 });
    expect(await transitions()).toEqual({ closed: 0, open: 0 });

    h.emit();
    await h.advance(1_100);
    expect(await state()).toEqual({ closed: 0, open: 1, 'half-open': 0 });
    expect(await transitions()).toEqual({ closed: 0, open: 1 });

    const { attempts } = h.stats.exports;
    await h.advance(60_000);
    expect(h.stats.exports.attempts).toBeGreaterThan(attempts + 2);
    h.exporter.script = ['hang'];
    await h.advance(30_000);
    expect(await state()).toEqual({ closed: 0, open: 0, 'half-open': 1 });
    expect(await transitions()).toEqual({ closed: 0, open: 1 });

    h.exporter.lastCall.succeed();
    await h.settle();
    expect(await state()).toEqual({ closed: 1, open: 0, 'half-open': 0 });
    expect(await transitions()).toEqual({ closed: 1, open: 1 });
    await h.end();
  });

  test('the breaker is reported as closed where it is turned off', async () => {
    const h = new Metered({ breaker: false, retry: { initialDelayMillis: 1, maxDelayMillis: 1 } }, down);
    h.emit();
    await h.advance(1_100);
    expect((await h.collect()).by('spillway.breaker.state', 'spillway.breaker.state')).toEqual({
      closed: 1,
      open: 0,
      'half-open': 0,
    });
    await h.end();
  });
});

describe('durations', () => {
  test('the durations of exports are recorded in seconds, one for each attempt, by its outcome', async () => {
    const h = new Metered({ maxExportBatchSize: 1, retry: { initialDelayMillis: 10 } }, 'hang');
    const answers = [
      () => h.exporter.lastCall.fail(new Error('down')),
      () => h.exporter.lastCall.fail(httpError(500)),
      () => h.exporter.lastCall.succeed(),
      () => h.exporter.lastCall.fail(httpError(422)),
      () => h.exporter.lastCall.fail(httpError(400)),
      () => h.exporter.lastCall.fail(httpError(413)),
      () => h.exporter.lastCall.succeed(),
    ];
    h.emit(5);
    for (const answer of answers) {
      await h.advance(250);
      answer();
      await h.settle();
    }
    const { attempts, failures } = h.stats.exports;
    expect([attempts, failures]).toEqual([7, 5]);
    const durations = (await h.collect()).by('spillway.export.duration', 'spillway.export.outcome');
    expect(durations).toMatchObject({
      delivered: { count: 2 },
      retryable: { count: 1, sum: 0.25 },
      ambiguous: { count: 1 },
      rejected: { count: 1, sum: 0.25 },
      malformed: { count: 1, sum: 0.25 },
      too_large: { count: 1, sum: 0.25 },
    });
    await h.end();
  });

  test('the duration of a delivery lasts from onEmit to the acknowledgement, waits and retries included, one per batch', async () => {
    const h = new Metered({ maxExportBatchSize: 2, retry: { initialDelayMillis: 1_000 } }, down, 'hang');
    h.clock.chance = 1 - 2 ** -53;
    h.emit();
    await h.advance(400);
    h.emit();
    await h.advance(1_000);
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(h.stats.exported).toBe(2);
    expect((await h.collect()).by('spillway.delivery.duration', '')).toEqual({ '': { count: 1, sum: 1.4 } });
    await h.end();
  });

  test('the duration of a delivery is not recorded for dropped records', async () => {
    const h = new Metered({}, { fail: httpError(422) });
    h.emit(3);
    await h.advance(1_000);
    expect(h.stats.dropped.rejected).toBe(3);
    expect((await h.collect()).points('spillway.delivery.duration')).toEqual([]);
    await h.end();
  });
});
