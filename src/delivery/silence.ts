/** Remembers how long flushes have waited in vain, so that a dead destination does not cost each of them its time. */

export class Silence {
  #waitedMillis = 0;

  /** A flush has waited for an answer until its time was over. */
  waited(millis: number): void {
    this.#waitedMillis = Math.max(this.#waitedMillis, millis);
  }

  /** An attempt has ended. A failure that took longer than flushes have waited is one more silence. */
  ended(hasFailed: boolean, durationMillis: number): void {
    if (!hasFailed || durationMillis < this.#waitedMillis) this.#waitedMillis = 0;
  }

  /** Whether a flush with this much time would wait in vain as well, as far as is known. */
  outlasts(timeoutMillis: number): boolean {
    return this.#waitedMillis > 0 && timeoutMillis <= this.#waitedMillis;
  }
}
