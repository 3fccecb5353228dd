/** What the queue does when the process runs short of memory: it shrinks, refuses what matters least, and writes to disk. */

import type { Clock } from '../common/clock.ts';
import { MemoryGuard, type MemoryGuardSettings, type MemoryLevel } from '../process/memory-guard.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { Diagnostics } from '../telemetry/diagnostics.ts';

/** Under memory pressure the queue shrinks to this share of `maxQueueBytes` … */
const SAVING_SHARE = 0.5;
/** … and refuses what is below INFO. */
const SAVING_MIN_SEVERITY = 9;

export interface MemoryLimiterParts {
  readonly queue: AsyncSinkQueue<LogBatch>;
  readonly diagnostics: Diagnostics;
  readonly clock: Clock;
  readonly memoryUseRatio: () => number;
  /** The queue may be fuller or emptier than before, for the limit it has now. */
  readonly wake: () => void;
}

export class MemoryLimiter {
  readonly #parts: MemoryLimiterParts;
  readonly #maxQueueBytes: number;
  readonly #guard: MemoryGuard;

  constructor(settings: MemoryGuardSettings, maxQueueBytes: number, parts: MemoryLimiterParts) {
    this.#parts = parts;
    this.#maxQueueBytes = maxQueueBytes;
    this.#guard = new MemoryGuard(
      settings,
      parts.memoryUseRatio,
      (level, ratio) => this.#changed(level, ratio),
      parts.clock,
    );
    this.#guard.start();
  }

  get level(): MemoryLevel {
    return this.#guard.level;
  }

  stop(): void {
    this.#guard.stop();
  }

  #changed(level: MemoryLevel, ratio: number): void {
    const { queue, diagnostics, wake } = this.#parts;
    diagnostics.info(`memory use ${Math.round(ratio * 100)} %: ${level}`);
    if (level === 'normal') {
      queue.restrict();
    } else {
      queue.restrict({
        maxBytes: Math.floor(this.#maxQueueBytes * SAVING_SHARE),
        minSeverity: level === 'hard' ? Number.POSITIVE_INFINITY : SAVING_MIN_SEVERITY,
      });
    }
    queue.spiller?.memoryChanged(level !== 'normal');
    if (level === 'hard' && !queue.spiller?.isUsable) queue.discardUnprotected('memory_limit');
    wake();
  }
}
