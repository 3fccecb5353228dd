/** The parts of a processor, as its methods and those who look at it use them. */

import type { Clock } from '../common/clock.ts';
import type { Recovery } from '../delivery/recovery.ts';
import type { DurableQueue } from '../durable/durable-queue.ts';
import type { Settings } from '../options/settings.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { Backpressure } from '../queue/backpressure.ts';
import type { EmittedRecord, LogBatch } from '../queue/log-batch.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { MemoryLimiter } from './memory-limiter.ts';
import type { ShutdownSequence } from './shutdown-sequence.ts';

export interface Pipeline {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly queue: AsyncSinkQueue<LogBatch>;
  readonly recovery: Recovery;
  readonly durable: DurableQueue<LogBatch> | undefined;
  readonly backpressure: Backpressure;
  readonly memoryLimiter: MemoryLimiter | undefined;
  readonly shutdownSequence: ShutdownSequence;
  /** Counts a record and admits it. */
  readonly offer: (record: EmittedRecord) => void;
}
