/** Compares the contents of the queue with its current bounds. */

import type { AdmissionRules } from './admission-rules.ts';
import type { InFlight } from './in-flight.ts';
import type { LogBatch } from './log-batch.ts';
import type { Amount, QueueLimits } from './queue-contract.ts';
import type { WaitingBatches } from './waiting-batches.ts';

const NOTHING: Amount = { records: 0, bytes: 0 };

/** Methods, not getters: V8 calls its runtime for each use of a private getter, and these are used for every record. */
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
