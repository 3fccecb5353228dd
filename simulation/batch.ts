/** Plays the runs of a range of seeds, and gathers what was not kept in them. */

import { planOfSeed } from './plan-arbitraries.ts';
import { play, type Violation } from './run.ts';

export interface SeedViolation extends Violation {
  readonly seed: number;
}

export interface BatchResult {
  readonly seeds: number;
  readonly events: number;
  readonly violations: readonly SeedViolation[];
  readonly cpuMillis: number;
}

/**
 * @param isOver asked before each seed.
 * @param found is told of each violation as it is found.
 */
export async function playSeeds(
  seeds: Iterable<number>,
  isOver: () => boolean = () => false,
  found: (violation: SeedViolation) => void = () => {},
): Promise<BatchResult> {
  const startedAt = process.cpuUsage();
  const violations: SeedViolation[] = [];
  let count = 0;
  let events = 0;
  for (const seed of seeds) {
    if (isOver()) break;
    count++;
    const result = await play(planOfSeed(seed));
    events += result.events;
    for (const violation of result.violations) {
      violations.push({ ...violation, seed });
      found({ ...violation, seed });
    }
  }
  const { user, system } = process.cpuUsage(startedAt);
  return { seeds: count, events, violations, cpuMillis: (user + system) / 1_000 };
}
