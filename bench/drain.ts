/**
 * How fast a queue of 500,000 records empties when the collector comes back, and what the event loop feels.
 *
 * Method: after a warm-up that is delivered the collector refuses connections, 500,000 typical records are
 * emitted into a queue that is large enough for all, and the collector comes back; from then on it answers
 * each request 5 ms after it has decoded it. The clock runs from the first request that gets through to the
 * one with which 99 % have been decoded (stock sends the last partial batch a second later), so what is
 * measured is the rate, not the back-off. The event loop's delay is taken meanwhile, by a timer of 1 ms, from
 * whose intervals that is subtracted. Batch size, concurrency and time limits are the
 * defaults; ours gets a shorter back-off, to save time.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { Contend } from './support/child.ts';
import { buildPipeline } from './support/contenders.ts';
import { type Bench, CONTENDERS, type Contender } from './support/measure.ts';
import { emitBursts, warmUp } from './support/pace.ts';
import { type Common, inTurns } from './support/turns.ts';

const LATENCY_MILLIS = 5;
const LOOP_RESOLUTION_MILLIS = 1;
const MEASURED_SHARE = 0.99;

interface Input {
  readonly records: number;
}

export const contend: Contend<Input & Common> = async (contender, { records, url, warmUpRecords }, ask) => {
  const { processor } = buildPipeline(
    contender as Contender,
    url,
    { maxQueueSize: records + 1_024 },
    {
      maxQueueBytes: 4 * 1024 ** 3,
      breaker: { resetTimeoutMillis: 250, maxResetTimeoutMillis: 250 },
      retry: { initialDelayMillis: 100, maxDelayMillis: 200 },
    },
  );
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  await warmUp(logger, processor, warmUpRecords);
  const receivedBefore = await ask<number>('received');
  await ask('refuse');
  await emitBursts(logger, records);
  await ask('listen');

  await ask('until', receivedBefore + 1);
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MILLIS });
  loop.enable();
  const start = performance.now();
  const first = await ask<number>('received');
  const last = receivedBefore + Math.floor(records * MEASURED_SHARE);
  await ask('until', last);
  const millis = performance.now() - start;
  loop.disable();
  return {
    rate: ((last - first) * 1_000) / millis,
    loopP99: Math.max(0, loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MILLIS),
    loopMax: Math.max(0, loop.max / 1e6 - LOOP_RESOLUTION_MILLIS),
  };
};

export const bench: Bench = {
  title: 'Draining after an outage',
  run: async (options) => {
    const input: Input = { records: options.quick ? 50_000 : 500_000 };
    const rounds = await inTurns(
      {
        module: import.meta.url,
        contenders: CONTENDERS,
        input,
        collector: { latencyMillis: LATENCY_MILLIS },
      },
      options,
    );
    return [
      {
        what: 'drained',
        unit: 'records/s',
        series: rounds.series('rate'),
        goal: { kind: 'ratio at least', limit: 5 },
        chart: 'time to drain after an outage',
      },
      {
        what: 'event-loop delay p99 meanwhile',
        unit: 'ms',
        digits: 1,
        series: rounds.series('loopP99'),
        goal: { kind: 'value at most', limit: 20 },
      },
      { what: 'event-loop delay max meanwhile', unit: 'ms', digits: 1, series: rounds.series('loopMax') },
    ];
  },
};
