/** A processor on a manual clock in front of a scripted exporter. */

import './legal-moves.ts';
import { SpillwayLogRecordProcessor, type SpillwayOptions } from '../../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { expectLaw, record } from './records.ts';
import { type Behaviour, ScriptedExporter } from './scripted-exporter.ts';

export class Harness {
  readonly clock = new ManualClock();
  readonly exporter: ScriptedExporter;
  readonly processor: SpillwayLogRecordProcessor;
  /** What share of its memory the process uses. */
  memoryUseRatio = 0;
  #emitted = 0;

  constructor(options: Partial<SpillwayOptions> = {}, ...script: Behaviour[]) {
    this.exporter = new ScriptedExporter(...script);
    this.processor = new SpillwayLogRecordProcessor(
      // Scenarios that lose records count what arrives; the marker has tests of its own.
      { exporter: this.exporter, gapMarker: false, ...options },
      { clock: this.clock, memoryUseRatio: () => this.memoryUseRatio },
    );
  }

  /** Emits `count` records whose bodies are numbered from 0 on. */
  emit(count = 1, fields: Parameters<typeof record>[0] = {}): void {
    for (let index = 0; index < count; index++) {
      this.processor.onEmit(record({ body: this.#emitted++, ...fields }));
    }
  }

  get stats() {
    return this.processor.stats();
  }

  async settle(): Promise<void> {
    await this.clock.settle();
    expectLaw(this.stats);
  }

  async advance(millis: number): Promise<void> {
    await this.clock.advance(millis);
    expectLaw(this.stats);
  }

  /** Ends the scenario: whatever happened, everything is accounted for and nothing is left behind. */
  async end(): Promise<void> {
    const shutdown = this.processor.shutdown({ strategy: 'immediate' });
    await this.clock.advance(0);
    await this.clock.advance(5_001);
    await shutdown;
    const { queued, inFlight } = this.stats;
    expectLaw(this.stats);
    if (queued.records + inFlight.records > 0) throw new Error('records are left after shutdown');
  }
}

/** Numbers from 0 to `count` - 1. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
