/** Processors with a spool, one after the other or together, on a manual clock and one real directory. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SpillwayLogRecordProcessor, type SpillwayOptions, type SpoolOptions } from '../../src/index.ts';
import type { SpoolFiles } from '../../src/spool/format/file-system.ts';
import { ManualClock } from './manual-clock.ts';
import { promptFiles } from './prompt-files.ts';
import { expectLaw, record } from './records.ts';
import { type Behaviour, ScriptedExporter } from './scripted-exporter.ts';

type Options = Omit<Partial<SpillwayOptions>, 'spool'> & { readonly spool?: Partial<SpoolOptions> };

/** A directory that is gone when the test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'otel-spillway-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export class SpooledHarness {
  readonly clock: ManualClock;
  readonly directory: string;
  readonly exporter: ScriptedExporter;
  readonly processor: SpillwayLogRecordProcessor;
  memoryUseRatio = 0;
  #emitted = 0;

  /** @param before whose directory and clock are used; its processor may be gone, or not. Without a clock, an own one. */
  constructor(
    options: Options = {},
    script: Behaviour[] = [],
    before?: Pick<SpooledHarness, 'directory'> & Partial<Pick<SpooledHarness, 'clock' | 'emitted'>>,
    files: SpoolFiles = promptFiles,
  ) {
    this.clock = before?.clock ?? new ManualClock();
    this.directory = before?.directory ?? join(temporaryDirectory(), 'spool');
    this.exporter = (options.exporter as ScriptedExporter | undefined) ?? new ScriptedExporter(...script);
    this.#emitted = before?.emitted ?? 0;
    this.processor = new SpillwayLogRecordProcessor(
      {
        exporter: this.exporter,
        gapMarker: false,
        memoryLimit: false,
        maxExportBatchSize: 10,
        maxQueueSize: 100,
        ...options,
        spool: { directory: this.directory, ...options.spool },
      },
      { clock: this.clock, memoryUseRatio: () => this.memoryUseRatio, files },
    );
    // A processor that a test has left for dead must not write on when the test process ends.
    onTestFinished(async () => {
      void this.processor.shutdown({ strategy: 'immediate' });
      await this.clock.advance(6_000);
    });
  }

  get emitted(): number {
    return this.#emitted;
  }

  /** Emits `count` records whose bodies are numbered, on from those of the harness before. */
  emit(count = 1, fields: Parameters<typeof record>[0] = {}): void {
    for (let index = 0; index < count; index++) {
      this.processor.onEmit(record({ body: this.#emitted++, ...fields }));
    }
  }

  get stats() {
    const stats = this.processor.stats();
    expectLaw(stats);
    return stats;
  }

  /** What is in memory and what is on disk, in records. */
  get held(): { memory: number; disk: number } {
    const { queued, inFlight, spooled } = this.stats;
    return { memory: queued.records + inFlight.records, disk: spooled.records };
  }

  get delivered(): number[] {
    return this.exporter.delivered as number[];
  }

  async settle(): Promise<void> {
    await this.clock.settle();
    expectLaw(this.stats);
  }

  async advance(millis: number): Promise<void> {
    await this.clock.advance(millis);
    expectLaw(this.stats);
  }

  /** Shuts down, and lets as much time pass as that takes. */
  async shutdown(options?: Parameters<SpillwayLogRecordProcessor['shutdown']>[0]): Promise<number> {
    const startedAt = this.clock.now();
    let tookMillis = -1;
    const shutdown = this.processor.shutdown(options).then(() => {
      tookMillis = this.clock.now() - startedAt;
    });
    for (let millis = 0; tookMillis < 0 && millis <= 6_000; millis += 10) await this.clock.advance(10);
    await shutdown;
    expectLaw(this.stats);
    return tookMillis;
  }

  removeDirectory(): void {
    rmSync(this.directory, { recursive: true });
  }

  /** Whether anything is left in the directory but the directory itself. */
  get leftOnDisk(): string[] {
    return readdirSync(this.directory);
  }
}

/** Numbers from `start` to `end` - 1. */
export const numbers = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, index) => start + index);

export const inOrder = (bodies: readonly number[]): number[] => [...bodies].sort((a, b) => a - b);
