/** Tracks whether the disk accepts writes, and when to retry after a failure. */

import type { Cancel, Clock } from '../../common/clock.ts';
import { reasonOf } from '../format/file-system.ts';

const FIRST_BACKOFF_MILLIS = 1_000;
const MAX_BACKOFF_MILLIS = 30_000;
/** A longer write may never end, for example on a network file system without its server. */
const HANG_MILLIS = 5_000;
const NO_ANSWER = `no answer for ${HANG_MILLIS / 1_000} s`;

export class DiskHealth {
  readonly #clock: Clock;
  readonly #wake: () => void;
  readonly #fails: (reason: string) => void;
  #failureReason: string | undefined;
  #backoffMillis = FIRST_BACKOFF_MILLIS;
  #retryAt = 0;
  #cancel: Cancel | undefined;
  #isHanging = false;
  #cancelHang: Cancel | undefined;
  #isStopped = false;

  /**
   * @param wake called when writing fails, may be retried, or works again. @param fails called when writing fails or
   *   hangs for the first time since it worked.
   */
  constructor(clock: Clock, wake: () => void, fails: (reason: string) => void) {
    this.#clock = clock;
    this.#wake = wake;
    this.#fails = fails;
  }

  /** Set until a write succeeds. Contains no path. */
  get failureReason(): string | undefined {
    return this.#failureReason ?? (this.#isHanging ? NO_ANSWER : undefined);
  }

  /** While a write hangs, a synchronous one could block the process forever. */
  get isHanging(): boolean {
    return this.#isHanging;
  }

  get isUsable(): boolean {
    if (this.#isHanging) return false;
    return this.#failureReason === undefined || this.#clock.now() >= this.#retryAt;
  }

  /** Watches a write until `writeEnded`. @param hangs called if it takes longer than 5 s. */
  writeBegan(hangs: () => void): void {
    this.#cancelHang = this.#clock.timer(() => {
      if (this.#failureReason === undefined) this.#fails(NO_ANSWER);
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
    // Failures during the back-off do not extend it.
    if (this.#failureReason !== undefined && now < this.#retryAt) return;
    const wasWorking = this.#failureReason === undefined;
    const wait = wasWorking ? FIRST_BACKOFF_MILLIS : this.#backoffMillis;
    this.#failureReason = reasonOf(error);
    if (wasWorking) this.#fails(this.#failureReason);
    this.#retryAt = now + wait;
    this.#backoffMillis = Math.min(wait * 2, MAX_BACKOFF_MILLIS);
    this.#cancel?.();
    if (this.#isStopped) return;
    this.#cancel = this.#clock.timer(this.#wake, wait);
    this.#wake();
  }

  retryNow(): void {
    this.#retryAt = 0;
  }

  succeeded(): void {
    if (this.#failureReason === undefined) return;
    this.#failureReason = undefined;
    this.#cancel?.();
    this.#wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }
}
