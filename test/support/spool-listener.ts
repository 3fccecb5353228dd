/** Writes down what a spool tells, and whether it told it from inside a call to it. */

import { noSeverities, type SeverityCounts } from '../../src/common/severity-counts.ts';
import type { SpoolListener } from '../../src/spool/format/entry.ts';

export interface SpoolDrop {
  readonly reason: 'spool_full' | 'spool_corrupt';
  readonly records: number;
  readonly wasPassed: boolean;
  readonly severities: SeverityCounts | undefined;
}

export class SpoolEvents implements SpoolListener {
  readonly recoveries: number[] = [];
  /** What was held by the spool alone, of each time that a partition was found taken. */
  readonly ownershipLosses: number[] = [];
  readonly drops: SpoolDrop[] = [];
  readonly warnings: { readonly topic: string; readonly message: string }[] = [];
  changes = 0;
  /** What was told from inside a call to the spool. */
  readonly untimely: string[] = [];
  #depth = 0;

  recovered(records: number): void {
    this.#hear('recovered');
    this.recoveries.push(records);
  }

  takenOver(records: number): void {
    this.#hear('takenOver');
    this.ownershipLosses.push(records);
  }

  dropped(
    reason: SpoolDrop['reason'],
    records: number,
    wasPassed: boolean,
    severities?: SeverityCounts,
  ): void {
    this.#hear('dropped');
    // Read now: the spool may go on using its own.
    this.drops.push({ reason, records, wasPassed, severities: severities && [...severities] });
  }

  wake(): void {
    this.#hear('wake');
    this.changes++;
  }

  warn(topic: string, message: string): void {
    this.#hear('warn');
    this.warnings.push({ topic, message });
  }

  /** Runs a call to the spool: what is told before it returns is told too early. */
  during<T>(call: () => T): T {
    this.#depth++;
    try {
      return call();
    } finally {
      this.#depth--;
    }
  }

  get recoveredRecords(): number {
    return this.recoveries.reduce((sum, records) => sum + records, 0);
  }

  get takenOverRecords(): number {
    return this.ownershipLosses.reduce((sum, records) => sum + records, 0);
  }

  droppedRecords(reason: SpoolDrop['reason']): number {
    return this.#of(reason).reduce((sum, { records }) => sum + records, 0);
  }

  droppedSeverities(reason: SpoolDrop['reason']): SeverityCounts {
    return this.#of(reason).reduce<number[]>(
      (sum, { severities }) => sum.map((count, index) => count + (severities?.[index] ?? 0)),
      noSeverities(),
    );
  }

  #of(reason: SpoolDrop['reason']): SpoolDrop[] {
    return this.drops.filter((drop) => drop.reason === reason);
  }

  #hear(what: string): void {
    if (this.#depth > 0) this.untimely.push(what);
  }
}
