/** The stock processor and ours in the same scenario: same exporter, same records, time that only the test moves. */

import { BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { vi } from 'vitest';
import type { SpillwayOptions } from '../../src/index.ts';
import { Harness } from './harness.ts';
import { record } from './records.ts';
import { ScriptedExporter } from './scripted-exporter.ts';

type StockOptions = Omit<ConstructorParameters<typeof BatchLogRecordProcessor>[0], 'exporter'>;

/** What a scenario may use of either. */
export interface Contender {
  readonly exporter: ScriptedExporter;
  readonly processor: { forceFlush(): Promise<void>; shutdown(): Promise<void> };
  /** Emits `count` records whose bodies are numbered from 0 on. */
  emit(count?: number, fields?: Parameters<typeof record>[0]): void;
  advance(millis: number): Promise<void>;
  after(millis: number, callback: () => void): void;
}

class Spillway extends Harness implements Contender {
  after(millis: number, callback: () => void): void {
    this.clock.timer(callback, millis);
  }
}

class Stock implements Contender {
  readonly exporter = new ScriptedExporter();
  readonly processor: BatchLogRecordProcessor;
  #emitted = 0;

  constructor(options: StockOptions) {
    this.processor = new BatchLogRecordProcessor({ ...options, exporter: this.exporter });
  }

  emit(count = 1, fields: Parameters<typeof record>[0] = {}): void {
    for (let index = 0; index < count; index++) {
      this.processor.onEmit(record({ body: this.#emitted++, ...fields }) as never);
    }
  }

  async advance(millis: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(millis);
  }

  after(millis: number, callback: () => void): void {
    setTimeout(callback, millis);
  }
}

/**
 * Plays a scenario twice, and ends ours with the law. The stock processor gets the options that both have.
 */
export async function onBoth<T>(
  scenario: (contender: Contender) => Promise<T>,
  { stock = {}, spillway = {} }: { stock?: StockOptions; spillway?: Partial<SpillwayOptions> } = {},
): Promise<{ stock: T; spillway: T; stats: Harness['stats'] }> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let stockResult: T;
  try {
    stockResult = await scenario(new Stock(stock));
  } finally {
    vi.useRealTimers();
  }
  const harness = new Spillway({ ...stock, ...spillway });
  const spillwayResult = await scenario(harness);
  const { stats } = harness;
  await harness.end();
  return { stock: stockResult, spillway: spillwayResult, stats };
}

/** From now on each export succeeds after `millis`. */
export function answerAfter(contender: Contender, millis: number): void {
  const { exporter } = contender;
  exporter.script = ['hang'];
  exporter.export = (...args) => {
    ScriptedExporter.prototype.export.apply(exporter, args);
    const call = exporter.lastCall;
    contender.after(millis, call.succeed);
  };
}

/** Tells at any time whether a promise has settled, and how. */
export function watch(promise: Promise<unknown>): () => 'pending' | 'resolved' | 'rejected' {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending';
  promise.then(
    () => {
      state = 'resolved';
    },
    () => {
      state = 'rejected';
    },
  );
  return () => state;
}
