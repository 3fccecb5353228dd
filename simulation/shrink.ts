/** Makes a run that fails as small as it can be: fast-check does that, as the plan is its input. */

import fc from 'fast-check';
import type { RunPlan } from './plan.ts';
import { anyPlan, planOfSeed } from './plan-arbitraries.ts';
import { play, type Violation } from './run.ts';

/** What all tries may take together, of the CPU's time. */
const MAX_CPU_MILLIS = 60_000;

/** @returns the smallest plan found in which the same property is violated as in the seed's. */
export async function shrink(
  seed: number,
  isWanted: (violation: Violation, plan: RunPlan) => boolean,
  maxCpuMillis = MAX_CPU_MILLIS,
): Promise<RunPlan> {
  const plan = planOfSeed(seed);
  let smallest = plan;
  const first = (await play(smallest)).violations.find((violation) => isWanted(violation, plan));
  if (first === undefined) return plan;
  const endAt = cpuMillis() + maxCpuMillis;
  const holds = async (candidate: RunPlan): Promise<boolean> => {
    if (cpuMillis() > endAt) return true;
    const { violations } = await play(candidate);
    const isSame = ({ property }: Violation) => property === first.property;
    if (!violations.some((violation) => isSame(violation) && isWanted(violation, candidate))) return true;
    smallest = candidate;
    return false;
  };
  await fc.check(fc.asyncProperty(anyPlan, holds), { seed, numRuns: 1 });
  return smallest;
}

function cpuMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
