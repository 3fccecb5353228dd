/**
 * How much a process grows while the collector is dead and 200,000 records wait in the queue.
 *
 * Method: after a warm-up that is delivered the collector refuses connections; the process collects its
 * garbage several times, reads its memory, emits 200,000 typical records, each with texts of its own, into a
 * queue that is large enough for all, collects again and reads again. The heap is `heapUsed` plus `external`
 * (which holds array buffers, where our bytes lie); RSS is what the system counts, with what the allocators
 * keep for later. Both are growths.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { Contend } from './support/child.ts';
import { buildPipeline } from './support/contenders.ts';
import { type Bench, CONTENDERS, type Contender } from './support/measure.ts';
import { emitBursts, warmUp } from './support/pace.ts';
import { type Common, inTurns } from './support/turns.ts';

const MIB = 1024 * 1024;
const COLLECTIONS = 4;

interface Input {
  readonly records: number;
}

async function settledMemory(): Promise<{ heap: number; rss: number }> {
  // A collection frees what the one before only found to be unreachable; buffers go in turns of the loop.
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}

export const contend: Contend<Input & Common> = async (contender, { records, url, warmUpRecords }, ask) => {
  const { processor, dropped } = buildPipeline(
    contender as Contender,
    url,
    { maxQueueSize: records + 1_024 },
    { maxQueueBytes: 2_048 * MIB },
  );
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  await warmUp(logger, processor, warmUpRecords);
  await ask('refuse');
  const before = await settledMemory();
  await emitBursts(logger, records);
  const after = await settledMemory();
  const lost = Object.values(dropped()).reduce((sum, count) => sum + count, 0);
  if (lost > 0) throw new Error(`${contender} lost ${lost} of the records it should hold`);
  return {
    heap: (after.heap - before.heap) / records,
    rss: (after.rss - before.rss) / records,
  };
};

export const bench: Bench = {
  title: 'Memory of a queue',
  run: async (options) => {
    const input: Input = { records: options.quick ? 20_000 : 200_000 };
    const rounds = await inTurns(
      {
        module: import.meta.url,
        contenders: CONTENDERS,
        input,
        collector: { latencyMillis: 0 },
        execArgv: ['--expose-gc'],
      },
      options,
    );
    const goal = { kind: 'ratio at most', limit: 0.5 } as const;
    return [
      {
        what: 'heap and buffers per record',
        unit: 'bytes',
        series: rounds.series('heap'),
        goal,
        chart: 'memory per queued record: heap',
      },
      {
        what: 'RSS per record',
        unit: 'bytes',
        series: rounds.series('rss'),
        goal,
        chart: 'memory per queued record: RSS',
      },
    ];
  },
};
