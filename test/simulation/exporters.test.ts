/** The exporters of the simulation behind a real processor: what a recovered collector gets of an outage, and what manners they have. */

import { expect, onTestFinished, test } from 'vitest';
import { Collector } from '../../simulation/network/collector.ts';
import { type ExporterPlan, makeExporter } from '../../simulation/network/exporters.ts';
import type { Weather } from '../../simulation/network/weather.ts';
import { SpillwayLogRecordProcessor } from '../../src/processor.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { expectLaw, record } from '../support/records.ts';

class Scene {
  readonly clock = new ManualClock();
  readonly collector: Collector;
  readonly processor: SpillwayLogRecordProcessor;
  #records = 0;

  constructor(plan: ExporterPlan, weather: Weather = { kind: 'healthy' }) {
    this.collector = new Collector(this.clock, weather);
    const exporter = makeExporter(plan, this.collector, { id: 'p1', clock: this.clock });
    this.processor = new SpillwayLogRecordProcessor(
      { exporter, memoryLimit: false },
      { clock: this.clock, memoryUseRatio: () => 0 },
    );
    onTestFinished(async () => {
      void this.processor.shutdown({ timeoutMillis: 1 });
      await this.clock.advance(100);
      expectLaw(this.processor.stats());
    });
  }

  emit(records: number): void {
    for (let n = 0; n < records; n++) this.processor.onEmit(record({ body: `p1-${this.#records++}` }));
  }

  /** Numbers of the records that arrived, of those that were emitted. */
  get arrived(): number {
    let arrived = 0;
    for (let n = 0; n < this.#records; n++) {
      if (this.collector.receivedAt(`p1-${n}`).length > 0) arrived++;
    }
    return arrived;
  }
}

test.each<ExporterPlan>([
  { kind: 'own' },
  { kind: 'unknown' },
  { kind: 'official-http' },
  { kind: 'official-grpc' },
])(
  'a processor with the exporter $kind delivers once all that was logged before, in and after an outage of 3 s',
  async (plan) => {
    const scene = new Scene(plan);
    scene.emit(100);
    await scene.clock.advance(2_000);
    expect(scene.arrived).toBe(100);
    scene.collector.weather = { kind: 'down' };
    scene.emit(100);
    await scene.clock.advance(3_000);
    scene.collector.weather = { kind: 'healthy' };
    scene.emit(100);
    await scene.clock.advance(60_000);
    expect(scene.arrived).toBe(300);
    expect(scene.collector.arrivals.repeated.size).toBe(0);
    expect(scene.collector.calls.length).toBeGreaterThan(2);
    expect(scene.collector.calls.every(({ endedAt }) => endedAt !== undefined)).toBe(true);
  },
);

test('records that a buffering exporter has taken arrive when it is flushed', async () => {
  const scene = new Scene({ kind: 'buffering' });
  scene.emit(100);
  await scene.clock.advance(2_000);
  expect(scene.arrived).toBe(0);
  const flushed = scene.processor.forceFlush();
  await scene.clock.advance(100);
  await flushed;
  expect(scene.arrived).toBe(100);
});

test('a buffering exporter that holds enough sends by itself, and keeps what it could not send', async () => {
  const scene = new Scene({ kind: 'buffering', flushAtRecords: 50 }, { kind: 'down' });
  scene.emit(60);
  await scene.clock.advance(2_000);
  expect(scene.arrived).toBe(0);
  scene.collector.weather = { kind: 'healthy' };
  scene.emit(1);
  await scene.clock.advance(2_000);
  expect(scene.arrived).toBe(61);
});

test('a buffering exporter that completes when it has sent gives its results with its flush', async () => {
  const clock = new ManualClock();
  const collector = new Collector(clock);
  const exporter = makeExporter({ kind: 'buffering', completes: 'when-sent' }, collector, {
    id: 'p1',
    clock,
  });
  const codes: number[] = [];
  exporter.export([record({ body: 'p1-0' })] as never, ({ code }) => codes.push(code));
  await clock.advance(1_000);
  expect(codes).toEqual([]);
  const flushed = exporter.forceFlush?.();
  await clock.advance(20);
  await flushed;
  expect(codes).toEqual([0]);
  expect(collector.receivedAt('p1-0')).toHaveLength(1);
});

test('an unknown exporter throws, answers late and answers twice as its plan says', async () => {
  const clock = new ManualClock();
  const collector = new Collector(clock, { kind: 'healthy', jitter: 0 });
  const made = (plan: Omit<ExporterPlan & { kind: 'unknown' }, 'kind'>) =>
    makeExporter({ kind: 'unknown', ...plan }, collector, { id: 'p1', clock });
  const records = [record({ body: 'p1-0' })] as never;
  const codes: number[] = [];
  expect(() => made({ throwShare: 1 }).export(records, () => {})).toThrow('cannot serialise');
  made({ late: { share: 1, millis: 40_000 } }).export(records, ({ code }) => codes.push(code));
  made({ twiceShare: 1 }).export(records, ({ code }) => codes.push(code));
  await clock.advance(100);
  expect(codes).toEqual([0, 0]);
  await clock.advance(40_000);
  expect(codes).toEqual([0, 0, 0]);
  expect(collector.calls.map(({ result }) => result)).toEqual(['thrown', '200', '200']);
});

test.each([
  ['codes', { code: 503 }],
  ['words', { message: expect.stringContaining('export failed') }],
  ['none', undefined],
] as const)('the errors of an unknown exporter carry %s', async (errors, expected) => {
  const clock = new ManualClock();
  const collector = new Collector(clock, { kind: 'failing', status: 503 });
  let error: unknown;
  makeExporter({ kind: 'unknown', errors }, collector, { id: 'p1', clock }).export([], (result) => {
    error = result.error;
  });
  await clock.advance(100);
  if (expected === undefined) expect(error).toBeUndefined();
  else expect(error).toMatchObject(expected);
});

test.each([
  ['wait', 'resolved'],
  ['resolve', 'resolved'],
  ['reject', 'rejected'],
  ['throw', 'thrown'],
  ['hang', 'pending'],
] as const)('forceFlush of an unknown exporter that is to %s ends as %s', async (forceFlush, expected) => {
  const clock = new ManualClock();
  const exporter = makeExporter({ kind: 'unknown', forceFlush }, new Collector(clock), { id: 'p1', clock });
  let state = 'pending';
  try {
    exporter.forceFlush?.().then(
      () => {
        state = 'resolved';
      },
      () => {
        state = 'rejected';
      },
    );
  } catch {
    state = 'thrown';
  }
  await clock.advance(1_000);
  expect(state).toBe(expected);
});
