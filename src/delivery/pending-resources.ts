/** Waits, within a bound, for resource attributes that resolve after the SDK has started. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type Clock, settledWithin } from '../common/clock.ts';

type Resource = ReadableLogRecord['resource'];

/** After this time a batch is sent with the attributes that are known. */
const RESOURCE_WAIT_MILLIS = 5_000;

/** Never rejects: a failed detector must not fail the batch. @returns whether all have settled. */
export function resolved(resources: Iterable<Resource>, clock: Clock): Promise<boolean> {
  // In a promise chain a synchronous throw becomes a rejection.
  const work = Promise.resolve().then(() =>
    Promise.all(Array.from(resources, (resource) => resource.waitForAsyncAttributes?.())),
  );
  return settledWithin(work, RESOURCE_WAIT_MILLIS, clock, { keepAlive: false });
}
