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

/** Never forces a garbage collection, which would stop the process. */
export class MemoryGuard {
  readonly #settings: MemoryGuardSettings;
  readonly #readRatio: () => number;
  readonly #onChange: (level: MemoryLevel, ratio: number) => void;
  readonly #clock: Clock;
  #level: MemoryLevel = 'normal';
  #cancel: Cancel | undefined;

  constructor(
    settings: MemoryGuardSettings,
    readRatio: () => number,
    onChange: (level: MemoryLevel, ratio: number) => void,
    clock: Clock,
  ) {
    this.#settings = settings;
    this.#readRatio = readRatio;
    this.#onChange = onChange;
    this.#clock = clock;
  }

  get level(): MemoryLevel {
    return this.#level;
  }

  start(): void {
    const check = () => {
      // First, as the listener may stop the guard.
      this.start();
      this.#check();
    };
    this.#cancel = this.#clock.timer(check, this.#settings.checkIntervalMillis, false, true);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #check(): void {
    const ratio = this.#readRatio();
    const level = nextLevel(this.#level, ratio, this.#settings);
    if (level === this.#level) return;
    this.#level = level;
    this.#onChange(level, ratio);
  }
}
