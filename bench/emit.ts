/**
 * Nanoseconds of the application's own thread that a log record costs before `emit` returns.
 *
 * Method: each process has one processor, with its real exporter and a collector that answers at once.
 * Bursts of 2,000 records, made before, are emitted without a turn of the event loop, so nothing is exported
 * while the clock runs; after each burst the processor is flushed. Measured are bursts through
 * `onEmit` alone, bursts through the whole of `logger.emit`, and ticks of 100 records at 10,000/s, when caches
 * are as cold as in a service. A process's figure is the lower quartile of its bursts or ticks, as garbage
 * collection and other processes fall on the dearer ones. `no-op` is a processor that does nothing. Ours
 * encodes or copies in `emit` what stock keeps by reference and encodes later; the CPU time under load has
 * both. Metrics on and off are two processors of the same process, in turns, with a reader that collects
 * after every burst.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { context } from '@opentelemetry/api';
import { LoggerProvider, type LogRecordProcessor, type ReadWriteLogRecord } from '@opentelemetry/sdk-logs';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { Contend } from './support/child.ts';
import { buildPipeline } from './support/contenders.ts';
import {
  type Bench,
  CONTENDERS,
  type Contender,
  lowerQuartile,
  type Measure,
  OTLP,
  PLAIN,
  STOCK,
} from './support/measure.ts';
import { warmUp } from './support/pace.ts';
import { emitted, type Logger, typical } from './support/records.ts';
import { nanosOf } from './support/stopwatch.ts';
import { type Common, inTurns } from './support/turns.ts';

const NOOP = 'no-op';
const METRICS_ON = 'metrics on';
const BURST_RECORDS = 2_000;
const STEADY_TICK_MILLIS = 10;
const STEADY_TICK_RECORDS = 100;

interface Input {
  readonly bursts: number;
  readonly warmUpBursts: number;
  readonly ticks: number;
}

interface Subject {
  readonly processor: LogRecordProcessor;
  readonly logger: Logger;
  readonly afterBurst: () => Promise<unknown>;
}

const noop: LogRecordProcessor = {
  onEmit: () => {},
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

function subjectOf(processor: LogRecordProcessor, reader?: MetricReader): Subject {
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  return {
    processor,
    logger,
    afterBurst: async () => {
      await processor.forceFlush();
      await reader?.collect();
    },
  };
}

function subjectsOf(contender: string, url: string): Record<string, Subject> {
  if (contender === NOOP) return { off: subjectOf(noop) };
  const build = (selfObsMeterProvider?: MeterProvider) =>
    buildPipeline(contender as Contender, url, selfObsMeterProvider && { selfObsMeterProvider }).processor;
  const reader = new OnDemandReader();
  return {
    off: subjectOf(build()),
    ...(contender === OTLP && { on: subjectOf(build(new MeterProvider({ readers: [reader] })), reader) }),
  };
}

/** Making the records is the application's own work; fresh ones, as strings that were read once are cheaper. */
function emitNanos({ logger }: Subject, records: number, from = 0): number {
  const made = Array.from({ length: records }, (_, index) => typical(from + index));
  return (
    nanosOf(() => {
      for (const record of made) logger.emit(record);
    }) / records
  );
}

function onEmitBurst({ processor }: Subject, records: readonly ReadWriteLogRecord[]): number {
  const active = context.active();
  return (
    nanosOf(() => {
      for (const record of records) processor.onEmit(record, active);
    }) / records.length
  );
}

async function steady(subject: Subject, ticks: number): Promise<number> {
  const times: number[] = [];
  for (let tick = 0; tick < ticks; tick++) {
    times.push(emitNanos(subject, STEADY_TICK_RECORDS, tick * STEADY_TICK_RECORDS));
    await sleep(STEADY_TICK_MILLIS);
  }
  return lowerQuartile(times);
}

export const contend: Contend<Input & Common> = async (
  contender,
  { bursts, warmUpBursts, ticks, url, warmUpRecords },
) => {
  const subjects = subjectsOf(contender, url);
  const { off, on } = subjects as { off: Subject; on?: Subject };
  for (const { logger, processor } of Object.values(subjects)) await warmUp(logger, processor, warmUpRecords);

  const inBursts = async (subject: Subject[], run: (subject: Subject) => number): Promise<number[][]> => {
    const times = subject.map((): number[] => []);
    for (let burst = -warmUpBursts; burst < bursts; burst++) {
      for (const [index, one] of subject.entries()) {
        const nanos = run(one);
        if (burst >= 0) times[index]?.push(nanos);
        await one.afterBurst();
      }
    }
    return times;
  };

  const [burst = []] = await inBursts([off], (subject) => emitNanos(subject, BURST_RECORDS));
  const results: Record<string, number> = { burst: lowerQuartile(burst) };
  results.steady = await steady(off, ticks);
  await off.afterBurst();
  const records = emitted(typical, BURST_RECORDS);
  const [onEmit = []] = await inBursts([off], (subject) => onEmitBurst(subject, records));
  results.onEmit = lowerQuartile(onEmit);
  if (on !== undefined) {
    const [without = [], withMetrics = []] = await inBursts([off, on], (subject) =>
      emitNanos(subject, BURST_RECORDS),
    );
    results.metricsOff = lowerQuartile(without);
    results.metricsOn = lowerQuartile(withMetrics);
  }
  return results;
};

export const bench: Bench = {
  title: 'Emitting a record',
  run: async (options) => {
    const input: Input = options.quick
      ? { bursts: 5, warmUpBursts: 2, ticks: 10 }
      : { bursts: 60, warmUpBursts: 10, ticks: 100 };
    const contenders = [NOOP, ...CONTENDERS];
    const rounds = await inTurns(
      { module: import.meta.url, contenders, input, collector: { latencyMillis: 0 } },
      options,
    );
    const goal = { kind: 'ratio at most', limit: 2 } as const;
    const series = (key: string) => rounds.series(key);
    const plainAndStock = (key: string) => ({
      [STOCK]: series(key)[STOCK] ?? [],
      [PLAIN]: series(key)[PLAIN] ?? [],
    });
    const measures: Measure[] = [
      {
        what: 'logger.emit, burst',
        unit: 'ns',
        series: series('burst'),
        base: NOOP,
        goal,
        chart: 'logger.emit: burst',
      },
      {
        what: 'logger.emit, 10,000/s',
        unit: 'ns',
        series: series('steady'),
        base: NOOP,
        goal,
        chart: 'logger.emit: 10,000/s',
      },
      {
        what: 'logger.emit, burst, against stock',
        unit: 'ns',
        series: plainAndStock('burst'),
        judged: PLAIN,
        goal: { kind: 'ratio at most', limit: 1.05 },
      },
      {
        what: 'logger.emit, 10,000/s, against stock',
        unit: 'ns',
        series: plainAndStock('steady'),
        judged: PLAIN,
        goal: { kind: 'ratio at most', limit: 1.05 },
      },
      { what: 'onEmit alone, burst', unit: 'ns', series: series('onEmit'), base: STOCK },
      {
        what: 'logger.emit, burst, metrics',
        unit: 'ns',
        series: { [OTLP]: series('metricsOff')[OTLP] ?? [], [METRICS_ON]: series('metricsOn')[OTLP] ?? [] },
        base: OTLP,
        judged: METRICS_ON,
        goal: { kind: 'ratio at most', limit: 1.05 },
      },
    ];
    return measures;
  },
};
