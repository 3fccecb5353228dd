/** Measures the memory that the process uses, and reports its level: normal, soft or hard. */

import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Cancel, Clock } from '../common/clock.ts';

/** Without a cgroup's limit Node returns 0 or an absurdly large number. */
function constrainedBytes(): number | undefined {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem() ? bytes : undefined;
}

/** The smallest of the heap limit, the cgroup limit and the machine's memory, in bytes. */
export function usableMemoryBytes(): number {
  return Math.min(
    getHeapStatistics().heap_size_limit,
    constrainedBytes() ?? Number.POSITIVE_INFINITY,
    totalmem(),
  );
}

/**
 * The larger of two shares, 0 to 1: of the heap limit that the heap uses, and of the cgroup's limit that the heap and
 * the buffers outside of it use. Not of what is resident: that stays high long after it was freed, and a guard that
 * believes it would drop logs for ever.
 */
export function memoryUseRatio(): number {
  const heap = getHeapStatistics();
  const limit = constrainedBytes();
  return Math.max(
    heap.used_heap_size / heap.heap_size_limit,
    limit === undefined ? 0 : (heap.used_heap_size + heap.external_memory) / limit,
  );
}

export interface MemoryGuardSettings {
  readonly softRatio: number;
  readonly hardRatio: number;
  readonly checkIntervalMillis: number;
}

export type MemoryLevel = 'normal' | 'soft' | 'hard';

/** A level is left only when the ratio has fallen this far below it, so that the queue does not flap. */
export const HYSTERESIS = 0.05;

/** @param ratio share of the memory in use, 0 to 1. */
export function nextLevel(level: MemoryLevel, ratio: number, settings: MemoryGuardSettings): MemoryLevel {
  if (ratio >= settings.hardRatio) return 'hard';
  if (level === 'hard' && ratio >= settings.hardRatio - HYSTERESIS) return 'hard';
  if (ratio >= settings.softRatio) return 'soft';
  if (level !== 'normal' && ratio >= settings.softRatio - HYSTERESIS) return 'soft';
  return 'normal';
}

/** Never forces a garbage collection, which would stop the process; sets no timer while there is nothing to guard. */
export class MemoryGuard {
  readonly #settings: MemoryGuardSettings;
  readonly #readRatio: () => number;
  readonly #onChange: (level: MemoryLevel, ratio: number) => void;
  readonly #clock: Clock;
  readonly #isNeeded: () => boolean;
  #level: MemoryLevel = 'normal';
  #cancel: Cancel | undefined;
  #isStopped = false;

  /** @param isNeeded whether there is anything to guard. */
  constructor(
    settings: MemoryGuardSettings,
    readRatio: () => number,
    onChange: (level: MemoryLevel, ratio: number) => void,
    clock: Clock,
    isNeeded: () => boolean,
  ) {
    this.#settings = settings;
    this.#readRatio = readRatio;
    this.#onChange = onChange;
    this.#clock = clock;
    this.#isNeeded = isNeeded;
  }

  /** Looks now if it is at rest. */
  currentLevel(): MemoryLevel {
    if (this.#cancel === undefined && !this.#isStopped) this.#look();
    return this.#level;
  }

  /** Looks at each interval until there is nothing to guard and the level is normal. Cheap and idempotent. */
  watch(): void {
    if (this.#cancel !== undefined || this.#isStopped) return;
    this.#cancel = this.#clock.timer(this.#look, this.#settings.checkIntervalMillis, false, true);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #look = (): void => {
    this.#cancel = undefined;
    this.#check();
    if (this.#level !== 'normal' || this.#isNeeded()) this.watch();
  };

  #check(): void {
    const ratio = this.#readRatio();
    const level = nextLevel(this.#level, ratio, this.#settings);
    if (level === this.#level) return;
    this.#level = level;
    this.#onChange(level, ratio);
  }
}
