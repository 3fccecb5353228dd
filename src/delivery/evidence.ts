/** Interprets refusals in the light of the destination's earlier answers. */

import type { LogBatch } from '../queue/log-batch.ts';
import type { Outcome } from './sender.ts';

/** Refusals of batches larger than any accepted one, after which size is taken to be the reason. */
const SUSPICIONS_THAT_CONVINCE = 2;

type Size = Pick<LogBatch, 'records' | 'bytes'>;

/** Unless a refusal says whether it is about the address, the size or a record, earlier acceptances tell these apart. */
export class Evidence {
  #largestAccepted = 0;
  #suspicions = 0;
  #smallestSuspect = Number.POSITIVE_INFINITY;
  #lastRefusal: 'malformed' | undefined;

  /** Before the first acceptance, a refusal is more likely about the address. */
  get wasAnythingAccepted(): boolean {
    return this.#largestAccepted > 0;
  }

  /** Everything so far was refused as malformed. A small request settles the doubt as well as a large one. */
  get isAddressInDoubt(): boolean {
    return !this.wasAnythingAccepted && this.#lastRefusal === 'malformed';
  }

  /** Records an answer. @returns its interpretation. */
  interpret(outcome: Outcome, batch: Size): Outcome {
    if (outcome.kind === 'delivered') {
      this.#accepted(batch.bytes);
      return outcome;
    }
    if (outcome.kind !== 'malformed') return outcome;
    this.#lastRefusal = 'malformed';
    const { error } = outcome;
    // Drops nothing and blocks nothing: the batch waits behind untried ones.
    if (!this.wasAnythingAccepted) return { kind: 'ambiguous', error };
    if (batch.records <= 1 || batch.bytes <= this.#largestAccepted) return outcome;
    this.#smallestSuspect = Math.min(this.#smallestSuspect, batch.bytes);
    this.#suspicions++;
    const isConvincing = this.#suspicions >= SUSPICIONS_THAT_CONVINCE;
    return { kind: 'too_large', error, isSuspected: !isConvincing };
  }

  /** A refused batch was accepted in parts of this size: there is a limit now, whatever was accepted before. */
  foundLimit(acceptedBytes: number): void {
    this.#largestAccepted = acceptedBytes;
  }

  #accepted(bytes: number): void {
    this.#lastRefusal = undefined;
    // The batch may have been a single empty record.
    this.#largestAccepted = Math.max(this.#largestAccepted, bytes, 1);
    if (bytes < this.#smallestSuspect) return;
    this.#suspicions = 0;
    this.#smallestSuspect = Number.POSITIVE_INFINITY;
  }
}
