/** What the OTLP exporter reports of itself, as a real MeterProvider collects it, by the semantic conventions for SDK metrics. */

import { type Attributes, metrics } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { SpillwayOtlpLogExporter } from '../../src/index.ts';
import { type Answer, startSink } from '../support/http-sink.ts';
import { type Collected, Telemetry } from '../support/metrics-reader.ts';
import { collectorWith, ManualPipeline, type PipelineOptions } from '../support/otlp-pipeline.ts';
import { record } from '../support/records.ts';

const inflight = 'otel.sdk.exporter.log.inflight';
const exported = 'otel.sdk.exporter.log.exported';
const duration = 'otel.sdk.exporter.operation.duration';
const COMPONENT = 'otlp_http_log_exporter';

/** As long as the test says, so that durations are exact. */
const MAX_RANDOM = 1 - 2 ** -53;

afterEach(() => metrics.disable());

interface Target {
  readonly logsUrl: string;
}

/** A pipeline on a manual clock whose exporter reports to its own MeterProvider, and nothing else does. */
class Metered extends ManualPipeline {
  readonly telemetry: Telemetry;

  constructor(target: Target, { otlp, ...options }: PipelineOptions = {}) {
    const telemetry = new Telemetry();
    super(target, {
      scheduledDelayMillis: 0,
      otlp: { meterProvider: telemetry.provider, ...otlp },
      ...options,
    });
    this.telemetry = telemetry;
    this.clock.chance = MAX_RANDOM;
  }

  collect(): Promise<Collected> {
    return this.telemetry.collect();
  }

  /** Lets the back-off pass until everything is delivered or dropped. */
  async settled(): Promise<void> {
    await this.clock.advance(0);
    for (let round = 0; round < 20; round++) {
      await this.until(({ inFlight }) => inFlight.records === 0);
      if (this.stats.queued.records === 0) return;
      await this.clock.advance(30_000);
    }
    throw new Error(`not settled: ${JSON.stringify(this.stats)}`);
  }
}

/** The points of a metric without what is the same on all of them. */
function points(collected: Collected, name: string): { value: unknown; attributes: Attributes }[] {
  return collected.points(name).map(({ value, attributes }) => {
    const {
      'otel.component.type': _type,
      'otel.component.name': _name,
      'server.address': _address,
      'server.port': _port,
      ...own
    } = attributes;
    return { value: typeof value === 'number' ? value : (value as Histogram).count, attributes: own };
  });
}

function exportBy(exporter: SpillwayOtlpLogExporter, count: number): Promise<{ code: number }> {
  const batch = Array.from({ length: count }, () => record());
  return new Promise((resolve) => exporter.export(batch, resolve));
}

/** A server whose answers wait for the test. */
async function sinkThatWaits() {
  const sink = await startSink();
  const waiting: (() => void)[] = [];
  const answer: Answer = (response) => waiting.push(() => response.end());
  sink.answer = answer;
  return { logsUrl: `${sink.origin}/v1/logs`, sink, waiting };
}

describe('instruments', () => {
  test('the instruments of the exporter have the names, types and units of the conventions, and the scope of the package', async () => {
    const collector = await collectorWith();
    const h = new Metered(collector);
    h.emit(1);
    await h.settled();
    const collected = await h.collect();
    expect(collected.instruments).toEqual({
      [inflight]: 'UpDownCounter, {log_record}',
      [exported]: 'Counter, {log_record}',
      [duration]: 'Histogram, s',
    });
    expect(collected.scopes).toEqual([{ name: 'otel-spillway', version: manifest.version }]);
    for (const { descriptor } of collected.metrics)
      expect(descriptor.description, descriptor.name).not.toBe('');
  });

  test('every point of the exporter names it, its component type and the address that it sends to', async () => {
    const collector = await collectorWith();
    const telemetry = new Telemetry();
    const otlp = { meterProvider: telemetry.provider };
    for (const h of [new Metered(collector, { otlp }), new Metered(collector, { otlp })]) {
      h.emit(2);
      await h.settled();
    }
    const collected = await telemetry.collect();
    for (const { descriptor, dataPoints } of collected.metrics) {
      expect(dataPoints, descriptor.name).toHaveLength(2);
      for (const { attributes } of dataPoints) {
        expect(attributes, descriptor.name).toMatchObject({
          'otel.component.type': COMPONENT,
          'otel.component.name': expect.stringMatching(new RegExp(`^${COMPONENT}/.+`)),
          'server.address': '127.0.0.1',
          'server.port': collector.port,
        });
      }
      expect(new Set(dataPoints.map(({ attributes }) => attributes['otel.component.name'])).size).toBe(2);
    }
  });

  test.each([
    ['http://127.0.0.1', 80],
    ['https://127.0.0.1', 443],
  ])('the points of an exporter to %s have the port %i', async (origin, port) => {
    const telemetry = new Telemetry();
    const exporter = new SpillwayOtlpLogExporter({
      url: `${origin}/v1/logs`,
      meterProvider: telemetry.provider,
      headers: () => Promise.reject(new Error('nothing is to be sent')),
    });
    onTestFinished(() => exporter.shutdown());
    await exportBy(exporter, 1);
    expect((await telemetry.collect()).points(inflight)[0]?.attributes).toMatchObject({
      'server.address': '127.0.0.1',
      'server.port': port,
    });
  });

  test('the instruments and attributes of the exporter are those of the official exporter', async () => {
    const collector = await collectorWith();
    const [ours, theirs] = [new Telemetry(), new Telemetry()];
    const h = new Metered(collector, { otlp: { meterProvider: ours.provider } });
    h.emit(3);
    await h.settled();
    const official = new OTLPLogExporter({ url: collector.logsUrl, selfObsMeterProvider: theirs.provider });
    onTestFinished(() => official.shutdown());
    const batch = [record(), record(), record()];
    await new Promise((resolve) => official.export(batch, resolve));
    const [actual, expected] = [await ours.collect(), await theirs.collect()];
    // The conventions call a record {log_record}; the official exporter has not followed yet.
    const instruments = Object.entries(expected.instruments).map(([name, what]) => [
      name,
      what.replace('{log}', '{log_record}'),
    ]);
    expect(actual.instruments).toEqual(Object.fromEntries(instruments));
    for (const name of [inflight, exported]) {
      expect(points(actual, name)).toEqual(points(expected, name));
      const { 'otel.component.name': theirName, ...attributes } = expected.points(name)[0]?.attributes ?? {};
      expect(actual.points(name)[0]?.attributes).toMatchObject(attributes);
      // Both may be in one process.
      expect(actual.points(name)[0]?.attributes['otel.component.name']).not.toBe(theirName);
    }
  });
});

describe('records', () => {
  test('records are in flight from the request to its answer, and then exported', async () => {
    const { logsUrl, waiting } = await sinkThatWaits();
    const h = new Metered({ logsUrl });
    h.emit(10);
    await h.clock.advance(0);
    await h.until(() => waiting.length === 1);
    const before = await h.collect();
    expect(points(before, inflight)).toEqual([{ value: 10, attributes: {} }]);
    expect(points(before, exported)).toEqual([]);
    expect(points(before, duration)).toEqual([]);

    waiting[0]?.();
    await h.settled();
    const after = await h.collect();
    expect(points(after, inflight)).toEqual([{ value: 0, attributes: {} }]);
    expect(points(after, exported)).toEqual([{ value: 10, attributes: {} }]);
  });

  test('records that a partial success rejects are counted as exported with an error, the others without', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'partial', rejected: 3 }, { kind: 'partial', rejected: 1_000 });
    const h = new Metered(collector, { maxExportBatchSize: 10 });
    h.emit(20);
    await h.settled();
    const collected = await h.collect();
    expect(points(collected, exported)).toEqual([
      { value: 7, attributes: {} },
      { value: 13, attributes: { 'error.type': 'rejected' } },
    ]);
    expect(points(collected, duration)).toEqual([
      { value: 2, attributes: { 'http.response.status_code': 200, 'error.type': 'rejected' } },
    ]);
  });

  test('records that are sent again are counted as exported once, however often that happens', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'status', status: 503, times: 2 }, { kind: 'status', status: 401 });
    const h = new Metered(collector);
    h.emit(10);
    await h.settled();
    const collected = await h.collect();
    expect(points(collected, exported)).toEqual([{ value: 10, attributes: {} }]);
    expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
    expect(points(collected, duration)).toEqual([
      { value: 2, attributes: { 'http.response.status_code': 503, 'error.type': '503' } },
      { value: 1, attributes: { 'http.response.status_code': 401, 'error.type': '401' } },
      { value: 1, attributes: { 'http.response.status_code': 200 } },
    ]);
  });

  test('records that are refused for good are counted as exported with the status as error', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'status', status: 422 });
    const h = new Metered(collector, { maxExportBatchSize: 10 });
    h.emit(20);
    await h.settled();
    const collected = await h.collect();
    expect(points(collected, exported)).toEqual([
      { value: 10, attributes: { 'error.type': '422' } },
      { value: 10, attributes: {} },
    ]);
    expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
  });

  test.each<[number, object]>([
    [400, { poisonedIds: ['5'] }],
    [413, { maxBodyBytes: 5_000 }],
  ])(
    'a single record refused with %i is counted as exported with an error, and those sent with it without',
    async (status, behaviour) => {
      const collector = await collectorWith(behaviour);
      const h = new Metered(collector);
      h.emit(5);
      h.emit(1, { attributes: { padding: 'x'.repeat(6_000) } });
      h.emit(10);
      await h.settled();
      expect(h.stats.exported).toBe(15);
      const collected = await h.collect();
      expect(points(collected, exported)).toEqual(
        expect.arrayContaining([
          { value: 15, attributes: {} },
          { value: 1, attributes: { 'error.type': String(status) } },
        ]),
      );
      expect(points(collected, exported)).toHaveLength(2);
      expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
    },
  );

  test('records that a shutdown no longer waits for are no longer in flight', async () => {
    const collector = await collectorWith({ reply: { kind: 'hang' } });
    const h = new Metered(collector);
    h.emit(10);
    await h.clock.advance(0);
    await h.until(() => collector.account().answers.hang === 1);
    void h.processor.shutdown({ strategy: 'immediate' });
    await h.until(() => collector.account().concurrentRequests === 0);
    const collected = await h.collect();
    expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
    expect(points(collected, exported)).toEqual([]);
  });
});

describe('operations', () => {
  test('the duration of an operation lasts from the request to the answer, in seconds', async () => {
    const { logsUrl, waiting } = await sinkThatWaits();
    const h = new Metered({ logsUrl });
    h.emit(1);
    await h.clock.advance(0);
    await h.until(() => waiting.length === 1);
    await h.clock.advance(250);
    waiting[0]?.();
    await h.settled();
    const { value } = (await h.collect()).points(duration)[0] ?? {};
    expect(value).toMatchObject({ count: 1, sum: 0.25 });
  });

  test('the duration of an operation has no buckets, as the conventions have it', async () => {
    const collector = await collectorWith();
    const h = new Metered(collector);
    h.emit(1);
    await h.settled();
    const histogram = (await h.collect()).points(duration)[0]?.value as Histogram | undefined;
    expect(histogram?.buckets).toEqual({ boundaries: [], counts: [1] });
  });

  test('an operation without an answer has the code of the error and no status', async () => {
    const collector = await collectorWith();
    await collector.become('dead');
    const h = new Metered(collector);
    h.emit(10);
    await h.clock.advance(0);
    await h.until(({ exports }) => exports.failures >= 1);
    await collector.become('well');
    await h.settled();
    const collected = await h.collect();
    const { failures } = h.stats.exports;
    expect(points(collected, duration)).toEqual([
      { value: failures, attributes: { 'error.type': 'ECONNREFUSED' } },
      { value: 1, attributes: { 'http.response.status_code': 200 } },
    ]);
    expect(points(collected, exported)).toEqual([{ value: 10, attributes: {} }]);
    expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
  });

  test.each<[string, PipelineOptions]>([
    ['timeoutMillis', { otlp: { timeoutMillis: 50 } }],
    ['exportTimeoutMillis', { exportTimeoutMillis: 50 }],
  ])('an operation that runs into %s is recorded as a timeout', async (name, { otlp, ...options }) => {
    const collector = await collectorWith();
    await collector.script({ kind: 'hang' });
    const telemetry = new Telemetry();
    const h = new Metered(collector, { otlp: { meterProvider: telemetry.provider, ...otlp }, ...options });
    h.emit(10);
    await h.clock.advance(0);
    await h.until(() => collector.account().answers.hang === 1);
    if (name === 'exportTimeoutMillis') await h.clock.advance(50);
    await h.settled();
    const [first] = points(await telemetry.collect(), duration);
    expect(first).toEqual({ value: 1, attributes: { 'error.type': 'ETIMEDOUT' } });
  });
});

test('every failure behind another processor is final, and its records are counted as exported with the error', async () => {
  const collector = await collectorWith();
  await collector.script(
    { kind: 'status', status: 503 },
    { kind: 'status', status: 413 },
    { kind: 'partial', rejected: 1 },
  );
  const telemetry = new Telemetry();
  const exporter = new SpillwayOtlpLogExporter({
    url: collector.logsUrl,
    meterProvider: telemetry.provider,
  });
  onTestFinished(() => exporter.shutdown());
  for (const count of [2, 3, 4, 5]) await exportBy(exporter, count);
  const collected = await telemetry.collect();
  expect(points(collected, exported)).toEqual([
    { value: 2, attributes: { 'error.type': '503' } },
    { value: 3, attributes: { 'error.type': '413' } },
    { value: 8, attributes: {} },
    { value: 1, attributes: { 'error.type': 'rejected' } },
  ]);
  expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
  expect(points(collected, duration).map(({ value }) => value)).toEqual([1, 1, 1, 1]);
});

describe('the MeterProvider', () => {
  test.each(['meterProvider', 'selfObsMeterProvider'] as const)(
    'the exporter prefers its own %s to the MeterProvider of the processor, and that to the global one',
    async (option) => {
      const [own, ofProcessor, global] = [new Telemetry(), new Telemetry(), new Telemetry()];
      metrics.setGlobalMeterProvider(global.provider);
      const collector = await collectorWith();
      const meterProvider = ofProcessor.provider;
      for (const otlp of [{ [option]: own.provider }, {}]) {
        const h = new ManualPipeline(collector, { meterProvider, scheduledDelayMillis: 0, otlp });
        h.emit(otlp[option] ? 1 : 2);
        await h.clock.advance(0);
        await h.until(({ inFlight, queued }) => inFlight.records + queued.records === 0);
      }
      expect(points(await own.collect(), exported)).toEqual([{ value: 1, attributes: {} }]);
      expect(points(await ofProcessor.collect(), exported)).toEqual([{ value: 2, attributes: {} }]);
      expect((await global.collect()).points(exported)).toEqual([]);
    },
  );

  test('the global MeterProvider can be registered after records have been exported', async () => {
    const collector = await collectorWith();
    const h = new ManualPipeline(collector, { scheduledDelayMillis: 0 });
    const send = async () => {
      const emitted = h.emit(5);
      await h.clock.advance(0);
      await h.until((stats) => stats.exported === emitted);
    };
    await send();
    const telemetry = new Telemetry();
    metrics.setGlobalMeterProvider(telemetry.provider);
    await send();
    const collected = await telemetry.collect();
    expect(points(collected, exported)).toEqual([{ value: 5, attributes: {} }]);
    expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
    expect(points(collected, duration)).toEqual([
      { value: 1, attributes: { 'http.response.status_code': 200 } },
    ]);
  });

  test('a MeterProvider registered while requests are under way sees how they end, and never fewer than none in flight', async () => {
    const { logsUrl, waiting } = await sinkThatWaits();
    const h = new ManualPipeline({ logsUrl }, { maxExportBatchSize: 5, scheduledDelayMillis: 0 });
    h.emit(5);
    await h.until(() => waiting.length === 1);
    waiting.shift()?.();
    await h.until(({ exported }) => exported === 5);
    // By now two requests at once are allowed.
    h.emit(5);
    await h.until(() => waiting.length === 1);
    const telemetry = new Telemetry();
    metrics.setGlobalMeterProvider(telemetry.provider);
    h.emit(5);
    await h.until(() => waiting.length === 2);
    expect(points(await telemetry.collect(), inflight)).toEqual([{ value: 10, attributes: {} }]);

    for (const answer of waiting) answer();
    await h.until(({ exported }) => exported === 15);
    const collected = await telemetry.collect();
    expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
    expect(points(collected, exported)).toEqual([{ value: 10, attributes: {} }]);
    expect(points(collected, duration)).toEqual([
      { value: 2, attributes: { 'http.response.status_code': 200 } },
    ]);
  });

  test('a MeterProvider registered while the only request is under way sees how it ends', async () => {
    const { logsUrl, waiting } = await sinkThatWaits();
    const h = new ManualPipeline({ logsUrl }, { maxExportBatchSize: 5 });
    h.emit(5);
    await h.until(() => waiting.length === 1);
    const telemetry = new Telemetry();
    metrics.setGlobalMeterProvider(telemetry.provider);
    waiting[0]?.();
    await h.until(({ exported }) => exported === 5);
    const collected = await telemetry.collect();
    expect(points(collected, inflight)).toEqual([{ value: 0, attributes: {} }]);
    expect(points(collected, exported)).toEqual([{ value: 5, attributes: {} }]);
    expect(points(collected, duration)).toEqual([
      { value: 1, attributes: { 'http.response.status_code': 200 } },
    ]);
  });
});
