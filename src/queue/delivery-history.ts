/** What delivery has tried with a batch so far: one immutable value, which is replaced and which the parts of a batch share. */

/** The search for what is at fault in a refused batch: one account for all its parts, and the only thing here that changes. */
export interface Search {
  /** Whether a part of it is being sent: the others wait for what that tells. */
  isUnderWay: boolean;
  /** So many refusals in a row are met at most, whatever is at stake. */
  readonly maxRefusals: number;
  /** Refusals since a part was last accepted. */
  refusals: number;
  /** Whether any part was accepted. */
  wasFruitful: boolean;
  /** What was refused last and halved, with the records of it that were not accepted since; undefined when one was given up, or it was not said why. */
  suspect: { records: number; readonly bytes: number } | undefined;
}

/** The queue looks at `attempts` and `notBefore`; the rest is for delivery alone. */
export interface DeliveryHistory {
  /** How often it was handed to the exporter. */
  readonly attempts: number;
  /** Not to be sent before this time on the monotonic clock. */
  readonly notBefore: number;
  /** When it first failed, on the monotonic clock; undefined while it has not. */
  readonly firstFailedAt: number | undefined;
  /** Failures in a row that may pass by themselves. */
  readonly failures: number;
  /** Of those, how many came although other batches had got through since the one before. */
  readonly failuresWhileOthersPassed: number;
  /** How many batches had been delivered when this one last failed. */
  readonly deliveriesAtLastFailure: number;
  /** Undefined until it is refused. */
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
