/**
 * What a service pays for when it starts: until its first record is emitted, and until that has arrived.
 *
 * Method: each process loads the API and the SDK, collects its garbage and looks at its clocks and its memory. Then it
 * imports a processor and its exporter (stock's processor is in the SDK), constructs both and a provider, and emits
 * one record: that is the start. It goes on to a flush, with which the first request is made and all that it needs is
 * loaded; CPU and RSS are those of all of it, again after a collection of garbage.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { Contend } from './support/child.ts';
import { type Bench, OTLP, STOCK } from './support/measure.ts';
import { type Common, inTurns } from './support/turns.ts';

const COLLECTIONS = 4;
/** A process starts in a tenth of a second, so there can be many. */
const STARTS_PER_ROUND = 5;

async function settledRss(): Promise<number> {
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    globalThis.gc?.();
    await sleep(20);
  }
  return process.memoryUsage().rss;
}

export const contend: Contend<Common> = async (contender, { url }, ask) => {
  await import('@opentelemetry/api');
  const { BatchLogRecordProcessor, LoggerProvider } = await import('@opentelemetry/sdk-logs');
  const rssBefore = await settledRss();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();

  let processor: LogRecordProcessor;
  if (contender === STOCK) {
    const { OTLPLogExporter } = await import('@opentelemetry/exporter-logs-otlp-proto');
    processor = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url }) });
  } else {
    const { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } = await import('otel-spillway');
    processor = new SpillwayLogRecordProcessor({ exporter: new SpillwayOtlpLogExporter({ url }) });
  }
  new LoggerProvider({ processors: [processor] }).getLogger('bench').emit({ body: 'the first record' });
  const startMillis = performance.now() - start;

  await processor.forceFlush();
  const { user, system } = process.cpuUsage(cpuBefore);
  const rss = (await settledRss()) - rssBefore;
  if ((await ask<number>('received')) !== 1) throw new Error(`${contender} has not delivered`);
  return { startMillis, cpuMillis: (user + system) / 1_000, rssMebibytes: rss / 1024 ** 2 };
};

export const bench: Bench = {
  title: 'Starting',
  run: async (options) => {
    const rounds = await inTurns(
      {
        module: import.meta.url,
        contenders: [STOCK, OTLP],
        input: {},
        collector: { latencyMillis: 0 },
        execArgv: ['--expose-gc'],
      },
      { ...options, rounds: options.quick ? 1 : options.rounds * STARTS_PER_ROUND },
    );
    return [
      {
        what: 'import, construction, first emit',
        unit: 'ms',
        digits: 1,
        series: rounds.series('startMillis'),
        goal: { kind: 'ratio at most', limit: 0.5 },
        chart: 'start of a process',
      },
      {
        what: 'CPU until it has arrived',
        unit: 'ms',
        digits: 1,
        series: rounds.series('cpuMillis'),
      },
      {
        what: 'RSS until it has arrived',
        unit: 'MiB',
        digits: 1,
        series: rounds.series('rssMebibytes'),
        goal: { kind: 'ratio at most', limit: 0.7 },
        chart: 'memory of the start of a process',
      },
    ];
  },
};
