/** A fleet of processes with one destination that goes away and comes back: what goes in, and what comes out. */

export interface FleetPlan {
  readonly processes: number;
  /** Of each process. */
  readonly recordsPerSecond: number;
  /** As encoded, on average. */
  readonly recordBytes: number;
  readonly outageMillis: number;
  /** Of each process; undefined: the default. */
  readonly maxQueueBytes?: number;
  readonly hasSpool: boolean;
  /** What the returning destination can take, as a multiple of what the fleet logs; undefined: whatever comes. */
  readonly capacity?: number;
  /** What it can hold beside, before it refuses. */
  readonly holdBytes?: number;
}

export interface FleetFigures {
  readonly offered: number;
  /** Never arrived, with a reason or without. */
  readonly lost: number;
  /** As a share of what was logged while the destination was away. */
  readonly lostShare: number;
  /** Of these, counted as dropped by the processes. */
  readonly dropped: number;
  /** Arrived again. */
  readonly twice: number;
  /** From the return to the first record that arrives. */
  readonly resumedMillis: number | undefined;
  /** From the return until nothing is left that was logged before. */
  readonly drainedMillis: number | undefined;
  /** The busiest second after the return: records that arrived, as a multiple of what the fleet logs. */
  readonly peakLoad: number;
  /** The busiest second after the return: requests. */
  readonly peakRequestsPerSecond: number;
  /** Requests after the return that were refused for want of room, as a share of all. */
  readonly refusedShare: number;
}

/** Records of the whole fleet. */
export function loggedIn({ processes, recordsPerSecond }: FleetPlan, millis: number): number {
  return (processes * recordsPerSecond * millis) / 1_000;
}

/** The most of what falls into one window of `millis` that begins at one of them. @param at in order. */
export function busiest(at: readonly number[], weights: readonly number[], millis: number): number {
  let most = 0;
  let sum = 0;
  let first = 0;
  for (const [last, time] of at.entries()) {
    sum += weights[last] as number;
    while ((at[first] as number) <= time - millis) sum -= weights[first++] as number;
    most = Math.max(most, sum);
  }
  return most;
}
