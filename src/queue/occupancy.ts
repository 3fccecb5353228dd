/** How much of the bounds of the queue is used: by batches in flight, and by all batches. */

import type { AdmissionRules } from './admission-rules.ts';
import type { Amount, LogBatch } from './log-batch.ts';
import type { QueueLimits } from './queue-contract.ts';
import type { QueuedBatch } from './queued-batch.ts';
import type { WaitingBatches } from './waiting-batches.ts';

/** Limit for batches in flight: the other half is for new records and for batches that wait for the disk. */
export function halfOf(bound: number): number {
  return Math.ceil(bound / 2);
}

/** Batches taken and not yet settled: they count against the bounds of the queue and may use half of them. */
export class InFlight<B extends LogBatch> implements Iterable<QueuedBatch<B>> {
  readonly #batches = new Set<QueuedBatch<B>>();
  #records = 0;
  #bytes = 0;
  readonly #most: Amount;
  #isKeptBack = false;

  constructor(most: Amount = { records: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }) {
    this.#most = most;
  }

  /** Whether a batch was kept back for lack of room and none has left since. */
  get isKeptBack(): boolean {
    return this.#isKeptBack;
  }

  get room(): Amount {
    return { records: this.#most.records - this.#records, bytes: this.#most.bytes - this.#bytes };
  }

  get batches(): number {
    return this.#batches.size;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get stored(): Amount {
    let records = 0;
    let bytes = 0;
    for (const { copy, contents } of this.#batches) {
      if (copy === undefined) continue;
      records += contents.records;
      bytes += contents.bytes;
    }
    return { records, bytes };
  }

  [Symbol.iterator](): Iterator<QueuedBatch<B>> {
    return this.#batches[Symbol.iterator]();
  }

  /** The next batch does not fit: it waits until one of these has left. */
  keepBack(): void {
    this.#isKeptBack = this.#batches.size > 0;
  }

  add(batch: QueuedBatch<B>): void {
    batch.take();
    this.#batches.add(batch);
    this.#records += batch.contents.records;
    this.#bytes += batch.contents.bytes;
  }

  /** @returns false if the batch was no longer in flight. */
  remove(batch: QueuedBatch<B>): boolean {
    if (!this.#batches.delete(batch)) return false;
    this.#isKeptBack = false;
    this.#records -= batch.contents.records;
    this.#bytes -= batch.contents.bytes;
    return true;
  }
}

const NOTHING: Amount = { records: 0, bytes: 0 };

/** Compares what the queue has with its bounds. Methods, not getters: V8 calls its runtime for each use of a private getter, and these are used for every record. */
export class Occupancy<B extends LogBatch> {
  readonly #maxRecords: number;
  readonly #rules: AdmissionRules;
  readonly #waiting: WaitingBatches<B>;
  readonly #inFlight: InFlight<B>;

  constructor(limits: QueueLimits, rules: AdmissionRules, waiting: WaitingBatches<B>, inFlight: InFlight<B>) {
    this.#maxRecords = limits.maxQueueSize;
    this.#rules = rules;
    this.#waiting = waiting;
    this.#inFlight = inFlight;
  }

  records(): number {
    return this.#waiting.records + this.#inFlight.records;
  }

  bytes(): number {
    return this.#waiting.bytes + this.#inFlight.bytes;
  }

  /** Fullness by records or by bytes, whichever is higher; 1 is full. @param without amount that is about to leave. */
  pressure(without = NOTHING): number {
    return Math.max(
      (this.records() - without.records) / this.#maxRecords,
      (this.bytes() - without.bytes) / this.#rules.maxBytes,
    );
  }

  isFull(without?: Amount): boolean {
    return this.records() - (without === undefined ? 0 : without.records) >= this.#maxRecords;
  }

  hasTooMany(without?: Amount): boolean {
    return this.records() - (without === undefined ? 0 : without.records) > this.#maxRecords;
  }

  isTooHeavy(without?: Amount): boolean {
    return this.bytes() - (without === undefined ? 0 : without.bytes) > this.#rules.maxBytes;
  }
}
