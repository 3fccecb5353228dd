/** The processor with the package's own OTLP exporter in front of the embedded collector. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { onTestFinished } from 'vitest';
import {
  type OtlpLogExporterOptions,
  SpillwayLogRecordProcessor,
  type SpillwayOptions,
  SpillwayOtlpLogExporter,
  type SpillwayStats,
} from '../../src/index.ts';
import { type Behaviour, TestCollector, type TestCollectorOptions } from '../../src/testing/index.ts';
import { LivePipeline } from './live-pipeline.ts';
import { ManualClock } from './manual-clock.ts';
import { expectLaw, record } from './records.ts';

export type PipelineOptions = Omit<SpillwayOptions, 'exporter'> & { otlp?: OtlpLogExporterOptions };

type CollectorSettings = Behaviour & Pick<TestCollectorOptions, 'keep' | 'identity'>;

/** One that knows records by their bodies and is gone when the test is over. */
export async function collectorWith({
  keep = 'ids',
  identity = 'body',
  ...condition
}: CollectorSettings = {}): Promise<TestCollector> {
  const collector = await TestCollector.start({ keep, identity, condition });
  onTestFinished(() => collector.stop());
  return collector;
}

/** On real time. */
export function otlpPipeline(
  { logsUrl }: { readonly logsUrl: string },
  { otlp, ...options }: PipelineOptions = {},
): LivePipeline {
  return new LivePipeline({ exporter: new SpillwayOtlpLogExporter({ url: logsUrl, ...otlp }), ...options });
}

/** For the tests that bring loggers of their own. */
export function processorTo(
  { logsUrl }: { readonly logsUrl: string },
  { otlp, ...options }: PipelineOptions = {},
): SpillwayLogRecordProcessor {
  return accountedFor(
    new SpillwayLogRecordProcessor({
      memoryLimit: false,
      ...options,
      exporter: new SpillwayOtlpLogExporter({ url: logsUrl, ...otlp }),
    }),
  );
}

/** Whatever becomes of the test, the processor ends, and has counted every record. */
export function accountedFor(processor: SpillwayLogRecordProcessor): SpillwayLogRecordProcessor {
  onTestFinished(async () => {
    await processor.shutdown({ strategy: 'immediate' });
    expectLaw(processor.stats());
  });
  return processor;
}

export function loggerTo(processor: SpillwayLogRecordProcessor): Logger {
  return new LoggerProvider({ processors: [processor] }).getLogger('test');
}

/** The processor on a manual clock; what is between it and the collector takes the time it takes. */
export class ManualPipeline {
  readonly clock = new ManualClock();
  readonly processor: SpillwayLogRecordProcessor;
  #emitted = 0;

  constructor({ logsUrl }: { readonly logsUrl: string }, { otlp, ...options }: PipelineOptions = {}) {
    this.processor = new SpillwayLogRecordProcessor(
      // A real connection would have to keep within a time that is not real.
      {
        exportTimeoutMillis: 0,
        ...options,
        exporter: new SpillwayOtlpLogExporter({ url: logsUrl, ...otlp }),
      },
      { clock: this.clock, memoryUseRatio: () => 0 },
    );
    onTestFinished(async () => {
      void this.processor.shutdown({ strategy: 'immediate' });
      await this.clock.advance(5_001);
      expectLaw(this.processor.stats());
    });
  }

  get stats(): SpillwayStats {
    const stats = this.processor.stats();
    expectLaw(stats);
    return stats;
  }

  /** Emits `count` records whose bodies are numbered from 0 on, and returns how many there are now. */
  emit(count: number, fields: Parameters<typeof record>[0] = {}): number {
    for (let index = 0; index < count; index++) {
      this.processor.onEmit(record({ body: String(this.#emitted++), ...fields }));
    }
    return this.#emitted;
  }

  /** Resolves when the condition holds, without that any time passes on the manual clock. */
  async until(condition: (stats: SpillwayStats) => boolean, timeoutMillis = 5_000): Promise<void> {
    const deadline = performance.now() + timeoutMillis;
    while (!condition(this.stats)) {
      if (performance.now() > deadline) {
        throw new Error(`not within ${timeoutMillis} ms: ${JSON.stringify(this.stats)}`);
      }
      await this.clock.settle();
      await sleep(1);
    }
  }
}

export interface Arrival {
  /** When its headers had arrived, on the scale of `performance.now()`. */
  readonly at: number;
  /** Requests under way then, this one included. */
  readonly concurrent: number;
}

/** The requests that arrive from now on, in a list that grows while the test runs. */
export function arrivalsAt(collector: TestCollector): readonly Arrival[] {
  const arrivals: Arrival[] = [];
  const { requests: before } = collector.account();
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  // Asked at each arrival; the answer is no until there is no one left to ask for.
  const watch = collector.until(({ requests, concurrentRequests }) => {
    if (requests - before > arrivals.length) {
      arrivals.push({ at: performance.now(), concurrent: concurrentRequests });
    }
    return isOver;
  }, 30_000);
  watch.catch(() => {});
  return arrivals;
}
