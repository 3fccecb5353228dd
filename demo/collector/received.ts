/** What a collector has stored so far, kept by its owner: in the same process, or in the parent of its child process. */
import type { ReceivedRecord } from './decode.ts';
import type { CollectorStats, Report } from './protocol.ts';

export class Received {
  readonly ids = new Map<string, number>();
  readonly records: ReceivedRecord[] = [];
  readonly #stats: () => CollectorStats;
  readonly #waiters = new Set<() => void>();

  constructor(stats: () => CollectorStats) {
    this.#stats = stats;
  }

  add(report: Report): void {
    for (const id of report.ids) this.ids.set(id, (this.ids.get(id) ?? 0) + 1);
    for (const record of report.records) this.records.push(record);
    for (const check of this.#waiters) check();
  }

  until(condition: (stats: CollectorStats) => boolean, timeoutMillis = 4_000): Promise<CollectorStats> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(check);
      };
      const check = (): void => {
        const stats = this.#stats();
        if (!condition(stats)) return;
        settle();
        resolve(stats);
      };
      const timer = setTimeout(() => {
        settle();
        const counts = JSON.stringify(this.#stats());
        reject(new Error(`the collector's counts did not get there in ${timeoutMillis} ms: ${counts}`));
      }, timeoutMillis);
      this.#waiters.add(check);
      check();
    });
  }
}
