/** The law that every record is accounted for, as the demo checks it. */
import type { Balance } from './messages.ts';

export function balances(balance: Balance): boolean {
  const { offered, recovered, exported, dropped } = balance;
  return offered + recovered === exported + sumOfCounts(dropped) + heldIn(balance);
}

/** What is neither delivered nor dropped. */
export function heldIn({ queued, inFlight, spooled }: Balance): number {
  return queued + inFlight + spooled;
}

export function sumOfCounts(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
