/** Counts where every record went, for `stats()` and the metrics. */

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { causeOf, DROP_REASONS, type DropReason } from '../common/errors.ts';
import type { BreakerStateName } from '../delivery/recovery.ts';
import type { Outcome } from '../delivery/sender.ts';

/** Percentiles of all measurements since construction, in milliseconds; 0 before the first. */
export interface Percentiles {
  /** Half of the measurements are at most this long. */
  readonly p50: number;
  /** 95 % of the measurements are at most this long. */
  readonly p95: number;
  /** 99 % of the measurements are at most this long. */
  readonly p99: number;
}

/** Probes are no transitions: in an outage with any number of them, the breaker opens once and closes once. */
export type BreakerTransition = Exclude<BreakerStateName, 'half-open'>;

export type DropCounts = Record<DropReason, number>;

const noDrops = (): DropCounts => Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as DropCounts;

/**
 * Counts flows only; queue and spool count their contents. So the law
 *
 *     offered + recovered = exported + Σ dropped + queued + inFlight + spooled
 *
 * compares independent counts and can fail, instead of being true by construction.
 */
export class Ledger {
  offered = 0;
  recovered = 0;
  exported = 0;
  /** Records handed to the exporter, each counted once, whatever the number of attempts. */
  passed = 0;
  attempts = 0;
  failures = 0;
  lastError: string | undefined;
  readonly dropped = noDrops();
  /** The part of `dropped` that never reached the exporter. */
  readonly droppedUnpassed = noDrops();
  readonly breakerTransitions: Record<BreakerTransition, number> = { closed: 0, open: 0 };
  readonly #exportDuration = new DurationHistogram();
  readonly #deliveryDuration = new DurationHistogram();

  drop(reason: DropReason, records: number, wasPassed: boolean): void {
    this.dropped[reason] += records;
    if (!wasPassed) this.droppedUnpassed[reason] += records;
  }

  attempt(outcome: Outcome, durationMillis: number): void {
    this.attempts++;
    this.#exportDuration.record(durationMillis);
    if (outcome.kind !== 'delivered') {
      this.failures++;
      this.lastError = causeOf(outcome.error);
    }
  }

  breakerChanged(from: BreakerStateName, to: BreakerStateName): void {
    if (to === 'closed' || (to === 'open' && from === 'closed')) this.breakerTransitions[to]++;
  }

  deliver(records: number, ageMillis: number): void {
    this.exported += records;
    this.#deliveryDuration.record(ageMillis);
  }

  get exportMillis(): Percentiles {
    return this.#exportDuration.percentiles();
  }

  get deliveryMillis(): Percentiles {
    return this.#deliveryDuration.percentiles();
  }
}

/** Node's HDR histogram holds integers: microseconds, up to a day. */
class DurationHistogram {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: 86_400_000_000,
    figures: 2,
  });

  record(millis: number): void {
    this.#histogram.record(Math.min(86_400_000_000, Math.max(1, Math.round(millis * 1000))));
  }

  percentiles(): Percentiles {
    if (this.#histogram.count === 0) return { p50: 0, p95: 0, p99: 0 };
    const at = (percentile: number) => this.#histogram.percentile(percentile) / 1000;
    return { p50: at(50), p95: at(95), p99: at(99) };
  }
}
