/** What a processor does while there is nothing to do. */

import { describe, expect, test } from 'vitest';
import { Harness } from '../support/harness.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { SpooledHarness } from '../support/spooled-harness.ts';

const HOUR_MILLIS = 3_600_000;

/** How many timers fire while so much time passes. */
async function wakeUps(clock: ManualClock, millis: number): Promise<number> {
  const before = clock.firedTimers;
  await clock.advance(millis);
  return clock.firedTimers - before;
}

describe('an idle process is left alone', () => {
  test('after the first minute, in which a MeterProvider is looked for six times', async () => {
    const h = new Harness();
    expect(await wakeUps(h.clock, 64_000)).toBe(6);
    expect(await wakeUps(h.clock, HOUR_MILLIS)).toBe(0);
    await h.end();
  });

  test('a processor is left alone within two minutes after the last record was delivered', async () => {
    const h = new Harness();
    await h.advance(HOUR_MILLIS);
    h.emit(2_000);
    expect(await wakeUps(h.clock, 120_000)).toBeLessThan(15);
    expect(h.stats.exported).toBe(2_000);
    expect(await wakeUps(h.clock, HOUR_MILLIS)).toBe(0);
    await h.end();
  });

  test('a processor with a spool is left alone but for four heartbeats per lease', async () => {
    const h = new SpooledHarness({ memoryLimit: {}, spool: { leaseMillis: 10_000 } });
    h.emit(5);
    await h.advance(120_000);
    expect(h.stats.exported).toBe(5);
    expect(await wakeUps(h.clock, 600_000)).toBe(240);
    const closing = h.processor.shutdown();
    await h.advance(6_000);
    await closing;
    expect(h.clock.pendingTimers).toBe(0);
  });
});

describe('a process that is not idle', () => {
  test('a processor is looked at each second while records wait', async () => {
    const h = new Harness({ exportTimeoutMillis: 0 }, 'hang');
    await h.advance(HOUR_MILLIS);
    h.emit();
    await h.advance(120_000);
    h.memoryUseRatio = 0.95;
    await h.advance(1_000);
    h.emit();
    expect(h.stats.dropped.memory_limit).toBe(1);
    await h.end();
  });

  test('a processor is looked at while memory is short, though nothing waits', async () => {
    const h = new Harness();
    h.memoryUseRatio = 0.95;
    h.emit();
    await h.advance(120_000);
    h.memoryUseRatio = 0.1;
    await h.advance(1_000);
    h.emit();
    await h.advance(1_000);
    expect(h.stats.dropped.memory_limit).toBe(1);
    expect(h.stats.exported).toBe(1);
    await h.end();
  });
});
