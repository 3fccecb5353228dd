/** The processor's report on itself: plain JSON, cheap enough for a health endpoint. */

import type { DropReason } from '../common/errors.ts';
import type { BreakerStateName } from '../delivery/recovery.ts';
import type { MemoryLevel } from '../process/memory-guard.ts';
import type { Ledger, Percentiles } from './ledger.ts';

/** Records that are held somewhere, and their bytes. */
export interface Held {
  /** Number of log records. */
  readonly records: number;
  /** Bytes, counted as for the option `maxQueueBytes`. */
  readonly bytes: number;
}

/**
 * Where every record went. At every instant, in records:
 * `offered + recovered = exported + Σ dropped + queued + inFlight + spooled`.
 */
export interface SpillwayStats {
  /** Every record given to `onEmit`. */
  readonly offered: number;
  /**
   * Records found in the spool, at start or after another process died, less those that another process took over
   * because it considered this one dead; 0 without a spool.
   */
  readonly recovered: number;
  /** Records the exporter reported as delivered. */
  readonly exported: number;
  /** Records dropped, by reason. Every reason is present, with 0 where nothing was dropped. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** In memory, waiting. */
  readonly queued: Held;
  /** In memory, handed to the exporter and not answered yet. */
  readonly inFlight: Held;
  /** Records on disk that are not also in memory, and the bytes of all files; zero without a spool. */
  readonly spooled: Held;
  /** The circuit breaker and the clock behind it. */
  readonly breaker: {
    /** `closed` while exports go out, `open` while they wait for `nextProbeMillis`, `half-open` during a probe. */
    readonly state: BreakerStateName;
    /** Milliseconds until the next probe; only while open. */
    readonly nextProbeMillis?: number;
    /** Milliseconds since the first failure that was seen; only while the destination fails. */
    readonly failingMillis?: number;
  };
  /** Export attempts. */
  readonly exports: {
    /** Attempts that have ended, whatever their result. */
    readonly attempts: number;
    /** Attempts that failed. */
    readonly failures: number;
    /** The message of the last failure, without credentials. */
    readonly lastError?: string;
  };
  /** Duration of an attempt. */
  readonly exportMillis: Percentiles;
  /** Time from `onEmit` of the oldest record of a batch to its acknowledgement. */
  readonly deliveryMillis: Percentiles;
}

interface HeldByQueue {
  readonly records: number;
  readonly bytes: number;
  readonly inFlightRecords: number;
  readonly inFlightBytes: number;
}

interface HeldOnDisk {
  readonly records: number;
  readonly bytes: number;
  readonly replayingRecords: number;
  readonly replayingBytes: number;
}

export function statsOf(
  ledger: Ledger,
  queue: HeldByQueue,
  disk: HeldOnDisk | undefined,
  breaker: SpillwayStats['breaker'],
): SpillwayStats {
  const { offered, recovered, exported, dropped, attempts, failures, lastError } = ledger;
  return {
    offered,
    recovered,
    exported,
    dropped: { ...dropped },
    queued: { records: queue.records, bytes: queue.bytes },
    inFlight: {
      records: queue.inFlightRecords + (disk?.replayingRecords ?? 0),
      bytes: queue.inFlightBytes + (disk?.replayingBytes ?? 0),
    },
    spooled: { records: disk?.records ?? 0, bytes: disk?.bytes ?? 0 },
    breaker,
    exports: { attempts, failures, ...(lastError !== undefined && { lastError }) },
    exportMillis: ledger.exportMillis,
    deliveryMillis: ledger.deliveryMillis,
  };
}

/** Whether logs get through, in a form made for a readiness probe. */
export interface SpillwayHealth {
  /**
   * - `ok`: records flow.
   * - `degraded`: they are delayed, or some were dropped in the last 30 s, or the queue is nearly full or reduced.
   * - `failing`: the breaker is open, or memory is above the hard limit.
   *
   * After a shutdown: `failing` if it lost records, else `degraded` if records were dropped in the last 30 s for
   * another reason, else `ok`.
   */
  readonly status: 'ok' | 'degraded' | 'failing';
  /** Reasons in words for people; empty when `ok`. */
  readonly reasons: string[];
}

const NEARLY_FULL = 0.8;

export interface HealthFacts {
  readonly breakerState: BreakerStateName;
  readonly memoryLevel: MemoryLevel;
  readonly pressure: number;
  readonly failingMillis: number | undefined;
  readonly dropsRecently: boolean;
  /** Why the spool cannot be written to; undefined if it can, or without a spool. */
  readonly spoolDegradedBecause: string | undefined;
  readonly isShutDown: boolean;
  /** Records dropped because they were left at the end. */
  readonly lostAtEnd: number;
  readonly lastError: Ledger['lastError'];
}

export function healthOf(facts: HealthFacts): SpillwayHealth {
  const failing: string[] = [];
  const degraded: string[] = [];
  const because = facts.lastError === undefined ? '' : ` (${facts.lastError})`;
  const forSoLong = ` for ${Math.round((facts.failingMillis ?? 0) / 1_000)} s`;
  if (facts.isShutDown) {
    // The state of destination and queue no longer matters.
    if (facts.lostAtEnd > 0) failing.push(`${facts.lostAtEnd} records were lost at the end${because}`);
    else if (facts.dropsRecently) degraded.push('records were dropped in the last 30 s');
    return {
      status: failing.length > 0 ? 'failing' : degraded.length > 0 ? 'degraded' : 'ok',
      reasons: [...failing, ...degraded],
    };
  }
  if (facts.breakerState === 'open')
    failing.push(`the circuit breaker is open, exports have failed${forSoLong}${because}`);
  if (facts.memoryLevel === 'hard')
    failing.push('memory is above the hard limit: only protected records are kept');
  if (facts.memoryLevel === 'soft') degraded.push('memory is above the soft limit: the queue is reduced');
  if (facts.breakerState === 'half-open') {
    degraded.push(`the circuit breaker is probing, exports have failed${forSoLong}${because}`);
  } else if (facts.breakerState === 'closed' && facts.failingMillis !== undefined) {
    degraded.push(`exports have failed${forSoLong}${because}`);
  }
  if (facts.pressure > NEARLY_FULL) degraded.push(`the queue is ${Math.floor(facts.pressure * 100)} % full`);
  if (facts.spoolDegradedBecause !== undefined) {
    degraded.push(
      `the spool cannot be written to (${facts.spoolDegradedBecause}): records are kept in memory only`,
    );
  }
  if (facts.dropsRecently) degraded.push('records were dropped in the last 30 s');
  return {
    status: failing.length > 0 ? 'failing' : degraded.length > 0 ? 'degraded' : 'ok',
    reasons: [...failing, ...degraded],
  };
}
