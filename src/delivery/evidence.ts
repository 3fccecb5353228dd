/** What is known of the destination from its answers so far, and what a refusal means in that light. */

import type { LogBatch } from '../queue/log-batch.ts';
import type { Outcome } from './sender.ts';

/** Refused batches that were all larger than those accepted: after so many, size is the reason and not the records. */
const SUSPICIONS_THAT_CONVINCE = 2;

type Size = Pick<LogBatch, 'records' | 'bytes'>;

/**
 * One refusal can be about the address, about the size of the request or about a record in it, and only the
 * explicit ones say which. What was accepted before tells them apart.
 */
export class Evidence {
  #largestAccepted = 0;
  #suspicions = 0;
  #smallestSuspect = Number.POSITIVE_INFINITY;
  #lastRefusal: 'malformed' | undefined;

  /** Whether the destination ever took a batch: before that, a refusal is more likely about the address. */
  get wasAnythingAccepted(): boolean {
    return this.#largestAccepted > 0;
  }

  /** Whether the address is in doubt: everything so far was refused as malformed. A small request finds out as well as a large one. */
  get isAddressInDoubt(): boolean {
    return !this.wasAnythingAccepted && this.#lastRefusal === 'malformed';
  }

  /** Takes note of an answer. @returns the outcome as it is meant. */
  interpret(outcome: Outcome, batch: Size): Outcome {
    if (outcome.kind === 'delivered') {
      this.#accepted(batch.bytes);
      return outcome;
    }
    if (outcome.kind !== 'malformed') return outcome;
    this.#lastRefusal = 'malformed';
    const { error } = outcome;
    // Nothing is dropped for it, and nothing blocked: the batch waits behind those that were not tried yet.
    if (!this.wasAnythingAccepted) return { kind: 'ambiguous', error };
    if (batch.records <= 1 || batch.bytes <= this.#largestAccepted) return outcome;
    this.#smallestSuspect = Math.min(this.#smallestSuspect, batch.bytes);
    this.#suspicions++;
    const isConvincing = this.#suspicions >= SUSPICIONS_THAT_CONVINCE;
    return { kind: 'too_large', error, isSuspected: !isConvincing };
  }

  /** What was refused has been accepted in parts of this size: there is a limit now, whatever was accepted before. */
  foundLimit(acceptedBytes: number): void {
    this.#largestAccepted = acceptedBytes;
  }

  #accepted(bytes: number): void {
    this.#lastRefusal = undefined;
    // One empty record is an acceptance, too.
    this.#largestAccepted = Math.max(this.#largestAccepted, bytes, 1);
    if (bytes < this.#smallestSuspect) return;
    this.#suspicions = 0;
    this.#smallestSuspect = Number.POSITIVE_INFINITY;
  }
}
