/** Whether the disk can be written to, as far as is known, and when to try again if not. */

import type { Cancel, Clock } from '../../common/clock.ts';
import { reasonOf } from '../format/file-system.ts';

const FIRST_BACKOFF_MILLIS = 1_000;
const MAX_BACKOFF_MILLIS = 30_000;
/** A write that takes longer than this may never end, as on a network file system without its server. */
const HANG_MILLIS = 5_000;

export class DiskHealth {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #failureReason: string | undefined;
  #backoffMillis = FIRST_BACKOFF_MILLIS;
  #retryAt = 0;
  #cancel: Cancel | undefined;
  #isHanging = false;
  #cancelHang: Cancel | undefined;
  #isStopped = false;

  /** @param wake is called when writing has failed, may be tried again, or works again. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Until a write has succeeded. Says no path. */
  get failureReason(): string | undefined {
    return this.#failureReason ?? (this.#isHanging ? `no answer for ${HANG_MILLIS / 1_000} s` : undefined);
  }

  /** Whether a write has been under way for so long that a synchronous one could hold up the process for ever. */
  get isHanging(): boolean {
    return this.#isHanging;
  }

  /** Whether a write may be tried. */
  get isUsable(): boolean {
    if (this.#isHanging) return false;
    return this.#failureReason === undefined || this.#clock.now() >= this.#retryAt;
  }

  /** Writing begins, until `ended`. @param hangs is called when that takes too long. */
  writeBegan(hangs: () => void): void {
    this.#cancelHang = this.#clock.timer(() => {
      this.#isHanging = true;
      hangs();
      if (!this.#isStopped) this.#wake();
    }, HANG_MILLIS);
  }

  writeEnded(): void {
    this.#cancelHang?.();
    if (!this.#isHanging) return;
    this.#isHanging = false;
    if (!this.#isStopped) this.#wake();
  }

  failed(error: unknown): void {
    const now = this.#clock.now();
    // What fails along with the first has no part in the back-off.
    if (this.#failureReason !== undefined && now < this.#retryAt) return;
    const wait = this.#failureReason === undefined ? FIRST_BACKOFF_MILLIS : this.#backoffMillis;
    this.#failureReason = reasonOf(error);
    this.#retryAt = now + wait;
    this.#backoffMillis = Math.min(wait * 2, MAX_BACKOFF_MILLIS);
    this.#cancel?.();
    if (this.#isStopped) return;
    this.#cancel = this.#clock.timer(this.#wake, wait);
    this.#wake();
  }

  /** Whoever has no other time tries at once. */
  retryNow(): void {
    this.#retryAt = 0;
  }

  succeeded(): void {
    if (this.#failureReason === undefined) return;
    this.#failureReason = undefined;
    this.#cancel?.();
    this.#wake();
  }

  /** Nobody is told any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }
}
