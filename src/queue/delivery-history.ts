/** The delivery attempts of a batch: one immutable value, shared by the parts of the batch, and its transitions. */

/** The search for the bad records of a refused batch: one account for all its parts, and the only mutable value here. */
export interface Search {
  /** Whether a part is being sent: the others wait for its result. */
  isUnderWay: boolean;
  /** Limit of `refusals`, whatever the number of records. */
  readonly maxRefusals: number;
  /** Refusals since a part was last accepted. */
  refusals: number;
  wasFruitful: boolean;
  /** The last halved batch, less its accepted records; undefined if a part was given up or the refusal did not blame it. */
  suspect: { records: number; readonly bytes: number } | undefined;
}

/** The queue reads `attempts`, `notBefore` and `search.isUnderWay`; the rest is for delivery. */
export interface DeliveryHistory {
  readonly attempts: number;
  /** Earliest time of the next attempt, on the monotonic clock. */
  readonly notBefore: number;
  /** On the monotonic clock; undefined before the first failure. */
  readonly firstFailedAt: number | undefined;
  /** Failures in a row that may be temporary. */
  readonly failures: number;
  /** How many of these followed deliveries of other batches. */
  readonly failuresWhileOthersPassed: number;
  /** Number of batches delivered in total when this one last failed. */
  readonly deliveriesAtLastFailure: number;
  /** Undefined until the batch is halved after a refusal. */
  readonly search: Search | undefined;
}

export const UNTRIED: DeliveryHistory = {
  attempts: 0,
  notBefore: 0,
  firstFailedAt: undefined,
  failures: 0,
  failuresWhileOthersPassed: 0,
  deliveriesAtLastFailure: 0,
  search: undefined,
};

export function attempted(history: DeliveryHistory): DeliveryHistory {
  return { ...history, attempts: history.attempts + 1 };
}

/** Whether other batches were delivered since this one last failed. @param deliveries of all batches so far. */
export function haveOthersPassed(history: DeliveryHistory, deliveries: number): boolean {
  return history.failures > 0 && deliveries > history.deliveriesAtLastFailure;
}

/** Records a failure that may be temporary. */
export function failed(history: DeliveryHistory, now: number, deliveries: number): DeliveryHistory {
  const othersPassed = haveOthersPassed(history, deliveries);
  return {
    ...history,
    firstFailedAt: history.firstFailedAt ?? now,
    failures: history.failures + 1,
    failuresWhileOthersPassed: history.failuresWhileOthersPassed + (othersPassed ? 1 : 0),
    deliveriesAtLastFailure: deliveries,
  };
}

/** @param notBefore on the monotonic clock; 0 lets the batch go immediately. */
export function heldBackUntil(history: DeliveryHistory, notBefore: number): DeliveryHistory {
  return history.notBefore === notBefore ? history : { ...history, notBefore };
}
