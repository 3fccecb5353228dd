/** Waits, within a bound, for resource attributes that resolve after the SDK has started. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type Clock, settledWithin } from '../common/clock.ts';

type Resource = ReadableLogRecord['resource'];

/** They are waited for this long; then a batch goes with what there is. */
const RESOURCE_WAIT_MILLIS = 5_000;

/** Never rejects: a detector that failed is not the batch's fault. @returns whether they have settled. */
export function resolved(resources: Iterable<Resource>, clock: Clock): Promise<boolean> {
  // Inside a promise chain a synchronous throw becomes a rejection.
  const work = Promise.resolve().then(() =>
    Promise.all(Array.from(resources, (resource) => resource.waitForAsyncAttributes?.())),
  );
  return settledWithin(work, RESOURCE_WAIT_MILLIS, clock, { keepAlive: false });
}
