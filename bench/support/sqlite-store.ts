/** The comparator of the spool: a store on `node:sqlite`, one database for all processes of a directory. */

import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import type { BatchStore, StoredBatch } from './batch-store.ts';
import { checkpointsOf } from './sqlite-checkpoints.ts';

export type Synchronous = 'NORMAL' | 'FULL';

/** How long a writer waits for the others' locks. */
const BUSY_MILLIS = 5_000;
/** Of the sizes tried (4 to 64 KiB), the one with the least CPU for batches of 120 KB and of 1 MB. */
const PAGE_BYTES = 16 * 1024;
/** A checkpoint for every 4 MiB, as with SQLite's defaults: larger ones are fewer but longer stalls. */
const CHECKPOINT_PAGES = (4 * 1024 * 1024) / PAGE_BYTES;

interface Row {
  readonly id: number;
  readonly records: number;
}

/**
 * What the spool does and this does not: leases, a limit of bytes, batches that are settled in part, damage, what is
 * done when the disk is full.
 */
export class SqliteStore implements BatchStore {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #delete: StatementSync;
  readonly #waiting: Row[];
  readonly #checkpoints: Worker | undefined;
  #unsettledBatches: number;
  #waitingRecords: number;

  /**
   * @param recovers whether what is there already is this one's: without leases it has to be told.
   * @param checkpoints who makes them: this one, in the course of an append, or a thread.
   */
  constructor(
    directory: string,
    synchronous: Synchronous,
    recovers: boolean,
    checkpoints: 'here' | 'in a worker' = 'here',
  ) {
    const path = join(directory, 'spool.db');
    this.#database = new DatabaseSync(path);
    // The busy time first: to set the journal mode takes a lock.
    this.#database.exec(`
      PRAGMA busy_timeout = ${BUSY_MILLIS};
      PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${synchronous};
      PRAGMA wal_autocheckpoint = ${checkpoints === 'here' ? CHECKPOINT_PAGES : 0};
      PRAGMA journal_size_limit = 0;
      CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, records INTEGER NOT NULL, payload BLOB NOT NULL);
    `);
    this.#checkpoints = checkpoints === 'here' ? undefined : checkpointsOf(path);
    this.#insert = this.#database.prepare('INSERT INTO batches (records, payload) VALUES (?, ?)');
    this.#select = this.#database.prepare('SELECT payload FROM batches WHERE id = ?');
    this.#delete = this.#database.prepare('DELETE FROM batches WHERE id = ?');
    this.#waiting = recovers
      ? (this.#database.prepare('SELECT id, records FROM batches ORDER BY id').all() as unknown as Row[])
      : [];
    this.#unsettledBatches = this.#waiting.length;
    this.#waitingRecords = this.#waiting.reduce((sum, row) => sum + row.records, 0);
  }

  get waitingRecords(): number {
    return this.#waitingRecords;
  }

  async append(payload: Uint8Array, records: number): Promise<boolean> {
    try {
      const { lastInsertRowid } = this.#insert.run(records, payload);
      this.#waiting.push({ id: Number(lastInsertRowid), records });
    } catch {
      return false;
    }
    this.#unsettledBatches++;
    this.#waitingRecords += records;
    return true;
  }

  /** One transaction, and no checkpoint: the next process can do that. */
  appendAllSync(payloads: readonly Uint8Array[], records: number): void {
    this.#database.exec('PRAGMA wal_autocheckpoint = 0; BEGIN IMMEDIATE');
    for (const payload of payloads) this.#insert.run(records, payload);
    this.#database.exec('COMMIT');
  }

  async next(): Promise<StoredBatch | undefined> {
    const row = this.#waiting.shift();
    if (row === undefined) return undefined;
    this.#waitingRecords -= row.records;
    const { payload } = this.#select.get(row.id) as { payload: Uint8Array };
    return { payload, settle: () => this.#settle(row.id) };
  }

  #settle(id: number): void {
    this.#delete.run(id);
    if (--this.#unsettledBatches > 0) return;
    // Pages that are free are used again; the file need not shrink before there is nothing left.
    this.#database.exec('PRAGMA incremental_vacuum');
    if (this.#checkpoints === undefined) this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  async close(): Promise<void> {
    await this.#checkpoints?.terminate();
    this.#database.close();
  }
}
