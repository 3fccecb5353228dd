/** What delivery has tried with a batch so far: one immutable value, which is replaced and which the parts of a batch share. */

/** Extra requests that may be spent on finding out which records of a refused batch are at fault: one account for all its parts. */
export interface BisectBudget {
  remaining: number;
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
  readonly bisect: BisectBudget | undefined;
}

export const UNTRIED: DeliveryHistory = {
  attempts: 0,
  notBefore: 0,
  firstFailedAt: undefined,
  failures: 0,
  failuresWhileOthersPassed: 0,
  deliveriesAtLastFailure: 0,
  bisect: undefined,
};
