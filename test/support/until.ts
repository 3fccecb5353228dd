/** Waits for what real time brings about, with a bound. */

import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MILLIS = 2;

/** @throws when the condition is still false after `timeoutMillis`; `what` says what was waited for. */
export async function until(
  condition: () => boolean,
  what: string | (() => string),
  timeoutMillis = 5_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMillis;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMillis} ms: ${typeof what === 'string' ? what : what()}`);
    }
    await sleep(POLL_MILLIS);
  }
}
