/** Decides whether bursts may write synchronously: not for a while after several slow writes in a row. */

/** A write that blocks the application for longer is slow … */
const SLOW_WRITE_MILLIS = 100;
/** … and this many in a row mean a slow disk: a single one is a hiccup. */
const SLOW_WRITES = 3;
const FIRST_PAUSE_MILLIS = 250;
const MAX_PAUSE_MILLIS = 10_000;

export class BurstWrites {
  #slowInARow = 0;
  #pausedUntil = 0;

  mayWrite(now: number): boolean {
    return now >= this.#pausedUntil;
  }

  /** @returns whether the disk is too slow, so that bursts do without it for a while. */
  wrote(durationMillis: number, now: number): boolean {
    if (durationMillis <= SLOW_WRITE_MILLIS) {
      this.#slowInARow = 0;
      return false;
    }
    this.#slowInARow++;
    if (this.#slowInARow < SLOW_WRITES) return false;
    const pauseMillis = FIRST_PAUSE_MILLIS * 2 ** (this.#slowInARow - SLOW_WRITES);
    this.#pausedUntil = now + Math.min(pauseMillis, MAX_PAUSE_MILLIS);
    return true;
  }
}
