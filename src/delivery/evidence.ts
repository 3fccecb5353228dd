/** Interprets refusals in the light of earlier answers, and chooses the batches that test the destination. */

import type { DeliveryHistory } from '../queue/delivery-history.ts';
import type { LogBatch, TakeSize } from '../queue/log-batch.ts';
import type { Permit } from './recovery.ts';
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

/** Enough to test whether the destination is back, and below any limit of size that is in use. */
const PROBE_RECORDS = 32;
const PROBE_BYTES = 4 * 1024;
/** A batch with this many failures in a row gives way to others. */
const STUCK_FAILURES = 2;

/** Chooses the batches that test a failing destination, or one whose address is in doubt, and their size. */
export class Probes {
  readonly #evidence: Evidence;
  /** While the address is in doubt: a batch with more attempts than this gives way to others. */
  #triesInDoubt = 0;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  /** @param maxBytes of any request. */
  size(permit: Permit, maxBytes: number): TakeSize {
    if (permit.kind !== 'alone') return { maxBytes };
    // While the address is in doubt, requests shrink, so that one bad record does not decide for all.
    if (this.#evidence.isAddressInDoubt)
      return { maxBytes, maxRecords: Math.max(1, PROBE_RECORDS >> this.#triesInDoubt) };
    if (!permit.isProbe) return { maxBytes };
    return { maxBytes: Math.min(maxBytes, PROBE_BYTES), maxRecords: PROBE_RECORDS };
  }

  /** Passes over batches that may be the reason for refusals, so that others can test the destination. */
  readonly passOver = ({ history }: { readonly history: DeliveryHistory }): boolean =>
    this.#evidence.isAddressInDoubt
      ? history.attempts > this.#triesInDoubt
      : history.failures >= STUCK_FAILURES;

  /** Notes the chosen batch's attempts: if no batch had fewer, each may be tried once more. */
  chose({ attempts }: DeliveryHistory): void {
    if (this.#evidence.isAddressInDoubt) this.#triesInDoubt = Math.max(this.#triesInDoubt, attempts);
  }
}
