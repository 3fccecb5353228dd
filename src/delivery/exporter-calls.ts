/** Calls `forceFlush` and `shutdown` of an exporter, which may hang, throw or reject, within a bound. */

import type { Clock } from '../clock.ts';
import { runExporting } from './export-context.ts';
import type { AnyLogRecordExporter } from './exporter-sender.ts';

/**
 * Resolves when the exporter is done, or at `deadline` (monotonic clock) at the latest. Never rejects.
 * @param failed is told what the exporter threw or rejected with.
 */
export function callExporter(
  exporter: AnyLogRecordExporter,
  method: 'forceFlush' | 'shutdown',
  deadline: number,
  failed: (error: unknown) => void,
  clock: Clock,
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.timer(resolve, deadline - clock.now(), true);
    const done = () => {
      cancel();
      resolve();
    };
    // Inside a promise chain a synchronous throw becomes a rejection.
    Promise.resolve()
      .then(() => runExporting(() => exporter[method]?.()))
      .catch(failed)
      .then(done);
  });
}
