/** Processes with a spool that live and end while there is no collector, and one more that delivers what they left. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Life, type LifeReport } from '../../soak/life.ts';
import { type LifePlan, planDrain } from '../../soak/round-plan.ts';
import { judge } from '../../soak/verdict.ts';
import { type Arrival, serveWitness } from '../../soak/witness.ts';
import { ownPort } from '../../src/testing/own-port.ts';

export const SPOOL: LifePlan['spool'] = {
  mode: 'overflow',
  fsync: 'never',
  leaseMillis: 1_000,
  maxBytes: 64 * 1024 * 1024,
  replayShare: 0.5,
  spillAfterOpenMillis: 200,
};

/** What may happen: no record twice, and none dropped. */
const NOTHING = { isExcused: () => false, drop: false };

export function planLife(name: string, changes: Partial<LifePlan> = {}): LifePlan {
  return {
    ...planDrain(name, SPOOL),
    patienceMillis: 200,
    shutdownMillis: 300,
    recordsPerTick: 5,
    maxRecords: Number.MAX_SAFE_INTEGER,
    padding: 100,
    ending: { kind: 'natural', afterMillis: 400 },
    ...changes,
  };
}

/** One after another, without a collector; then it is there, and one more process has nothing to do but to send. */
export async function outliveOutage(...plans: LifePlan[]) {
  const arrivals = new Map<string, Arrival[]>();
  const altered: string[] = [];
  const collector = await serveWitness({ all: await ownPort() }, ({ bodies, altered: some, ...arrival }) => {
    for (const body of bodies) arrivals.set(body, [...(arrivals.get(body) ?? []), arrival]);
    altered.push(...some);
  });
  const url = `http://127.0.0.1:${collector.ports.all}/v1/logs`;
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-crash-'));
  const live = (plan: LifePlan): Promise<LifeReport> =>
    new Life({ ...plan, url, spool: { ...plan.spool, directory } }).end;
  try {
    await collector.become('dead');
    const lives: LifeReport[] = [];
    for (const plan of plans) lives.push(await live(plan));
    await collector.become('well');
    lives.push(await live(planDrain('drain', SPOOL)));
    const left = await readdir(directory);
    // Nobody has been told of a delivery before the end: there is nothing to send twice.
    return { lives, left, ...judge(lives, { arrivals, altered }, NOTHING) };
  } finally {
    await collector.become('dead');
    await rm(directory, { recursive: true });
  }
}
