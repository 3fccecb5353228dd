/** The law that every record is accounted for, as the demo checks it. */
import type { Balance } from './messages.ts';

export function balances({
  offered,
  recovered,
  exported,
  dropped,
  queued,
  inFlight,
  spooled,
}: Balance): boolean {
  return offered + recovered === exported + sumOfCounts(dropped) + queued + inFlight + spooled;
}

export function sumOfCounts(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
