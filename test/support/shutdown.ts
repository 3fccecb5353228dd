/** A shutdown under observation: how long it took on the manual clock, and what it left. */

import { expect } from 'vitest';
import type { ShutdownOptions } from '../../src/index.ts';
import type { Harness } from './harness.ts';

/** Starts a shutdown and notes when it ended, on the manual clock. */
export function shutdown(h: Harness, options?: ShutdownOptions) {
  const startedAt = h.clock.now();
  const result: { promise: Promise<void>; tookMillis: number | undefined } = {
    promise: h.processor.shutdown(options),
    tookMillis: undefined,
  };
  void result.promise.then(() => {
    result.tookMillis = h.clock.now() - startedAt;
  });
  return result;
}

/** Every record is accounted for, and the exporter was shut down once. */
export function expectNothingLeft(h: Harness): void {
  expect(h.stats).toMatchObject({ queued: { records: 0 }, inFlight: { records: 0 } });
  expect(h.exporter.shutdowns).toBe(1);
}
