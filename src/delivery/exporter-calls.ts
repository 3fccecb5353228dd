/** Calls `forceFlush` and `shutdown` of an exporter, which may hang, throw or reject, within a bound. */

import type { Clock } from '../clock.ts';
import { runExporting } from './export-context.ts';
import type { AnyLogRecordExporter } from './exporter-sender.ts';

/**
 * Resolves when the exporter is done, at `deadline` (monotonic clock) at the latest, or when `hurry` aborts.
 * Never rejects.
 * @param failed is told what the exporter threw or rejected with.
 */
export function callExporter(
  exporter: AnyLogRecordExporter,
  method: 'forceFlush' | 'shutdown',
  deadline: number,
  hurry: AbortSignal,
  failed: (error: unknown) => void,
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
    // Inside a promise chain a synchronous throw becomes a rejection.
    Promise.resolve()
      .then(() => runExporting(() => exporter[method]?.()))
      .catch(failed)
      .then(done);
  });
}
