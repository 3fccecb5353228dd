/** What a collector has too little of: requests in a second, and memory. */

import type { Behaviour } from './behaviour.ts';

/** Counts what was let in; the limits themselves may change at any time. */
export class Limits {
  #lastLetInAt = Number.NEGATIVE_INFINITY;
  #heldBytes = 0;
  #drainedAt = 0;

  /** @returns the status that refuses the request; undefined lets it in. */
  refusal(
    { maxRequestsPerSecond, memory }: Behaviour,
    bodyBytes: number,
    nowMillis = performance.now(),
  ): 429 | 503 | undefined {
    if (maxRequestsPerSecond !== undefined) {
      if (nowMillis - this.#lastLetInAt < 1_000 / maxRequestsPerSecond) return 429;
    }
    if (memory !== undefined) {
      const drained = ((nowMillis - this.#drainedAt) / 1_000) * memory.drainBytesPerSecond;
      this.#heldBytes = Math.max(0, this.#heldBytes - drained);
      this.#drainedAt = nowMillis;
      if (this.#heldBytes + bodyBytes > memory.bytes) return 503;
      this.#heldBytes += bodyBytes;
    }
    this.#lastLetInAt = nowMillis;
    return undefined;
  }
}
