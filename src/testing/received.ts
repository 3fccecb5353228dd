/** What a collector has stored so far, kept by its owner: in the same process, or in the parent of its child process. */

import type { Account, Counts } from './account.ts';
import type { ReceivedRecord } from './received-record.ts';

/** Sent before the answer to a request, so that what was stored is known even if the collector dies while it answers. */
export interface Report {
  readonly counts: Counts;
  readonly ids: readonly string[];
  readonly records: readonly ReceivedRecord[];
}

export class Received {
  /** How often each was stored. */
  readonly ids = new Map<string, number>();
  readonly records: ReceivedRecord[] = [];
  readonly #counts: () => Counts;
  readonly #waiters = new Set<() => void>();
  #storedWithId = 0;

  constructor(counts: () => Counts) {
    this.#counts = counts;
  }

  add(report: Pick<Report, 'ids' | 'records'>): void {
    for (const id of report.ids) this.ids.set(id, (this.ids.get(id) ?? 0) + 1);
    this.#storedWithId += report.ids.length;
    for (const record of report.records) this.records.push(record);
    for (const check of this.#waiters) check();
  }

  account(): Account {
    const counts = this.#counts();
    const duplicates = this.#storedWithId - this.ids.size;
    return { ...counts, different: counts.records - duplicates, duplicates };
  }

  until(
    condition: (account: Account) => boolean,
    timeoutMillis: number,
    wanted = 'its account did not get there',
  ): Promise<Account> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(check);
      };
      const check = (): void => {
        const account = this.account();
        if (!condition(account)) return;
        settle();
        resolve(account);
      };
      const timer = setTimeout(() => {
        settle();
        const account = JSON.stringify(this.account());
        reject(new Error(`the collector waited ${timeoutMillis} ms, and ${wanted}: ${account}`));
      }, timeoutMillis);
      this.#waiters.add(check);
      check();
    });
  }
}
