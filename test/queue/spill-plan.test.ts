/** What the queue plans to write to disk, and to free, in every kind of situation. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SpillPlan, type SpillSituation, spillPlan } from '../../src/queue/spill-plan.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Nothing out of the ordinary. */
const QUIET: SpillSituation = {
  mode: 'overflow',
  pressure: 0.5,
  brokenMillis: undefined,
  spillAfterOpenMillis: 5_000,
  isMemoryShort: false,
  isDraining: false,
  isCopying: false,
  isQuick: true,
};

const NOTHING: SpillPlan = {
  writeDownTo: undefined,
  freesMemory: true,
  writesInFlight: false,
  releaseDownTo: undefined,
  sealsDue: false,
  sealsForWant: false,
  againInMillis: NEVER,
};

const EVERYTHING: SpillPlan = { ...NOTHING, writeDownTo: 0, releaseDownTo: 0, sealsDue: true };

test.each<[string, Partial<SpillSituation>, SpillPlan]>([
  ['nothing is the matter', {}, NOTHING],
  ['the queue is at 0.7', { pressure: 0.7 }, NOTHING],
  ['the queue is above 0.7', { pressure: 0.71 }, { ...NOTHING, writeDownTo: 0.4, releaseDownTo: 0.4 }],
  ['the disk is slow and the queue at 0.4', { pressure: 0.4, isQuick: false }, NOTHING],
  [
    'the disk is slow and the queue above 0.4',
    { pressure: 0.41, isQuick: false },
    { ...NOTHING, writeDownTo: 0, releaseDownTo: 0, sealsForWant: true },
  ],
  ['the breaker has just opened', { brokenMillis: 0 }, { ...NOTHING, againInMillis: 5_000 }],
  ['the breaker is open, but not for long', { brokenMillis: 4_000 }, { ...NOTHING, againInMillis: 1_000 }],
  ['the breaker has been open for long', { brokenMillis: 5_000 }, EVERYTHING],
  [
    'the breaker has just opened and that is enough',
    { brokenMillis: 0, spillAfterOpenMillis: 0 },
    EVERYTHING,
  ],
  ['memory is short', { isMemoryShort: true }, EVERYTHING],
  ['all is to leave memory', { isDraining: true }, { ...EVERYTHING, writesInFlight: true }],
  [
    'all is to be copied',
    { isCopying: true },
    { ...NOTHING, writeDownTo: 0, freesMemory: false, writesInFlight: true },
  ],
  [
    'all is to be copied, and memory is short',
    { isCopying: true, isMemoryShort: true },
    { ...EVERYTHING, writesInFlight: true },
  ],
  [
    'all is to be copied, and the queue is nearly full',
    { isCopying: true, pressure: 1 },
    { ...NOTHING, writeDownTo: 0, freesMemory: false, writesInFlight: true, releaseDownTo: 0.4 },
  ],
  [
    'everything is written always',
    { mode: 'always' },
    { ...NOTHING, writeDownTo: 0, freesMemory: false, sealsDue: true },
  ],
  [
    'everything is written always, and the queue is nearly full',
    { mode: 'always', pressure: 0.8 },
    { ...NOTHING, writeDownTo: 0, freesMemory: false, sealsDue: true, releaseDownTo: 0.4 },
  ],
  ['everything is written always, and memory is short', { mode: 'always', isMemoryShort: true }, EVERYTHING],
])('When %s, the plan is the one of the table', (_, situation, plan) => {
  expect(spillPlan({ ...QUIET, ...situation })).toEqual(plan);
});

test('a plan frees no memory of what it does not write, and a fuller queue never plans less', () => {
  const situation = fc.record<SpillSituation>({
    mode: fc.constantFrom('overflow', 'always'),
    pressure: fc.double({ min: 0, max: 1, noNaN: true }),
    brokenMillis: fc.option(fc.nat(20_000), { nil: undefined }),
    spillAfterOpenMillis: fc.nat(10_000),
    isMemoryShort: fc.boolean(),
    isDraining: fc.boolean(),
    isCopying: fc.boolean(),
    isQuick: fc.boolean(),
  });
  const none = (downTo: number | undefined) => downTo ?? 1;
  fc.assert(
    fc.property(situation, fc.double({ min: 0, max: 1, noNaN: true }), (one, more) => {
      const plan = spillPlan(one);
      expect(none(plan.writeDownTo)).toBeLessThanOrEqual(none(plan.releaseDownTo));
      expect(plan.againInMillis).toBeGreaterThan(0);
      const fuller = spillPlan({ ...one, pressure: Math.max(one.pressure, more) });
      expect(none(fuller.writeDownTo)).toBeLessThanOrEqual(none(plan.writeDownTo));
      expect(none(fuller.releaseDownTo)).toBeLessThanOrEqual(none(plan.releaseDownTo));
    }),
  );
});
