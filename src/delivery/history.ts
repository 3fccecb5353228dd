/** How the history of a batch goes on: functions from one history to the next. */

import type { DeliveryHistory } from '../queue/delivery-history.ts';

/** It is handed to the exporter once more. */
export function attempted(history: DeliveryHistory): DeliveryHistory {
  return { ...history, attempts: history.attempts + 1 };
}

/** Whether other batches got through since this one last failed; `deliveries` counts all batches that were delivered. */
export function haveOthersPassed(history: DeliveryHistory, deliveries: number): boolean {
  return history.failures > 0 && deliveries > history.deliveriesAtLastFailure;
}

/** It failed in a way that may pass by itself. */
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

/** It is not to be sent before this time on the monotonic clock; 0 lets it go immediately. */
export function heldBackUntil(history: DeliveryHistory, notBefore: number): DeliveryHistory {
  return history.notBefore === notBefore ? history : { ...history, notBefore };
}
