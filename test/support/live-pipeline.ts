/** A logger, the processor and a real exporter, on real time: quick to fail, quick to try again. */

import type { Logger } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { expect, onTestFinished } from 'vitest';
import {
  type BreakerStateName,
  type SpillwayError,
  SpillwayLogRecordProcessor,
  type SpillwayOptions,
  type SpillwayStats,
} from '../../src/index.ts';
import { droppedTotal, expectLaw } from './records.ts';
import { until } from './until.ts';

const QUICK = {
  scheduledDelayMillis: 5,
  exportTimeoutMillis: 4_000,
  retry: { initialDelayMillis: 5, maxDelayMillis: 40 },
  breaker: { failureThreshold: 3, resetTimeoutMillis: 20, maxResetTimeoutMillis: 80 },
  memoryLimit: false,
} satisfies Partial<SpillwayOptions>;

/** Shuts itself down at the end of the test that made it. */
export class LivePipeline {
  readonly processor: SpillwayLogRecordProcessor;
  readonly breakerStates: BreakerStateName[] = [];
  /** The exporter's own errors, in the order in which its attempts failed. */
  readonly causes: unknown[] = [];
  readonly #logger: Logger;
  #emitted = 0;

  constructor(options: SpillwayOptions) {
    this.processor = new SpillwayLogRecordProcessor({
      ...QUICK,
      onBreakerStateChange: ({ to }) => this.breakerStates.push(to),
      onError: (error: SpillwayError) => this.causes.push(error.cause),
      ...options,
    });
    const provider = new LoggerProvider({
      resource: resourceFromAttributes({ 'service.name': 'test' }),
      processors: [this.processor],
    });
    this.#logger = provider.getLogger('test');
    onTestFinished(() => this.#end());
  }

  /** Emits `count` records; the body of each is its number, from 0 on. Returns how many there are now. */
  emit(count: number, padding = ''): number {
    for (let index = 0; index < count; index++) {
      this.#logger.emit({
        body: String(this.#emitted++),
        severityNumber: 9,
        attributes: padding === '' ? {} : { padding },
      });
    }
    return this.#emitted;
  }

  get stats(): SpillwayStats {
    const stats = this.processor.stats();
    expectLaw(stats);
    return stats;
  }

  get droppedTotal(): number {
    return droppedTotal(this.stats);
  }

  /** Resolves when `condition` holds; the law is checked at every look. */
  until(condition: (stats: SpillwayStats) => boolean, timeoutMillis?: number): Promise<void> {
    return until(
      () => condition(this.stats),
      () => JSON.stringify(this.stats),
      timeoutMillis,
    );
  }

  /** Resolves when every record is delivered or dropped. */
  settled(timeoutMillis?: number): Promise<void> {
    return this.until(({ queued, inFlight }) => queued.records + inFlight.records === 0, timeoutMillis);
  }

  async #end(): Promise<void> {
    await this.processor.shutdown({ strategy: 'immediate' });
    const { queued, inFlight } = this.stats;
    expect(queued.records + inFlight.records).toBe(0);
  }
}

/** What a collector holds, as the numbers of the records and how often each came. */
export function expectReceived(
  ids: ReadonlyMap<string, number>,
  { from = 0, to, without = [] }: { from?: number; to: number; without?: readonly number[] },
  times: 'once' | 'at least once' = 'once',
): void {
  const expected = Array.from({ length: to - from }, (_, index) => from + index);
  const owed = expected.filter((number) => !without.includes(number));
  expect([...ids.keys()].map(Number).sort((a, b) => a - b)).toEqual(owed);
  if (times === 'once') expect([...ids].filter(([, count]) => count !== 1)).toEqual([]);
}
