/** The whole processor in front of an exporter that does anything at all: what may happen to it, and what holds after every step. */

import fc from 'fast-check';
import { expect } from 'vitest';
import { SpillwayLogRecordProcessor, type SpillwayOptions } from '../../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { promptFiles } from './prompt-files.ts';
import { EXPORT_TIMEOUT_MILLIS, RandomExporter } from './random-exporter.ts';
import { expectLaw, record } from './records.ts';

const MAX_QUEUE_RECORDS = 40;
const MAX_QUEUE_BYTES = 24_000;
const MAX_BATCH_RECORDS = 8;
/** The least there can be. */
export const MAX_REPLAY_BYTES = 65_536;

export type Step =
  | { readonly do: 'emit'; readonly count: number; readonly severity: number; readonly size: number }
  | { readonly do: 'emit unreadable' }
  | { readonly do: 'pass time'; readonly millis: number }
  | { readonly do: 'flush'; readonly timeoutMillis: number }
  | { readonly do: 'use memory'; readonly ratio: number };

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('emit' as const),
      count: fc.integer({ min: 1, max: 15 }),
      severity: fc.constantFrom(5, 9, 17),
      size: fc.constantFrom(0, 200, 2_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'emit unreadable' } as const) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('pass time' as const),
      millis: fc.constantFrom(0, 13, 499, 2_003, 20_011),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('flush' as const),
      timeoutMillis: fc.constantFrom(0, 200, 5_000, 60_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('use memory' as const), ratio: fc.constantFrom(0, 0.85, 0.95) }),
  },
);

export const anyOptions = fc.record({
  maxConcurrentExports: fc.integer({ min: 1, max: 3 }),
  overflow: fc.constantFrom('drop-oldest' as const, 'drop-newest' as const),
  protectSeverity: fc.constantFrom(17, 24),
  shed: fc.constantFrom(false as const, { above: 0.5, belowSeverity: 9 }),
  breaker: fc.constantFrom(false as const, {
    failureThreshold: 2,
    resetTimeoutMillis: 1_000,
    maxResetTimeoutMillis: 8_000,
  }),
  retry: fc.record({
    initialDelayMillis: fc.constant(100),
    maxDelayMillis: fc.constant(3_000),
    maxElapsedMillis: fc.constantFrom(0, 10_000, Number.POSITIVE_INFINITY),
  }),
});

export const anyShutdown = fc.record({
  strategy: fc.constantFrom('graceful', 'flush', 'immediate' as const),
  timeoutMillis: fc.constantFrom(0, 10, 1_000, 5_000),
});

export class Scenario {
  readonly clock = new ManualClock();
  readonly exporter: RandomExporter;
  readonly processor: SpillwayLogRecordProcessor;
  readonly #flushes: { readonly by: number; isSettled: boolean }[] = [];
  readonly #hasSpool: boolean;
  #memoryUseRatio = 0;
  #emitted = 0;

  constructor(
    options: Partial<SpillwayOptions>,
    exporter: ConstructorParameters<typeof RandomExporter> extends [unknown, ...infer Rest] ? Rest : never,
  ) {
    this.exporter = new RandomExporter(this.clock, ...exporter);
    this.#hasSpool = options.spool !== undefined;
    this.processor = new SpillwayLogRecordProcessor(
      {
        maxQueueSize: MAX_QUEUE_RECORDS,
        maxQueueBytes: MAX_QUEUE_BYTES,
        maxExportBatchSize: MAX_BATCH_RECORDS,
        maxExportBatchBytes: 6_000,
        exportTimeoutMillis: EXPORT_TIMEOUT_MILLIS,
        scheduledDelayMillis: 500,
        // The model knows of no records but its own.
        gapMarker: false,
        ...options,
        exporter: this.exporter,
      },
      { clock: this.clock, memoryUseRatio: () => this.#memoryUseRatio, files: promptFiles },
    );
    this.exporter.audit = () => {
      // What is thrown inside an export stays there.
      try {
        this.audit();
      } catch (error) {
        this.exporter.violations.push(String(error));
      }
    };
  }

  get held(): number {
    const { queued, inFlight } = this.processor.stats();
    return queued.records + inFlight.records;
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'emit':
        for (let index = 0; index < step.count; index++) {
          const padding = 'x'.repeat(step.size);
          this.processor.onEmit(
            record({ body: this.#emitted++, severityNumber: step.severity, attributes: { padding } }),
          );
          this.audit();
        }
        break;
      case 'emit unreadable':
        this.#emitted++;
        this.processor.onEmit(new Proxy(record(), { get: () => expect.unreachable('read') }));
        break;
      case 'pass time':
        await this.clock.advance(step.millis);
        break;
      case 'flush':
        this.#flush(step.timeoutMillis);
        break;
      case 'use memory':
        this.#memoryUseRatio = step.ratio;
        break;
    }
    await this.clock.settle();
    this.audit();
    for (const { by, isSettled } of this.#flushes) if (by < this.clock.now()) expect(isSettled).toBe(true);
  }

  audit(): void {
    const stats = this.processor.stats();
    expectLaw(stats);
    expect(stats.offered).toBe(this.#emitted);
    // What comes back from disk has a bound of its own.
    const replayedBytes = this.#hasSpool ? MAX_REPLAY_BYTES : 0;
    const replayedRecords = this.#hasSpool ? MAX_BATCH_RECORDS : 0;
    expect(stats.queued.records + stats.inFlight.records).toBeLessThanOrEqual(
      MAX_QUEUE_RECORDS + replayedRecords,
    );
    expect(stats.queued.bytes + stats.inFlight.bytes).toBeLessThanOrEqual(MAX_QUEUE_BYTES + replayedBytes);
    expect(this.exporter.violations).toEqual([]);
  }

  #flush(timeoutMillis: number): void {
    const offered = this.#emitted;
    const flush = { by: this.clock.now() + timeoutMillis, isSettled: false };
    this.#flushes.push(flush);
    this.processor.forceFlush({ timeoutMillis }).then(
      () => {
        flush.isSettled = true;
        // What is still held was emitted later, or is on disk as well.
        if (!this.#hasSpool && this.held > this.#emitted - offered)
          this.exporter.violations.push('flushed with records left');
      },
      (error: { code: string }) => {
        flush.isSettled = true;
        if (!['ERR_SPILLWAY_FLUSH_TIMEOUT', 'ERR_SPILLWAY_UNAVAILABLE'].includes(error.code)) {
          this.exporter.violations.push(`a flush failed with ${error}`);
        }
      },
    );
  }
}
