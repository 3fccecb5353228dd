/** What of the queue is to be written to disk, and what is to leave memory: a pure function of the situation. */

/** Fuller than this, the queue has its oldest batches written to disk … */
const HIGH_WATER = 0.7;
/** … until it will be no fuller than this. */
const LOW_WATER = 0.4;

/** As it is while the disk is usable: otherwise there is nothing to plan. */
export interface SpillSituation {
  readonly mode: 'overflow' | 'always';
  /** How full the queue is, 0 to 1. */
  readonly pressure: number;
  /** For how long the breaker has not been closed; undefined while it is. */
  readonly brokenMillis: number | undefined;
  /** After how long of that all that waits goes to disk. */
  readonly spillAfterOpenMillis: number;
  readonly isMemoryShort: boolean;
  /** Whether all that waits is asked to leave memory … */
  readonly isDraining: boolean;
  /** … or to be copied. */
  readonly isCopying: boolean;
  /** Whether the disk is quick enough for bursts. */
  readonly isQuick: boolean;
}

export interface SpillPlan {
  /** Batches that wait are written until the queue would be no fuller without them; undefined: none is. */
  readonly writeDownTo: number | undefined;
  /** Whether what is written leaves memory when it is on disk. Then even what had to give way there is written again. */
  readonly freesMemory: boolean;
  /** Whether what is in flight is written as well; it does not leave memory. */
  readonly writesInFlight: boolean;
  /** Batches that are on disk as well leave memory until the queue is no fuller than this; undefined: none does. */
  readonly releaseDownTo: number | undefined;
  /** Whether open batches are closed when they have waited long enough … */
  readonly sealsDue: boolean;
  /** … or immediately, if there is nothing else to write. */
  readonly sealsForWant: boolean;
  /** When time alone calls for another plan; Infinity if it does not. */
  readonly againInMillis: number;
}

/**
 * In `always` mode every batch is written as soon as it is closed. In `overflow` mode batches are written when the queue
 * fills up, when the destination has been down for a while, when memory is short, and at the end.
 */
export function spillPlan(situation: SpillSituation): SpillPlan {
  const { mode, pressure, brokenMillis, spillAfterOpenMillis, isCopying, isDraining, isQuick } = situation;
  const isBroken = brokenMillis !== undefined && brokenMillis >= spillAfterOpenMillis;
  const isAlways = mode === 'always';
  const isNeeded = isDraining || situation.isMemoryShort || isBroken;
  // A disk that is too slow for bursts is given all the time there is: it begins early, and leaves nothing.
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
