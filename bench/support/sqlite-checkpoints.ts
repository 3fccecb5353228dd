/** Takes SQLite's checkpoints, and with them all its waiting for the disk, to a thread of its own: the one that writes only appends. */

import { DatabaseSync } from 'node:sqlite';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const INTERVAL_MILLIS = 100;

/** Of a database that is there and in WAL mode. The thread does not keep the process. */
export function checkpointsOf(path: string): Worker {
  const worker = new Worker(new URL(import.meta.url), { workerData: path });
  worker.unref();
  return worker;
}

// Imported in another thread as well, which was given something else.
if (!isMainThread && typeof workerData === 'string') {
  const database = new DatabaseSync(workerData);
  // As far as it gets without making a writer wait.
  setInterval(() => database.exec('PRAGMA wal_checkpoint(PASSIVE)'), INTERVAL_MILLIS);
}
