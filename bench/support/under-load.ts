/** What the benchmarks of services under load share: the contender's run, and what is made of its figures. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { Contend } from './child.ts';
import { buildPipeline, type OfficialExporter } from './contenders.ts';
import { within } from './deadline.ts';
import type { Contender, Measure, Rounds } from './measure.ts';
import { emitPaced, warmUp } from './pace.ts';
import type { Common } from './turns.ts';

const DRAIN_MILLIS = 10_000;
const LOOP_RESOLUTION_MILLIS = 5;

export interface LoadInput {
  readonly recordsPerSecond: number;
  readonly seconds: number;
  readonly watchesLoop: boolean;
  /** Of stock and of the plain contender. Default: protobuf. */
  readonly exporter?: OfficialExporter;
}

/** Goals are for the contender that is judged: `spillway (otlp)` by default. */
export interface LoadGoals {
  readonly judged?: Contender;
  readonly cpuRatio: number;
  readonly loopRatio: number;
}

export const contend: Contend<LoadInput & Common> = async (contender, input, ask) => {
  const { recordsPerSecond, seconds, watchesLoop, exporter, url, warmUpRecords } = input;
  const { processor } = buildPipeline(contender as Contender, url, {}, {}, exporter);
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

/** @param situation what the measures are called by. @param isDrawn whether they are in the chart. */
export function loadMeasures(
  rounds: Rounds,
  input: LoadInput,
  situation: string,
  { judged, cpuRatio, loopRatio }: LoadGoals,
  isDrawn: boolean,
): Measure[] {
  const series = (key: string) => rounds.series(key);
  const whose = judged === undefined ? {} : { judged };
  const chart = (what: string) => (isDrawn ? { chart: `${what}: ${situation}` } : {});
  const loop: Measure[] = [
    { what: `event-loop delay p50, ${situation}`, unit: 'ms', digits: 2, series: series('loopP50') },
    {
      what: `event-loop delay p99, ${situation}`,
      unit: 'ms',
      digits: 2,
      series: series('loopP99'),
      goal: { kind: 'ratio at most', limit: loopRatio },
      ...whose,
      ...chart('event-loop delay p99'),
    },
    { what: `event-loop delay max, ${situation}`, unit: 'ms', digits: 1, series: series('loopMax') },
  ];
  return [
    {
      what: `lost of ${(input.recordsPerSecond * input.seconds).toLocaleString('en')}, ${situation}`,
      unit: 'records',
      series: series('lost'),
      goal: { kind: 'none lost' },
      ...whose,
      ...chart('records lost'),
    },
    { what: `emitted, ${situation}`, unit: 'records/s', series: series('offeredPerSecond') },
    { what: `request size, ${situation}`, unit: 'records', series: series('recordsPerRequest') },
    {
      what: `CPU per delivered record, ${situation}`,
      unit: 'µs',
      digits: 2,
      series: series('cpuPerDelivered'),
      goal: { kind: 'ratio at most', limit: cpuRatio },
      ...whose,
      ...chart('CPU per delivered record'),
    },
    { what: `CPU per emitted record, ${situation}`, unit: 'µs', digits: 2, series: series('cpuPerOffered') },
    ...(input.watchesLoop ? loop : []),
  ];
}
