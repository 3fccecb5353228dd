/** Calls `forceFlush` and `shutdown` of an exporter, which may hang, throw or reject, within a bound. */

import type { Clock } from '../common/clock.ts';
import { runExporting } from './export-context.ts';
import type { AnyLogRecordExporter } from './exporter-sender.ts';

/**
 * Resolves when the exporter is done, which may be never. Never rejects.
 * @param failed is told what the exporter threw or rejected with.
 */
export function callExporter(
  exporter: AnyLogRecordExporter,
  method: 'forceFlush' | 'shutdown',
  failed: (error: unknown) => void,
): Promise<void> {
  // Inside a promise chain a synchronous throw becomes a rejection.
  return Promise.resolve()
    .then(() => runExporting(() => exporter[method]?.()))
    .catch(failed);
}

/** Resolves with the call, at `deadline` (monotonic clock) at the latest, or when `hurry` aborts. Never rejects. */
export function within(
  call: Promise<void>,
  deadline: number,
  hurry: AbortSignal,
  clock: Clock,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      hurry.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.timer(done, deadline - clock.now(), true);
    hurry.addEventListener('abort', done);
    if (hurry.aborted) done();
    void call.then(done);
  });
}
