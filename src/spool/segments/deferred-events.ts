/** What the spool has to tell, told in turns of its own: never from inside a call to the spool. */

import type { Clock } from '../../common/clock.ts';
import { quietly } from '../../common/errors.ts';
import type { SeverityCounts } from '../../common/severity-counts.ts';
import type { SpoolListener } from '../format/entry.ts';

/** Records that are lost together. */
export interface Loss {
  /** Whether they had been handed to the exporter. */
  readonly wasPassed: boolean;
  readonly records: number;
  readonly severities: SeverityCounts | undefined;
}

export class Announcements implements SpoolListener {
  readonly #listener: SpoolListener;
  readonly #clock: Clock;
  #untold: (() => void)[] = [];
  #isChangeUntold = false;

  constructor(listener: SpoolListener, clock: Clock) {
    this.#listener = listener;
    this.#clock = clock;
  }

  recovered(...args: Parameters<SpoolListener['recovered']>): void {
    this.#later(() => this.#listener.recovered(...args));
  }

  disowned(...args: Parameters<SpoolListener['disowned']>): void {
    this.#later(() => this.#listener.disowned(...args));
  }

  dropped(...args: Parameters<SpoolListener['dropped']>): void {
    this.#later(() => this.#listener.dropped(...args));
  }

  droppedAll(reason: 'spool_full' | 'spool_corrupt', losses: readonly Loss[]): void {
    for (const { records, wasPassed, severities } of losses) {
      this.dropped(reason, records, wasPassed, severities);
    }
  }

  warn(...args: Parameters<SpoolListener['warn']>): void {
    this.#later(() => this.#listener.warn(...args));
  }

  changed(): void {
    if (this.#isChangeUntold) return;
    this.#isChangeUntold = true;
    this.#later(() => {
      this.#isChangeUntold = false;
      this.#listener.changed();
    });
  }

  /** Tells now what is untold: at the end there may be no other turn. */
  tell(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const tell of untold) quietly(tell);
  }

  #later(tell: () => void): void {
    if (this.#untold.length === 0) this.#clock.immediate(() => this.tell());
    this.#untold.push(tell);
  }
}
