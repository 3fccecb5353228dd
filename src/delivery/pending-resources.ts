/** Waits, within a bound, for resource attributes that resolve after the SDK has started. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { Clock } from '../common/clock.ts';

type Resource = ReadableLogRecord['resource'];

/** They are waited for this long; then a batch goes with what there is. */
const RESOURCE_WAIT_MILLIS = 5_000;

/** Never rejects: a detector that failed is not the batch's fault. */
export function resolved(resources: Iterable<Resource>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.timer(resolve, RESOURCE_WAIT_MILLIS);
    const done = () => {
      cancel();
      resolve();
    };
    Promise.resolve()
      .then(() => Promise.all(Array.from(resources, (resource) => resource.waitForAsyncAttributes?.())))
      .then(done, done);
  });
}
