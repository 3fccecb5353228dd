/** Receives all events of records and exports, and passes them on: to ledger, metrics and diagnostics. */

import type { Cancel, Clock } from '../common/clock.ts';
import { causeOf, type DropReason, quietly, SpillwayError } from '../common/errors.ts';
import type { SeverityCounts } from '../common/severity-counts.ts';
import type { DeliveryListener } from '../delivery/driver.ts';
import { type BreakerChange, MAX_REQUESTED_DELAY_MILLIS } from '../delivery/recovery.ts';
import type { Outcome } from '../delivery/sender.ts';
import type { SpillwayOptions } from '../options/options.ts';
import { Diagnostics, SUMMARY_INTERVAL_MILLIS } from './diagnostics.ts';
import type { GapMarker } from './gap-marker.ts';
import { Incident } from './incident.ts';
import { Ledger } from './ledger.ts';
import { type Gauges, nextComponentName, ProcessorMetrics } from './metrics.ts';

/** Delays of the search for a MeterProvider that is registered later. */
const FIRST_BIND_DELAY_MILLIS = 1_000;
const LAST_BIND_DELAY_MILLIS = 32_000;

/** The parts get it as their listener; none of them imports it. */
export class Telemetry implements DeliveryListener {
  readonly ledger = new Ledger();
  readonly diagnostics: Diagnostics;
  readonly #incident: Incident;
  /** Undefined if the option `gapMarker` is off. */
  marker: GapMarker | undefined;
  readonly #name = nextComponentName();
  /** Undefined until there is something to observe. */
  #metrics: ProcessorMetrics | undefined;
  readonly #options: SpillwayOptions;
  readonly #clock: Clock;
  readonly #roomMade: () => void;
  #lastDropAt = Number.NEGATIVE_INFINITY;
  /** Undefined unless the provider is the global one. */
  #gauges: (() => Gauges) | undefined;
  #cancelBinding: Cancel | undefined;

  /** @param roomMade called whenever records have left the queue for good. */
  constructor(options: SpillwayOptions, roomMade: () => void, clock: Clock) {
    this.#options = options;
    this.#roomMade = roomMade;
    this.#clock = clock;
    this.diagnostics = new Diagnostics(this.#name, clock, options.onDrop, () => this.#incident.cause);
    this.#incident = new Incident(this.diagnostics.say.bind(this.diagnostics), clock);
  }

  /** Begins to report as instruments, to the MeterProvider of the options or to the global one, whenever that appears. */
  observe(gauges: () => Gauges): void {
    const provider = this.#options.meterProvider ?? this.#options.selfObsMeterProvider;
    this.#metrics = new ProcessorMetrics(this.#name, provider, this.ledger, gauges);
    if (provider !== undefined) return;
    this.#gauges = gauges;
    this.#bindLater(FIRST_BIND_DELAY_MILLIS);
  }

  /** To be called when records arrive. Cheap and idempotent. */
  watch(): void {
    if (this.#cancelBinding === undefined && this.#gauges !== undefined)
      this.#bindLater(FIRST_BIND_DELAY_MILLIS);
  }

  get droppedRecently(): boolean {
    return this.#clock.now() - this.#lastDropAt < SUMMARY_INTERVAL_MILLIS;
  }

  recovered(records: number): void {
    this.ledger.recovered += records;
    if (records > 0) this.diagnostics.info(`found ${records} records in the spool`);
    else if (records < 0) {
      this.diagnostics.warn(
        'taken over',
        `another process took over ${-records} records, as this one was silent for too long`,
      );
    }
  }

  dropped(reason: DropReason, records: number, wasPassed: boolean, severities?: SeverityCounts): void {
    this.ledger.drop(reason, records, wasPassed);
    this.#lastDropAt = this.#clock.now();
    this.diagnostics.dropped(reason, records);
    this.marker?.lost(reason, records, severities, this.#lastDropAt);
    this.#roomMade();
  }

  /** For a record emitted in our own callback: counted, but no reason for a report, which could cause the next one. */
  droppedInCallback(): void {
    this.ledger.drop('self', 1, false);
    this.diagnostics.droppedInCallback('self', 1);
  }

  passed(records: number): void {
    this.ledger.passed += records;
  }

  attempted(outcome: Outcome, durationMillis: number): void {
    this.ledger.attempt(outcome, durationMillis);
    quietly(() => this.#metrics?.attempted(outcome, durationMillis));
    if (outcome.kind === 'delivered') {
      this.#incident.succeeded();
      if (outcome.rejectedRecords > 0 || outcome.message) {
        this.diagnostics.warn(
          'partial success',
          `the collector says: ${outcome.message ?? 'records rejected'}`,
        );
      }
      return;
    }
    if (outcome.kind === 'retryable') this.#noteRequestedDelay(outcome.retryAfterMillis ?? 0);
    const cause = causeOf(outcome.error);
    const message = `export failed (${outcome.kind}): ${cause}`;
    const isAboutDestination = outcome.kind === 'retryable' || outcome.kind === 'ambiguous';
    if (isAboutDestination || this.#incident.isOpening) this.#incident.failed(message, cause);
    else this.diagnostics.warn(`export ${outcome.kind}`, message);
    if (this.#options.onError === undefined) return;
    const error = new SpillwayError('ERR_SPILLWAY_EXPORT', message, { cause: outcome.error });
    this.diagnostics.call(this.#options.onError, error);
  }

  delivered(records: number, ageMillis: number): void {
    this.ledger.deliver(records, ageMillis);
    if (records > 0) this.marker?.delivered();
    quietly(() => this.#metrics?.delivered(ageMillis));
    this.#roomMade();
  }

  breakerChanged({ from, to, probeAt }: BreakerChange): void {
    this.ledger.breakerChanged(from, to);
    const nextProbeMillis = probeAt === undefined ? undefined : Math.max(0, probeAt - this.#clock.now());
    if (to === 'closed') this.#incident.succeeded();
    else if (to === 'open') this.#incident.opened(`next probe in ${Math.round(nextProbeMillis ?? 0)} ms`);
    this.diagnostics.call(this.#options.onBreakerStateChange, {
      from,
      to,
      ...(nextProbeMillis !== undefined && { nextProbeMillis }),
    });
  }

  close(): void {
    this.#gauges = undefined;
    this.#cancelBinding?.();
    this.diagnostics.close();
    this.#incident.close();
    quietly(() => this.#metrics?.close());
  }

  #noteRequestedDelay(millis: number): void {
    if (millis <= MAX_REQUESTED_DELAY_MILLIS) return;
    const seconds = (value: number) => `${Math.ceil(value / 1_000)} s`;
    this.diagnostics.warn(
      'requested delay',
      `the destination wants not to be asked for ${seconds(millis)}; it is asked after ${seconds(MAX_REQUESTED_DELAY_MILLIS)}`,
    );
  }

  /** Each second while records are queued; otherwise ever less often, and then no more. */
  #bindLater(delayMillis: number): void {
    this.#cancelBinding = this.#clock.timer(
      () => {
        this.#cancelBinding = undefined;
        quietly(() => this.#metrics?.bind());
        const hasRecords = (this.#gauges?.().queueRecords ?? 0) > 0;
        const next = hasRecords ? FIRST_BIND_DELAY_MILLIS : delayMillis * 2;
        if (next <= LAST_BIND_DELAY_MILLIS) this.#bindLater(next);
      },
      delayMillis,
      false,
      true,
    );
  }
}
