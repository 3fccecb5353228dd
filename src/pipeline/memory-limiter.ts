/** Reacts to memory pressure: the queue shrinks, refuses unimportant records, and spills to disk. */

import type { Clock } from '../common/clock.ts';
import { MemoryGuard, type MemoryGuardSettings, type MemoryLevel } from '../process/memory-guard.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { Diagnostics } from '../telemetry/diagnostics.ts';

/** Share of `maxQueueBytes` that the queue may use under memory pressure. */
const SAVING_SHARE = 0.5;
/** INFO: lower severities are refused under memory pressure. */
const SAVING_MIN_SEVERITY = 9;

export interface MemoryLimiterParts {
  readonly queue: AsyncSinkQueue<LogBatch>;
  readonly diagnostics: Diagnostics;
  readonly clock: Clock;
  readonly memoryUseRatio: () => number;
  /** The queue's pressure may have changed. */
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
      () => parts.queue.records + parts.queue.inFlightRecords > 0,
    );
  }

  /** To be called when records arrive. */
  watch(): void {
    this.#guard.watch();
  }

  /** Looks now if the guard is at rest. */
  currentLevel(): MemoryLevel {
    return this.#guard.currentLevel();
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
