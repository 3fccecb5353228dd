/** Watches the memory of the process and reports its level: normal, soft or hard. */

import type { Cancel, Clock } from '../common/clock.ts';

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
