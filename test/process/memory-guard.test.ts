/** The memory guard: levels with hysteresis, and what they do to the queue of a processor. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  HYSTERESIS,
  MemoryGuard,
  type MemoryLevel,
  memoryUseRatio,
  nextLevel,
  usableMemoryBytes,
} from '../../src/process/memory-guard.ts';
import { Harness, upTo } from '../support/harness.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SETTINGS = { softRatio: 0.8, hardRatio: 0.9, checkIntervalMillis: 1_000 };
const ERROR = 17;
const DEBUG = 5;

describe('nextLevel', () => {
  test.each([
    ['normal', 0.79, 'normal'],
    ['normal', 0.8, 'soft'],
    ['normal', 0.9, 'hard'],
    ['soft', 0.76, 'soft'],
    ['soft', 0.74, 'normal'],
    ['soft', 0.9, 'hard'],
    ['hard', 0.86, 'hard'],
    ['hard', 0.84, 'soft'],
    ['hard', 0.76, 'soft'],
    ['hard', 0.74, 'normal'],
    ['soft', Number.NaN, 'normal'],
  ] as [MemoryLevel, number, MemoryLevel][])(
    'the memory level %s at a ratio of %f becomes %s',
    (level, ratio, next) => {
      expect(nextLevel(level, ratio, SETTINGS)).toBe(next);
    },
  );

  test('a memory ratio that swings by less than the hysteresis changes the level at most twice', () => {
    const swing = fc.array(fc.double({ min: 0, max: HYSTERESIS * 0.99, noNaN: true }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), swing, (base, offsets) => {
        let level: MemoryLevel = 'normal';
        let changes = 0;
        for (const offset of [0, ...offsets]) {
          const next = nextLevel(level, base + offset, SETTINGS);
          // From normal it may take a step up at the start and one more when the swing reaches a higher level.
          if (next !== level) changes++;
          level = next;
        }
        expect(changes).toBeLessThanOrEqual(2);
      }),
    );
  });
});

describe('MemoryGuard', () => {
  function guard(
    ratios: number[],
    onChange: (level: MemoryLevel, guard: MemoryGuard) => void = () => {},
    isNeeded = true,
  ) {
    const clock = new ManualClock();
    const changes: [MemoryLevel, number][] = [];
    const made: MemoryGuard = new MemoryGuard(
      SETTINGS,
      () => ratios.shift() ?? 0,
      (level, ratio) => {
        changes.push([level, ratio]);
        onChange(level, made);
      },
      clock,
      () => isNeeded,
    );
    made.watch();
    return { clock, changes, guard: made };
  }

  test('the memory guard looks once per interval and reports changes only', async () => {
    const { clock, changes, guard: made } = guard([0.5, 0.85, 0.87, 0.95, 0.88, 0.5]);
    await clock.advance(999);
    expect(changes).toEqual([]);
    await clock.advance(5_001);
    expect(changes).toEqual([
      ['soft', 0.85],
      ['hard', 0.95],
      ['normal', 0.5],
    ]);
    expect(made.currentLevel()).toBe('normal');
    made.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test('a memory guard that is stopped from its own report stays stopped', async () => {
    const { clock, changes } = guard([0.95, 0.1], (_level, made) => made.stop());
    await clock.advance(10_000);
    expect(changes).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a memory guard that has nothing to guard stops looking once the level is normal, until it is called again', async () => {
    const { clock, changes, guard: made } = guard([0.85, 0.1, 0.95], undefined, false);
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(60_000);
    expect(changes).toHaveLength(2);
    made.watch();
    made.watch();
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1_000);
    expect(made.currentLevel()).toBe('hard');
    made.stop();
    made.watch();
    expect(clock.pendingTimers).toBe(0);
  });

  test('a memory guard at rest looks when it is asked for the level', async () => {
    const { clock, guard: made } = guard([0.1, 0.85, 0.1], undefined, false);
    await clock.advance(1_000);
    expect(made.currentLevel()).toBe('soft');
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
    made.stop();
  });

  test('the timer of the memory guard does not keep a process alive', () => {
    expect(guard([]).clock.keepAliveTimers).toBe(0);
  });
});

test('the memory of this process is read as a share of what it may use', () => {
  expect(usableMemoryBytes()).toBeGreaterThan(1 << 20);
  expect(memoryUseRatio()).toBeGreaterThan(0);
  expect(memoryUseRatio()).toBeLessThan(1);
});

describe('memory pressure in the processor', () => {
  const kilobyte = { body: 'x'.repeat(1_000) };
  const options = { maxQueueBytes: 100_000, protectSeverity: ERROR };

  test('a queue above the soft ratio is trimmed to half its bytes and refuses low severities', async () => {
    const h = new Harness(options, 'hang');
    h.emit(60, kilobyte);
    const { bytes } = h.stats.queued;
    expect(bytes).toBeGreaterThan(75_000);
    h.memoryUseRatio = 0.85;
    await h.advance(1_000);
    expect(h.stats.queued.bytes + h.stats.inFlight.bytes).toBeLessThanOrEqual(50_000);
    const trimmed = h.stats.dropped.memory_limit;
    expect(trimmed).toBeGreaterThan(20);
    h.emit(1, { severityNumber: DEBUG });
    expect(h.stats.dropped.memory_limit).toBe(trimmed + 1);
    expect(h.processor.health()).toMatchObject({ status: 'degraded' });
    await h.end();
  });

  test('a queue above the hard ratio keeps and admits protected records only', async () => {
    const h = new Harness({ ...options, scheduledDelayMillis: 60_000 });
    h.emit(3);
    h.emit(2, { severityNumber: ERROR });
    h.memoryUseRatio = 0.95;
    await h.advance(1_000);
    expect(h.stats.dropped.memory_limit).toBe(3);
    h.emit(1);
    h.emit(1, { severityNumber: 0 });
    h.emit(1, { severityNumber: ERROR });
    expect(h.stats.dropped.memory_limit).toBe(5);
    expect(h.stats.queued.records).toBe(3);
    expect(h.processor.health().status).toBe('failing');
    await h.advance(60_000);
    expect(h.exporter.delivered).toEqual([3, 4, 7]);
    await h.end();
  });

  test('a record that comes back from the exporter above the hard ratio is kept only if it is protected', async () => {
    const h = new Harness({ ...options, maxExportBatchSize: 2, maxConcurrentExports: 2 }, 'hang');
    h.emit(2);
    h.emit(2, { severityNumber: ERROR });
    await h.settle();
    h.memoryUseRatio = 0.95;
    await h.advance(1_000);
    expect(h.stats.inFlight.records).toBe(4);
    for (const call of h.exporter.calls) call.fail(new Error('down'));
    await h.settle();
    const { queued, inFlight, dropped } = h.stats;
    expect([queued.records + inFlight.records, dropped.memory_limit]).toEqual([2, 2]);
    await h.end();
  });

  test('the limits of memory pressure end with the pressure', async () => {
    const h = new Harness({ ...options, scheduledDelayMillis: 60_000 });
    h.emit(1, { severityNumber: ERROR });
    h.memoryUseRatio = 0.95;
    await h.advance(1_000);
    h.memoryUseRatio = 0.86;
    await h.advance(1_000);
    h.emit(1);
    expect(h.stats.dropped.memory_limit).toBe(1);
    h.memoryUseRatio = 0.1;
    await h.advance(1_000);
    h.emit(60, kilobyte);
    h.emit(1, { severityNumber: DEBUG });
    expect(h.stats.dropped.memory_limit).toBe(1);
    expect(h.stats.queued.records).toBe(62);
    expect(h.processor.health().reasons.join()).not.toContain('memory');
    await h.end();
  });

  test('a memoryLimit of false means that memory costs no record', async () => {
    const h = new Harness({ ...options, memoryLimit: false });
    h.memoryUseRatio = 1;
    h.emit(5);
    await h.advance(3_000);
    expect(h.exporter.delivered).toEqual(upTo(5));
    await h.end();
  });
});
