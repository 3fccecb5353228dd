/**
 * A service under load: what arrives, what a delivered record costs, and what the event loop feels of it.
 *
 * Method: after a warm-up that is delivered, a process emits typical records by the wall clock, in ticks of
 * 10 ms, at 100,000/s and at 10,000/s, to a collector process that answers each request 5 ms or 50 ms after
 * it has decoded it; all options are the defaults. Then it has 10 s to flush. Lost is what was emitted less
 * what the collector decoded. CPU is that of the whole emitting process, all threads, garbage collection and
 * the emitting itself included, from the first record to the end of the flush; per delivered record, because
 * stock delivers a part only: a record that is thrown away costs little and is worth nothing. The event
 * loop's delay is taken while records are emitted at 100,000/s, by a timer of 5 ms (`monitorEventLoopDelay`),
 * from whose intervals these 5 ms are subtracted; a finer timer would itself cost CPU, and the emitting of
 * 1,000 records in one go is part of the delay.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { Contend } from './support/child.ts';
import { buildPipeline } from './support/contenders.ts';
import { within } from './support/deadline.ts';
import {
  type Bench,
  type BenchOptions,
  CONTENDERS,
  type Contender,
  type Measure,
} from './support/measure.ts';
import { emitPaced, warmUp } from './support/pace.ts';
import { type Common, inTurns } from './support/turns.ts';

const DRAIN_MILLIS = 10_000;
const LOOP_RESOLUTION_MILLIS = 5;

interface Input {
  readonly recordsPerSecond: number;
  readonly seconds: number;
  readonly watchesLoop: boolean;
}

interface Scenario extends Input {
  readonly latencyMillis: number;
  readonly cpuGoal: number;
}

export const contend: Contend<Input & Common> = async (contender, input, ask) => {
  const { recordsPerSecond, seconds, watchesLoop, url, warmUpRecords } = input;
  const { processor } = buildPipeline(contender as Contender, url);
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  await warmUp(logger, processor, warmUpRecords);
  const receivedBefore = await ask<number>('received');
  const requestsBefore = await ask<number>('requests');
  const offered = recordsPerSecond * seconds;

  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MILLIS });
  if (watchesLoop) loop.enable();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await emitPaced(logger, recordsPerSecond, offered);
  const emitMillis = performance.now() - start;
  loop.disable();
  // A flush that fails shows in what was lost.
  await within(
    DRAIN_MILLIS,
    processor.forceFlush().catch(() => {}),
  );
  const cpu = process.cpuUsage(cpuBefore);

  // What is still on its way, such as a request that was not waited for, shall count as well.
  await within(DRAIN_MILLIS, processor.shutdown());
  const delivered = (await ask<number>('received')) - receivedBefore;
  const requests = (await ask<number>('requests')) - requestsBefore;
  const cpuMicros = cpu.user + cpu.system;
  const delayMillis = (nanos: number) => Math.max(0, nanos / 1e6 - LOOP_RESOLUTION_MILLIS);
  return {
    offeredPerSecond: (offered * 1_000) / emitMillis,
    lost: offered - delivered,
    cpuPerDelivered: cpuMicros / delivered,
    cpuPerOffered: cpuMicros / offered,
    recordsPerRequest: delivered / requests,
    ...(watchesLoop && {
      loopP50: delayMillis(loop.percentile(50)),
      loopP99: delayMillis(loop.percentile(99)),
      loopMax: delayMillis(loop.max),
    }),
  };
};

async function measure(scenario: Scenario, options: BenchOptions): Promise<Measure[]> {
  const { latencyMillis, cpuGoal, ...input } = scenario;
  const rate = `${input.recordsPerSecond.toLocaleString('en')}/s, ${latencyMillis} ms`;
  const rounds = await inTurns(
    { module: import.meta.url, contenders: CONTENDERS, input, collector: { latencyMillis } },
    { ...options, progress: (text) => options.progress(`${rate}: ${text}`) },
  );
  const series = (key: string) => rounds.series(key);
  const loop: Measure[] = [
    { what: `event-loop delay p50, ${rate}`, unit: 'ms', digits: 2, series: series('loopP50') },
    {
      what: `event-loop delay p99, ${rate}`,
      unit: 'ms',
      digits: 2,
      series: series('loopP99'),
      goal: { kind: 'ratio at most', limit: 1 },
      chart: `event-loop delay p99: ${rate}`,
    },
    { what: `event-loop delay max, ${rate}`, unit: 'ms', digits: 1, series: series('loopMax') },
  ];
  return [
    {
      what: `lost of ${(input.recordsPerSecond * input.seconds).toLocaleString('en')}, ${rate}`,
      unit: 'records',
      series: series('lost'),
      goal: { kind: 'none lost' },
      chart: `records lost: ${rate}`,
    },
    { what: `emitted, ${rate}`, unit: 'records/s', series: series('offeredPerSecond') },
    { what: `request size, ${rate}`, unit: 'records', series: series('recordsPerRequest') },
    {
      what: `CPU per delivered record, ${rate}`,
      unit: 'µs',
      digits: 2,
      series: series('cpuPerDelivered'),
      goal: { kind: 'ratio at most', limit: cpuGoal },
      chart: `CPU per delivered record: ${rate}`,
    },
    { what: `CPU per emitted record, ${rate}`, unit: 'µs', digits: 2, series: series('cpuPerOffered') },
    ...(input.watchesLoop ? loop : []),
  ];
}

export const bench: Bench = {
  title: 'Under load',
  run: async (options) => {
    const high = {
      recordsPerSecond: 100_000,
      seconds: options.quick ? 0.5 : 10,
      cpuGoal: 0.4,
      watchesLoop: true,
    };
    const low = {
      recordsPerSecond: 10_000,
      seconds: options.quick ? 0.5 : 5,
      cpuGoal: 0.6,
      watchesLoop: false,
    };
    return [
      ...(await measure({ ...high, latencyMillis: 5 }, options)),
      ...(await measure({ ...high, latencyMillis: 50 }, options)),
      ...(await measure({ ...low, latencyMillis: 5 }, options)),
    ];
  },
};
