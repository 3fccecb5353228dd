/** Emits records at a rate, and warms a pipeline up before anything is measured. */

import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { type Logger, typical } from './records.ts';

const TICK_MILLIS = 10;
/** A tick that comes late makes up for it, but not so that it blocks the loop by itself. */
const MAX_TICKS_AT_ONCE = 2;
/** Fits the stock processor's default queue. */
const WARM_UP_CHUNK = 1_500;

/** Emits typical records numbered from `from` up to `to`, in one go. */
export function emitRange(logger: Logger, from: number, to: number): void {
  for (let index = from; index < to; index++) logger.emit(typical(index));
}

/** Emits so many records at so many a second, by the wall clock. */
export async function emitPaced(logger: Logger, recordsPerSecond: number, records: number): Promise<void> {
  const perTick = (recordsPerSecond * TICK_MILLIS) / 1_000;
  const start = performance.now();
  let emittedRecords = 0;
  while (emittedRecords < records) {
    const dueTicks = Math.floor((performance.now() - start) / TICK_MILLIS) + 1;
    const due = Math.min(records, dueTicks * perTick, emittedRecords + MAX_TICKS_AT_ONCE * perTick);
    emitRange(logger, emittedRecords, due);
    emittedRecords = due;
    // The next multiple of a tick, so that a late one does not delay those after it.
    await sleep(Math.max(0, dueTicks * TICK_MILLIS - (performance.now() - start)));
  }
}

/** Emits in bursts with turns of the event loop between them: for queues that take everything. */
export async function emitBursts(logger: Logger, records: number, burst = 1_000): Promise<void> {
  for (let index = 0; index < records; index += burst) {
    emitRange(logger, index, Math.min(records, index + burst));
    await turn();
  }
}

/** Everything that is measured afterwards has been compiled, connected and delivered once. Records are numbered from `from`. */
export async function warmUp(
  logger: Logger,
  processor: LogRecordProcessor,
  records: number,
  from = 0,
): Promise<void> {
  for (let index = 0; index < records; index += WARM_UP_CHUNK) {
    emitRange(logger, from + index, from + index + WARM_UP_CHUNK);
    await processor.forceFlush();
  }
}
