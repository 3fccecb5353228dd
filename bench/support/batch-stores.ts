/** The stores that are compared, all with the same few verbs: a floor in memory, `node:sqlite`, and the spool's segments. */

import { systemClock } from '../../src/common/clock.ts';
import { noSeverities } from '../../src/common/severity-counts.ts';
import type { SpoolSettings } from '../../src/options/spool-settings.ts';
import type { SpoolListener } from '../../src/spool/format/entry.ts';
import { Spool } from '../../src/spool/spool.ts';
import type { BatchStore, StoredBatch } from './batch-store.ts';
import { SqliteStore } from './sqlite-store.ts';
import { SqliteWorkerStore } from './sqlite-worker.ts';

export const MEMORY = 'memory';
export const SQLITE_NORMAL = 'sqlite NORMAL';
export const SQLITE_FULL = 'sqlite FULL';
export const SQLITE_CHECKPOINTS = 'sqlite, checkpoints in a worker';
export const SQLITE_WORKER = 'sqlite in a worker';
export const SEGMENTS_NEVER = 'segments never';
export const SEGMENTS_INTERVAL = 'segments interval';
export const SEGMENTS_ALWAYS = 'segments always';

/** @param recovers whether what an earlier process left there is to be taken over; the spool finds out by itself. */
export function openStore(contender: string, directory: string, recovers = false): BatchStore {
  switch (contender) {
    case MEMORY:
      return new MemoryStore();
    case SQLITE_NORMAL:
      return new SqliteStore(directory, 'NORMAL', recovers);
    case SQLITE_FULL:
      return new SqliteStore(directory, 'FULL', recovers);
    case SQLITE_CHECKPOINTS:
      return new SqliteStore(directory, 'NORMAL', recovers, 'in a worker');
    case SQLITE_WORKER:
      return new SqliteWorkerStore(directory, 'NORMAL', recovers);
    case SEGMENTS_NEVER:
      return new SegmentStore(directory, 'never');
    case SEGMENTS_INTERVAL:
      return new SegmentStore(directory, 'interval');
    case SEGMENTS_ALWAYS:
      return new SegmentStore(directory, 'always');
    default:
      throw new Error(`no store ${contender}`);
  }
}

class MemoryStore implements BatchStore {
  readonly #batches: { readonly payload: Uint8Array; readonly records: number }[] = [];
  waitingRecords = 0;

  async append(payload: Uint8Array, records: number): Promise<boolean> {
    this.#batches.push({ payload, records });
    this.waitingRecords += records;
    return true;
  }

  appendAllSync(payloads: readonly Uint8Array[], records: number): void {
    for (const payload of payloads) this.#batches.push({ payload, records });
  }

  async next(): Promise<StoredBatch | undefined> {
    const batch = this.#batches.shift();
    if (batch === undefined) return undefined;
    this.waitingRecords -= batch.records;
    return { payload: batch.payload, settle: () => {} };
  }

  async close(): Promise<void> {}
}

const SETTINGS: Omit<SpoolSettings, 'directory' | 'fsync'> = {
  maxBytes: 4 * 1024 ** 3,
  mode: 'always',
  fsyncIntervalMillis: 1_000,
  // The shortest there is: after a kill the benchmark has to wait for it.
  leaseMillis: 1_000,
  replayShare: 1,
  maxReplayBytes: 64 * 1024 ** 2,
  spillAfterOpenMillis: 0,
  exitMaxBytes: 1024 ** 3,
  exitTimeoutMillis: 60_000,
};

const silent: SpoolListener = {
  recovered: () => {},
  takenOver: () => {},
  dropped: () => {},
  wake: () => {},
  warn: () => {},
};

class SegmentStore implements BatchStore {
  readonly #spool: Spool;

  constructor(directory: string, fsync: SpoolSettings['fsync']) {
    this.#spool = new Spool({ ...SETTINGS, directory, fsync }, systemClock);
    this.#spool.open(silent);
  }

  get waitingRecords(): number {
    return this.#spool.records;
  }

  async append(payload: Uint8Array, records: number): Promise<boolean> {
    const entry = await this.#spool.append(entryOf(payload, records));
    if (entry === undefined) return false;
    this.#spool.release(entry);
    return true;
  }

  appendAllSync(payloads: readonly Uint8Array[], records: number): void {
    for (const payload of payloads) {
      if (this.#spool.appendSync(entryOf(payload, records)) === undefined) throw new Error('not stored');
    }
    this.#spool.closeSync();
  }

  async next(): Promise<StoredBatch | undefined> {
    const entry = this.#spool.next();
    if (entry === undefined) return undefined;
    const payload = await this.#spool.read(entry);
    if (payload === undefined) throw new Error('a batch is damaged');
    return { payload, settle: () => this.#spool.settle(entry, 0, entry.records) };
  }

  close(): Promise<void> {
    return this.#spool.close();
  }
}

const entryOf = (payload: Uint8Array, records: number) => ({
  payload,
  records,
  severities: noSeverities(),
  openedAtUnixMillis: systemClock.wallNow(),
  attempts: 0,
  isProtected: false,
});
