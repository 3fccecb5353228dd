/**
 * Milliseconds that `shutdown()` takes with a full queue and a healthy collector.
 *
 * Method: after a warm-up that is delivered 50,000 typical records are emitted in one go into a queue that
 * is large enough for all, and `shutdown()` is called at once. The collector answers each request 5 ms after
 * it has decoded it. Afterwards it must have all records: a quick end that loses some does not count.
 */

import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { Contend } from './support/child.ts';
import { buildPipeline } from './support/contenders.ts';
import { type Bench, CONTENDERS, type Contender } from './support/measure.ts';
import { emitRange, warmUp } from './support/pace.ts';
import { type Common, inTurns } from './support/turns.ts';

const LATENCY_MILLIS = 5;

interface Input {
  readonly records: number;
}

export const contend: Contend<Input & Common> = async (contender, { records, url, warmUpRecords }, ask) => {
  const { processor } = buildPipeline(
    contender as Contender,
    url,
    { maxQueueSize: records },
    { maxQueueBytes: 256 * 1024 ** 2, shutdown: { timeoutMillis: 60_000 } },
  );
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  await warmUp(logger, processor, warmUpRecords);
  const receivedBefore = await ask<number>('received');
  emitRange(logger, 0, records);
  const start = performance.now();
  await processor.shutdown();
  const millis = performance.now() - start;
  const received = (await ask<number>('received')) - receivedBefore;
  return { millis, lost: records - received };
};

export const bench: Bench = {
  title: 'Shutting down',
  run: async (options) => {
    const input: Input = { records: options.quick ? 10_000 : 50_000 };
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
        what: `shutdown with ${input.records.toLocaleString('en')} records queued`,
        unit: 'ms',
        series: rounds.series('millis'),
        goal: { kind: 'ratio at most', limit: 0.3 },
        chart: 'shutdown with a full queue',
      },
      { what: 'lost', unit: 'records', series: rounds.series('lost'), goal: { kind: 'none lost' } },
    ];
  },
};
