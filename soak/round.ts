/** Plays a round: processes that live and die over a collector in bad weather, then peace, then the verdict. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CollectorProcess, spawnCollector } from '../demo/collector/client.ts';
import { Life, type LifeReport } from './life.ts';
import { type LifePlan, planDrain, type RoundPlan } from './round-plan.ts';
import { judge, type Verdict } from './verdict.ts';
import { losesAnswers, play } from './weather.ts';

export interface RoundResult extends Verdict {
  readonly plan: RoundPlan;
  readonly lives: readonly LifeReport[];
  readonly drainMillis: number;
  /** The spool directory, which is still there when there were violations. */
  readonly directory: string;
}

/** Endings in which a request under way is cut off, so that its answer is lost. */
const CUTS_OFF = new Set<LifeReport['kind']>(['killed', 'out of memory', 'exit', 'throw', 'reject']);

export async function playRound(plan: RoundPlan): Promise<RoundResult> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-soak-'));
  const collector = await spawnCollector({ keep: 'ids' });
  const live = (life: LifePlan): Promise<LifeReport> =>
    new Life({ ...life, url: collector.logsUrl, spool: { ...life.spool, directory } }).end;
  try {
    const [lives] = await Promise.all([liveAll(plan, live), endure(plan, collector)]);
    const startedAt = performance.now();
    const [first] = plan.slots.flat();
    if (first !== undefined) lives.push(await live(planDrain(`${plan.seed}/drain`, first.spool)));
    const drainMillis = performance.now() - startedAt;
    const repeat =
      plan.slots.flat().some(({ pause }) => pause !== undefined) ||
      lives.some(({ kind, hung }) => CUTS_OFF.has(kind) || hung) ||
      plan.weather.some(({ fault }) => losesAnswers(fault));
    const verdict = judge(lives, collector.ids(), { repeat, drop: plan.climate === 'tight' });
    const left = (await readdir(directory)).filter((name) => name !== 'damaged');
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

async function endure(plan: RoundPlan, collector: CollectorProcess): Promise<void> {
  for (const { calmMillis, fault } of plan.weather) {
    await sleep(calmMillis);
    await play(fault, collector);
  }
}
