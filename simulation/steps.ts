/** What is looked at after every step: the law, the bounds, and what was lost or waited since the last one. */

import type { Life } from './life.ts';
import type { Violation } from './run.ts';
import { DROP_REASONS, type DropReason, type SpillwayStats } from './subject.ts';

interface Loss {
  readonly at: number;
  readonly reason: DropReason;
  readonly records: number;
  /** Records and bytes in the queue, in flight included, when it was seen. */
  readonly heldRecords: number;
  readonly heldBytes: number;
}

/** A time in which there was something to send, on disk or in memory. */
interface Waiting {
  readonly from: number;
  to: number;
}

/** Of one life. */
interface Track {
  readonly losses: Loss[];
  readonly waiting: Waiting[];
  last: SpillwayStats | undefined;
  lastDropped: number;
}

/** The most that these bounds can be where the options do not say. */
const MAX_QUEUE_RECORDS = 1 << 20;
const MAX_QUEUE_BYTES = 64 * 1024 * 1024;
/** Two parts of a batch weigh some bytes more than the batch did. */
const SPLIT_BYTES = 1_024;
/** What comes back from disk has bounds of its own, is as large as it was for who stored it, and counts as in flight. */
const MAX_REPLAYED_RECORDS = 64 * 4_096;
const MAX_REPLAYED_BYTES = 64 * 1024 * 1024;

export class Steps {
  readonly #report: (violation: Violation) => void;
  readonly #tracks = new Map<Life, Track>();

  /** @param report is told once of each property and process. */
  constructor(report: (violation: Violation) => void) {
    this.#report = report;
  }

  of(life: Life): Track {
    let track = this.#tracks.get(life);
    if (track === undefined) {
      track = { losses: [], waiting: [], last: undefined, lastDropped: 0 };
      this.#tracks.set(life, track);
    }
    return track;
  }

  look(life: Life, now: number): void {
    const track = this.of(life);
    const stats = life.processor.stats();
    const { offered, recovered, exported, queued, inFlight, spooled } = stats;
    const dropped = droppedOf(stats);
    const held = queued.records + inFlight.records;
    if (offered + recovered !== exported + dropped + held + spooled.records) {
      this.#violated('the law', life, now, `it does not balance: ${JSON.stringify(stats)}`);
    }
    this.#checkBounds(life, stats, now);
    if (dropped !== track.lastDropped) {
      const heldBytes = queued.bytes + inFlight.bytes;
      for (const reason of DROP_REASONS) {
        const records = stats.dropped[reason] - (track.last?.dropped[reason] ?? 0);
        if (records > 0) track.losses.push({ at: now, reason, records, heldRecords: held, heldBytes });
      }
      track.lastDropped = dropped;
    }
    track.last = stats;
    const waits = queued.records + spooled.records > 0;
    const latest = track.waiting.at(-1);
    if (waits && (latest === undefined || latest.to !== Number.POSITIVE_INFINITY)) {
      track.waiting.push({ from: now, to: Number.POSITIVE_INFINITY });
    } else if (!waits && latest?.to === Number.POSITIVE_INFINITY) latest.to = now;
  }

  #checkBounds(life: Life, { queued, inFlight }: SpillwayStats, now: number): void {
    const { maxQueueSize = MAX_QUEUE_RECORDS, maxQueueBytes = MAX_QUEUE_BYTES } = life.plan.options;
    const replayedRecords = life.hasSpool ? MAX_REPLAYED_RECORDS : 0;
    const replayedBytes = life.hasSpool ? MAX_REPLAYED_BYTES : 0;
    if (queued.records < 0 || queued.bytes < 0 || inFlight.records < 0 || inFlight.bytes < 0) {
      this.#violated('the bounds', life, now, `a count is negative: ${JSON.stringify({ queued, inFlight })}`);
    }
    if ((queued.records === 0 && queued.bytes > 0) || (inFlight.records === 0 && inFlight.bytes > 0)) {
      this.#violated(
        'the bounds',
        life,
        now,
        `bytes without records: ${JSON.stringify({ queued, inFlight })}`,
      );
    }
    if (queued.records > maxQueueSize || queued.records + inFlight.records > maxQueueSize + replayedRecords) {
      this.#violated(
        'the bounds',
        life,
        now,
        `${queued.records} + ${inFlight.records} of ${maxQueueSize} records`,
      );
    }
    if (
      queued.bytes > maxQueueBytes + SPLIT_BYTES ||
      queued.bytes + inFlight.bytes > maxQueueBytes + SPLIT_BYTES + replayedBytes
    ) {
      this.#violated(
        'the bounds',
        life,
        now,
        `${queued.bytes} + ${inFlight.bytes} of ${maxQueueBytes} bytes`,
      );
    }
  }

  readonly #reported = new Set<string>();

  #violated(property: string, life: Life, at: number, message: string): void {
    const key = `${property} ${life.number}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#report({ property, process: life.number, at, message });
  }
}

export function droppedOf(stats: SpillwayStats): number {
  let sum = 0;
  for (const reason of DROP_REASONS) sum += stats.dropped[reason];
  return sum;
}
