/** The comparator in a thread of its own: nothing of SQLite blocks the event loop, and every batch is copied once to get there. */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { BatchStore, StoredBatch } from './batch-store.ts';
import { SqliteStore, type Synchronous } from './sqlite-store.ts';

interface Settings {
  readonly directory: string;
  readonly synchronous: Synchronous;
  readonly recovers: boolean;
}

type Call =
  | { readonly verb: 'append'; readonly payload: Uint8Array; readonly records: number }
  | { readonly verb: 'next' | 'close' }
  | { readonly verb: 'settle'; readonly number: number };
interface Question {
  readonly id: number;
  readonly call: Call;
}
interface Answer {
  readonly id: number;
  readonly waitingRecords: number;
  readonly isStored?: boolean;
  readonly batch?: { readonly payload: Uint8Array<ArrayBuffer>; readonly number: number };
}

export class SqliteWorkerStore implements BatchStore {
  readonly #settings: Settings;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  waitingRecords = 0;

  constructor(directory: string, synchronous: Synchronous, recovers: boolean) {
    this.#settings = { directory, synchronous, recovers };
    this.#worker = new Worker(new URL(import.meta.url), { workerData: this.#settings });
    this.#worker.on('message', (answer: Answer) => {
      this.waitingRecords = answer.waitingRecords;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  async append(payload: Uint8Array, records: number): Promise<boolean> {
    // The caller sends the same bytes to the collector, so they cannot be given away.
    const copy = new Uint8Array(payload);
    const answer = await this.#ask({ verb: 'append', payload: copy, records }, [copy.buffer]);
    return answer.isStored === true;
  }

  /** There is no time to ask the thread: a connection of this one's own. */
  appendAllSync(payloads: readonly Uint8Array[], records: number): void {
    const { directory, synchronous } = this.#settings;
    new SqliteStore(directory, synchronous, false).appendAllSync(payloads, records);
  }

  async next(): Promise<StoredBatch | undefined> {
    const { batch } = await this.#ask({ verb: 'next' });
    if (batch === undefined) return undefined;
    const { payload, number } = batch;
    return { payload, settle: () => void this.#ask({ verb: 'settle', number }) };
  }

  async close(): Promise<void> {
    await this.#ask({ verb: 'close' });
    await this.#worker.terminate();
  }

  #ask(call: Call, transfer: ArrayBuffer[] = []): Promise<Answer> {
    return new Promise((resolve) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, resolve);
      this.#worker.postMessage({ id, call } satisfies Question, transfer);
    });
  }
}

function serve({ directory, synchronous, recovers }: Settings): void {
  const store = new SqliteStore(directory, synchronous, recovers);
  const taken = new Map<number, StoredBatch>();
  let lastNumber = 0;
  async function act(call: Call): Promise<Pick<Answer, 'isStored' | 'batch'>> {
    switch (call.verb) {
      case 'append':
        return { isStored: await store.append(call.payload, call.records) };
      case 'next': {
        const batch = await store.next();
        if (batch === undefined) return {};
        taken.set(++lastNumber, batch);
        return { batch: { payload: batch.payload as Uint8Array<ArrayBuffer>, number: lastNumber } };
      }
      case 'settle':
        taken.get(call.number)?.settle();
        taken.delete(call.number);
        return {};
      case 'close':
        await store.close();
        return {};
    }
  }
  const answer = async ({ id, call }: Question) => {
    const result = await act(call);
    const message: Answer = { id, waitingRecords: store.waitingRecords, ...result };
    parentPort?.postMessage(message, result.batch === undefined ? [] : [result.batch.payload.buffer]);
  };
  parentPort?.postMessage({ id: 0, waitingRecords: store.waitingRecords } satisfies Answer);
  parentPort?.on('message', (question: Question) => void answer(question));
}

if (!isMainThread) serve(workerData as Settings);
