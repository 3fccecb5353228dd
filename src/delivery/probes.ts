/** What a destination is asked with when it is not well, or when its address is in doubt. */

import type { DeliveryHistory } from '../queue/delivery-history.ts';
import type { TakeSize } from '../queue/queue-contract.ts';
import type { Evidence } from './evidence.ts';
import type { Permit } from './recovery.ts';

/** A probe asks whether the destination is back; it need not carry more than that takes. */
const PROBE_RECORDS = 32;
/** A batch that failed this often in a row gives way to one that did not. */
const STUCK_FAILURES = 2;

export class Probes {
  readonly #evidence: Evidence;
  /** While the address is in doubt: how often a batch was tried before it gives way to others. */
  #triesInDoubt = 0;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  /** How much is sent with this permit at most. */
  size(permit: Permit): TakeSize {
    if (permit.kind !== 'alone') return {};
    // In doubt about the address with less and less, so that one bad record does not speak for all.
    if (this.#evidence.isAddressInDoubt)
      return { maxRecords: Math.max(1, PROBE_RECORDS >> this.#triesInDoubt) };
    return permit.isProbe ? { maxRecords: PROBE_RECORDS } : {};
  }

  /** What the destination may have against one batch must not keep it from being asked with others. */
  readonly passOver = ({ history }: { readonly history: DeliveryHistory }): boolean =>
    this.#evidence.isAddressInDoubt
      ? history.attempts > this.#triesInDoubt
      : history.failures >= STUCK_FAILURES;

  /** A batch was chosen. If all of them were tried so often, each may be tried once more. */
  chose({ attempts }: DeliveryHistory): void {
    if (this.#evidence.isAddressInDoubt) this.#triesInDoubt = Math.max(this.#triesInDoubt, attempts);
  }
}
