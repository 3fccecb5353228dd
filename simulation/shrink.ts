/** Makes a run that fails as small as it can be: fast-check does that, as the plan is its input, and then things are left out. */

import fc from 'fast-check';
import { type LifePlan, QUIET_LIFE, QUIET_WORK, type RunPlan } from './plan.ts';
import { anyPlan, planOfSeed } from './plan-arbitraries.ts';
import { play, type Violation } from './run.ts';

/** What all tries may take together, of the CPU's time; the last part of it is for leaving out. */
const MAX_CPU_MILLIS = 60_000;
const FAST_CHECK_SHARE = 0.6;

type IsWanted = (violation: Violation, plan: RunPlan) => boolean;

/** @returns the smallest plan found in which the same property is violated as in the seed's. */
export async function shrink(
  seed: number,
  isWanted: IsWanted,
  maxCpuMillis = MAX_CPU_MILLIS,
): Promise<RunPlan> {
  let smallest = planOfSeed(seed);
  const startedAt = cpuMillis();
  const fails = await failsLike(smallest, isWanted);
  if (fails === undefined) return smallest;
  const holds = async (candidate: RunPlan): Promise<boolean> => {
    if (cpuMillis() > startedAt + maxCpuMillis * FAST_CHECK_SHARE || !(await fails(candidate))) return true;
    smallest = candidate;
    return false;
  };
  await fc.check(fc.asyncProperty(anyPlan, holds), { seed, numRuns: 1 });
  return leaveOut(smallest, fails, startedAt + maxCpuMillis);
}

/** Whether another plan violates the property that this one does; undefined where it violates none. */
async function failsLike(
  plan: RunPlan,
  isWanted: IsWanted,
): Promise<((candidate: RunPlan) => Promise<boolean>) | undefined> {
  const first = (await play(plan)).violations.find((violation) => isWanted(violation, plan));
  if (first === undefined) return undefined;
  return async (candidate) => {
    const { violations } = await play(candidate);
    return violations.some(
      (violation) => violation.property === first.property && isWanted(violation, candidate),
    );
  };
}

/** Leaves out what the plan fails without, one thing after the other, until there is none. */
async function leaveOut(
  plan: RunPlan,
  fails: (candidate: RunPlan) => Promise<boolean>,
  untilCpuMillis: number,
): Promise<RunPlan> {
  let smallest = plan;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of simpler(smallest)) {
      if (cpuMillis() > untilCpuMillis) return smallest;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

/** The plan without one thing, for each thing that is not as in a quiet run. */
function* simpler(plan: RunPlan): Generator<RunPlan> {
  if (plan.slots.length > 1) for (const slots of without(plan.slots)) yield { ...plan, slots };
  for (const [index, slot] of plan.slots.entries()) {
    const withSlot = (other: readonly LifePlan[]) => ({ ...plan, slots: plan.slots.with(index, other) });
    if (slot.length > 1) for (const lives of without(slot)) yield withSlot(lives);
    for (const [at, life] of slot.entries()) {
      for (const simplerLife of simplerLives(life)) yield withSlot(slot.with(at, simplerLife));
    }
  }
  if (plan.spool !== undefined) {
    yield { ...plan, spool: undefined, disk: [], powerLossAtMillis: undefined };
    for (const spool of withoutKeys(plan.spool)) yield { ...plan, spool };
  }
  for (const weather of without(plan.weather)) yield { ...plan, weather };
  for (const disk of without(plan.disk)) yield { ...plan, disk };
}

function* simplerLives(life: LifePlan): Generator<LifePlan> {
  if (Object.keys(life.options).length > 0) yield { ...life, options: {} };
  for (const options of withoutKeys(life.options)) yield { ...life, options };
  for (const key of ['stops', 'wallJumps', 'memory'] as const) {
    if (life[key].length > 0) yield { ...life, [key]: [] };
  }
  if (life.exporter.kind !== QUIET_LIFE.exporter.kind) yield { ...life, exporter: QUIET_LIFE.exporter };
  for (const key of Object.keys(QUIET_WORK) as (keyof typeof QUIET_WORK)[]) {
    const quiet = QUIET_WORK[key];
    if (life.work[key] !== quiet) yield { ...life, work: { ...life.work, [key]: quiet } };
  }
}

function* without<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let index = 0; index < items.length; index++) yield items.toSpliced(index, 1);
}

function* withoutKeys<T extends object>(value: T): Generator<T> {
  for (const key of Object.keys(value)) {
    yield Object.fromEntries(Object.entries(value).filter(([other]) => other !== key)) as T;
  }
}

function cpuMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
