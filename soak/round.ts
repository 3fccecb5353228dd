/** Plays a round: processes that live and die over a collector in bad weather, then peace, then the verdict. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { excuseFrom } from './excuses.ts';
import { Life, type LifeReport, type Span } from './life.ts';
import { type LifePlan, planDrain, type RoundPlan } from './round-plan.ts';
import { judge, type Verdict } from './verdict.ts';
import { losesAnswers, play } from './weather.ts';
import { epochMillis } from './witness.ts';
import { WitnessProcess } from './witness-process.ts';

export interface RoundResult extends Verdict {
  readonly plan: RoundPlan;
  readonly lives: readonly LifeReport[];
  readonly drainMillis: number;
  /** The spool directory, which is still there when there were violations. */
  readonly directory: string;
}

/** With every process at the same collector, and in the same directory. */
export async function playRound(plan: RoundPlan): Promise<RoundResult> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-soak-'));
  const all = plan.slots.flat();
  const drain = planDrain(`${plan.seed}/drain`, plan.spool);
  const collector = await WitnessProcess.start([...all, drain].map(({ name }) => name));
  const live = (life: LifePlan): Promise<LifeReport> =>
    new Life({ ...life, url: collector.urlOf(life.name), spool: { ...life.spool, directory } }).end;
  try {
    const [lives, faults] = await Promise.all([liveAll(plan, live), endure(plan, collector)]);
    const startedAt = performance.now();
    lives.push(await live(drain));
    const drainMillis = performance.now() - startedAt;
    const isExcused = plan.climate === 'gentle' ? () => false : excuseFrom(lives, faults);
    const verdict = judge(lives, collector, { isExcused, drop: plan.climate === 'tight' });
    const left = await readdir(directory);
    const violations =
      left.length > 0 ? [...verdict.violations, `left in the directory: ${left}`] : verdict.violations;
    if (violations.length === 0) await rm(directory, { recursive: true });
    return { ...verdict, violations, plan, lives, drainMillis, directory };
  } finally {
    await collector.close();
  }
}

async function liveAll(
  plan: RoundPlan,
  live: (life: LifePlan) => Promise<LifeReport>,
): Promise<LifeReport[]> {
  const reports: LifeReport[] = [];
  await Promise.all(
    plan.slots.map(async (slot) => {
      for (const life of slot) reports.push(await live(life));
    }),
  );
  return reports;
}

/** @returns when answers were lost. */
async function endure({ weather }: RoundPlan, collector: WitnessProcess): Promise<Span[]> {
  const spans: Span[] = [];
  for (const { calmMillis, fault } of weather) {
    await sleep(calmMillis);
    const fromMillis = epochMillis();
    await play(fault, collector);
    if (losesAnswers(fault)) spans.push({ fromMillis, toMillis: epochMillis() });
  }
  return spans;
}
