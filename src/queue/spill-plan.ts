/** Plans which batches are written to disk and which leave memory: a pure function of the situation. */

/** Above this pressure, the oldest batches are written … */
const HIGH_WATER = 0.7;
/** … down to this pressure. */
const LOW_WATER = 0.4;

/** Assumes a usable disk. */
export interface SpillSituation {
  readonly mode: 'overflow' | 'always';
  /** Fullness of the queue, 0 to 1. */
  readonly pressure: number;
  /** How long the breaker has not been closed; undefined while it is closed. */
  readonly brokenMillis: number | undefined;
  /** Value of `brokenMillis` from which all waiting batches go to disk. */
  readonly spillAfterOpenMillis: number;
  readonly isMemoryShort: boolean;
  /** Whether all waiting batches are to leave memory … */
  readonly isDraining: boolean;
  /** … or to be copied. */
  readonly isCopying: boolean;
  /** Whether the disk is fast enough for bursts. */
  readonly isQuick: boolean;
}

export interface SpillPlan {
  /** Waiting batches are written until the pressure without them is no higher; undefined: none are written. */
  readonly writeDownTo: number | undefined;
  /** Whether stored batches leave memory. If so, evicted batches are written again, too. */
  readonly freesMemory: boolean;
  /** Whether batches in flight are written, too; they stay in memory. */
  readonly writesInFlight: boolean;
  /** Stored batches leave memory until the pressure is no higher; undefined: none leave. */
  readonly releaseDownTo: number | undefined;
  /** Whether open batches are closed when their delay has passed … */
  readonly sealsDue: boolean;
  /** … or immediately, if there is nothing else to write. */
  readonly sealsForWant: boolean;
  /** Time after which the plan changes by itself; Infinity if never. */
  readonly againInMillis: number;
}

/**
 * `always`: every batch is written when it is closed. `overflow`: batches are written when the queue fills up, when the
 * destination has been down for a while, when memory is short, and at the end.
 */
export function spillPlan(situation: SpillSituation): SpillPlan {
  const { mode, pressure, brokenMillis, spillAfterOpenMillis, isCopying, isDraining, isQuick } = situation;
  const isBroken = brokenMillis !== undefined && brokenMillis >= spillAfterOpenMillis;
  const isAlways = mode === 'always';
  const isNeeded = isDraining || situation.isMemoryShort || isBroken;
  // A disk that is too slow for bursts starts early and continues until nothing is left.
  const isFull = pressure > (isQuick ? HIGH_WATER : LOW_WATER);
  const downTo = isNeeded ? 0 : isFull ? (isQuick ? LOW_WATER : 0) : undefined;
  const writesAll = isAlways || isCopying;
  return {
    writeDownTo: writesAll ? 0 : downTo,
    freesMemory: isNeeded || !writesAll,
    writesInFlight: isDraining || isCopying,
    releaseDownTo: downTo,
    sealsDue: isAlways || isNeeded,
    sealsForWant: !writesAll && !isNeeded && isFull && !isQuick,
    againInMillis:
      brokenMillis === undefined || isBroken ? Number.POSITIVE_INFINITY : spillAfterOpenMillis - brokenMillis,
  };
}
