/** Transitions of a batch's delivery history: pure functions from one value to the next. */

import type { DeliveryHistory } from '../queue/delivery-history.ts';

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
