/**
 * How much a process grows while a full queue drops its oldest records.
 *
 * Method: after a warm-up that is delivered the collector refuses connections. 1,000,000 typical records are emitted in
 * bursts of 1,000, with a turn of the event loop between them, into a queue of 16 MiB (`maxQueueBytes`), or of as many
 * records, 24,000, which is what stock can bound, and it drops the newest. RSS is looked at after every 20 bursts; its
 * growth is that of the highest look. CPU is that of the whole process, garbage collection and the emitting itself
 * included. `no-op` is a processor that does nothing: what it grows by is V8's young generation, which grows with the rate.
 */

import { LoggerProvider, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { Contend } from './support/child.ts';
import { buildPipeline } from './support/contenders.ts';
import { type Bench, OTLP, PLAIN, STOCK } from './support/measure.ts';
import { emitBursts, warmUp } from './support/pace.ts';
import { type Common, inTurns } from './support/turns.ts';

const MIB = 1024 * 1024;
const QUEUE_BYTES = 16 * MIB;
const QUEUE_RECORDS = 24_000;
const LOOK_RECORDS = 20_000;
const NOOP = 'no-op';
const DROP_NEWEST = 'spillway (plain), drop-newest';

interface Input {
  readonly records: number;
}

function processorOf(contender: string, url: string): LogRecordProcessor {
  switch (contender) {
    case NOOP:
      return { onEmit: () => {}, forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
    case STOCK:
      return buildPipeline(STOCK, url, { maxQueueSize: QUEUE_RECORDS }).processor;
    default: {
      const overflow = contender === DROP_NEWEST ? 'drop-newest' : 'drop-oldest';
      const options = { maxQueueBytes: QUEUE_BYTES, overflow } as const;
      return buildPipeline(contender === OTLP ? OTLP : PLAIN, url, {}, options).processor;
    }
  }
}

export const contend: Contend<Input & Common> = async (contender, { records, url, warmUpRecords }, ask) => {
  const processor = processorOf(contender, url);
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  await warmUp(logger, processor, warmUpRecords);
  await ask('refuse');
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const cpuBefore = process.cpuUsage();
  let highest = before;
  for (let emitted = 0; emitted < records; emitted += LOOK_RECORDS) {
    await emitBursts(logger, LOOK_RECORDS);
    highest = Math.max(highest, process.memoryUsage.rss());
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { growth: (highest - before) / MIB, cpu: (user + system) / records };
};

export const bench: Bench = {
  title: 'A full queue',
  run: async (options) => {
    const rounds = await inTurns(
      {
        module: import.meta.url,
        contenders: [NOOP, STOCK, PLAIN, DROP_NEWEST, OTLP],
        input: { records: options.quick ? 100_000 : 1_000_000 },
        collector: { latencyMillis: 0 },
        execArgv: ['--expose-gc'],
      },
      options,
    );
    return [
      {
        what: 'growth of RSS',
        unit: 'MiB',
        series: rounds.series('growth'),
        judged: PLAIN,
        goal: { kind: 'value at most', limit: 200 },
      },
      { what: 'CPU per emitted record', unit: 'µs', digits: 2, series: rounds.series('cpu') },
    ];
  },
};
