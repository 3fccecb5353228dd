/** What the spool has to tell, told in turns of its own: never from inside a call to the spool. */

import { type Clock, coalesced } from '../../common/clock.ts';
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

export class DeferredEvents implements SpoolListener {
  /** Nothing happens before there is one. */
  listener: SpoolListener | undefined;
  readonly #deliverLater: () => void;
  #pending: (() => void)[] = [];
  #isWakePending = false;

  constructor(clock: Clock) {
    this.#deliverLater = coalesced(clock, () => this.deliver());
  }

  recovered(...args: Parameters<SpoolListener['recovered']>): void {
    this.#defer(() => this.listener?.recovered(...args));
  }

  takenOver(...args: Parameters<SpoolListener['takenOver']>): void {
    this.#defer(() => this.listener?.takenOver(...args));
  }

  dropped(...args: Parameters<SpoolListener['dropped']>): void {
    this.#defer(() => this.listener?.dropped(...args));
  }

  droppedAll(reason: 'spool_full' | 'spool_corrupt', losses: readonly Loss[]): void {
    for (const { records, wasPassed, severities } of losses) {
      this.dropped(reason, records, wasPassed, severities);
    }
  }

  warn(...args: Parameters<SpoolListener['warn']>): void {
    this.#defer(() => this.listener?.warn(...args));
  }

  wake(): void {
    if (this.#isWakePending) return;
    this.#isWakePending = true;
    this.#defer(() => {
      this.#isWakePending = false;
      this.listener?.wake();
    });
  }

  /** Tells now what is untold: at the end there may be no other turn. */
  deliver(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const deliver of pending) quietly(deliver);
  }

  #defer(deliver: () => void): void {
    this.#pending.push(deliver);
    this.#deliverLater();
  }
}
