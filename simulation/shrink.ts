/** Makes a run that fails as small as it can be: fast-check does that, as the plan is its input. */

import fc from 'fast-check';
import type { RunPlan } from './plan.ts';
import { anyPlan, planOfSeed } from './plan-arbitraries.ts';
import { play, type Violation } from './run.ts';

/** The time that all tries may take together. */
const MAX_MILLIS = 90_000;

/** @returns the smallest plan found in which the same property is violated as in the seed's. */
export async function shrink(
  seed: number,
  isWanted: (violation: Violation) => boolean,
  maxMillis = MAX_MILLIS,
): Promise<RunPlan> {
  let smallest = planOfSeed(seed);
  const first = (await play(smallest)).violations.find(isWanted);
  if (first === undefined) return smallest;
  const endAt = performance.now() + maxMillis;
  const holds = async (plan: RunPlan): Promise<boolean> => {
    if (performance.now() > endAt) return true;
    const { violations } = await play(plan);
    if (!violations.some(({ property }) => property === first.property)) return true;
    smallest = plan;
    return false;
  };
  await fc.check(fc.asyncProperty(anyPlan, holds), { seed, numRuns: 1 });
  return smallest;
}
