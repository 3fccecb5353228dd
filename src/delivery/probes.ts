/** Chooses the batches that test a failing destination, or one whose address is in doubt, and their size. */

import type { DeliveryHistory } from '../queue/delivery-history.ts';
import type { TakeSize } from '../queue/queue-contract.ts';
import type { Evidence } from './evidence.ts';
import type { Permit } from './recovery.ts';

/** Enough records to test whether the destination is back. */
const PROBE_RECORDS = 32;
/** A batch with this many failures in a row gives way to others. */
const STUCK_FAILURES = 2;

export class Probes {
  readonly #evidence: Evidence;
  /** While the address is in doubt: a batch with more attempts than this gives way to others. */
  #triesInDoubt = 0;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  size(permit: Permit): TakeSize {
    if (permit.kind !== 'alone') return {};
    // While the address is in doubt, requests shrink, so that one bad record does not decide for all.
    if (this.#evidence.isAddressInDoubt)
      return { maxRecords: Math.max(1, PROBE_RECORDS >> this.#triesInDoubt) };
    return permit.isProbe ? { maxRecords: PROBE_RECORDS } : {};
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
