/** Reports the ledger and the state of the parts as OpenTelemetry instruments. */

import {
  type Attributes,
  type BatchObservableCallback,
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
} from '@opentelemetry/api';
import { DROP_REASONS } from '../common/errors.ts';
import { nextNumber, VERSION } from '../common/package.ts';
import type { BreakerStateName } from '../delivery/recovery.ts';
import type { Outcome } from '../delivery/sender.ts';
import type { Ledger } from './ledger.ts';

const COMPONENT_TYPE = 'spillway_log_processor';
const BREAKER_STATES: readonly BreakerStateName[] = ['closed', 'open', 'half-open'];

/** The HTTP conventions' boundaries plus minutes, for batches that wait out an outage. The SDK's suit milliseconds. */
const SECONDS_BOUNDARIES = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300, 600, 1_800,
];

/** The next value of `otel.component.name`. */
export function nextComponentName(): string {
  return `${COMPONENT_TYPE}/${nextNumber(COMPONENT_TYPE)}`;
}

/** Values that are read at collection, beside the ledger. */
export interface Gauges {
  readonly queueRecords: number;
  readonly queueCapacity: number;
  readonly queueBytes: number;
  readonly queueLimitBytes: number;
  readonly oldestAgeMillis: number;
  readonly breakerState: BreakerStateName;
  readonly spoolRecords: number;
  readonly spoolBytes: number;
  /** 0 without a spool. */
  readonly spoolLimitBytes: number;
  readonly replayedRecords: number;
}

/** Totals are observed at collection: no cost per record, and nothing is lost before a MeterProvider is registered. */
export class ProcessorMetrics {
  readonly #explicit: MeterProvider | undefined;
  readonly #ledger: Ledger;
  readonly #gauges: () => Gauges;
  readonly #attributes: Attributes;
  #provider: MeterProvider | undefined;
  #exportDuration: Histogram | undefined;
  #deliveryDuration: Histogram | undefined;
  #unobserve: (() => void) | undefined;
  #isClosed = false;

  /** @param provider default: the global one, even if it is registered later. */
  constructor(
    componentName: string,
    provider: MeterProvider | undefined,
    ledger: Ledger,
    gauges: () => Gauges,
  ) {
    this.#explicit = provider;
    this.#ledger = ledger;
    this.#gauges = gauges;
    this.#attributes = { 'otel.component.type': COMPONENT_TYPE, 'otel.component.name': componentName };
    this.bind();
  }

  /** Repeated, as the API has no proxy for meters, and NodeSDK registers its MeterProvider after the processors. */
  bind(): void {
    const provider = this.#explicit ?? metrics.getMeterProvider();
    if (provider === this.#provider) return;
    this.#provider = provider;
    this.#unobserve?.();
    const meter = provider.getMeter('otel-spillway', VERSION);
    this.#exportDuration = meter.createHistogram('spillway.export.duration', {
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS_BOUNDARIES },
      description: 'How long one attempt to export a batch takes.',
    });
    this.#deliveryDuration = meter.createHistogram('spillway.delivery.duration', {
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS_BOUNDARIES },
      description: 'Time from onEmit of the oldest record of a batch to its acknowledgement.',
    });
    this.#observe(meter);
  }

  attempted(outcome: Outcome, durationMillis: number): void {
    this.bind();
    this.#exportDuration?.record(durationMillis / 1000, {
      ...this.#attributes,
      'spillway.export.outcome': outcome.kind,
    });
  }

  delivered(ageMillis: number): void {
    this.#deliveryDuration?.record(ageMillis / 1000, this.#attributes);
  }

  /** Unregisters after one more collection, so that the totals include drops of the shutdown itself. */
  close(): void {
    this.bind();
    this.#isClosed = true;
  }

  #observe(meter: Meter): void {
    const updown = (name: string, unit: string, description: string) =>
      meter.createObservableUpDownCounter(name, { unit, description });
    const counter = (name: string, unit: string, description: string) =>
      meter.createObservableCounter(name, { unit, description });

    const queueSize = updown(
      'otel.sdk.processor.log.queue.size',
      '{log_record}',
      'Records in the queue, those in flight included.',
    );
    const queueCapacity = updown(
      'otel.sdk.processor.log.queue.capacity',
      '{log_record}',
      'Records the queue can hold, those in flight included.',
    );
    const processed = counter(
      'otel.sdk.processor.log.processed',
      '{log_record}',
      'Records handed to the exporter, or dropped before that.',
    );
    const queueBytes = updown('spillway.queue.bytes', 'By', 'Bytes in the queue, those in flight included.');
    const queueLimit = updown('spillway.queue.limit', 'By', 'Bytes the queue may hold now.');
    const offered = counter('spillway.records.offered', '{log_record}', 'Records given to the processor.');
    const dropped = counter('spillway.records.dropped', '{log_record}', 'Records dropped, by reason.');
    const breakerState = updown('spillway.breaker.state', '1', '1 for the state the breaker is in, else 0.');
    const transitions = counter(
      'spillway.breaker.transitions',
      '{transition}',
      'How often the breaker opened, having been closed, and closed.',
    );
    const oldestAge = meter.createObservableGauge('spillway.oldest_record.age', {
      unit: 's',
      description: 'Age of the oldest record not done with.',
    });
    const spoolRecords = updown('spillway.spool.records', '{log_record}', 'Records in the spool.');
    const spoolBytes = updown('spillway.spool.bytes', 'By', 'Bytes in the spool.');
    const spoolLimit = updown(
      'spillway.spool.limit',
      'By',
      'Bytes the spool may take, all processes together.',
    );
    const replayed = counter(
      'spillway.spool.replayed',
      '{log_record}',
      'Records that came from the spool and are done with.',
    );

    const own = this.#attributes;
    const callback: BatchObservableCallback = (result) => {
      const gauges = this.#gauges();
      const ledger = this.#ledger;
      result.observe(queueSize, gauges.queueRecords, own);
      result.observe(queueCapacity, gauges.queueCapacity, own);
      result.observe(queueBytes, gauges.queueBytes, own);
      result.observe(queueLimit, gauges.queueLimitBytes, own);
      result.observe(oldestAge, gauges.oldestAgeMillis / 1000, own);
      result.observe(spoolRecords, gauges.spoolRecords, own);
      result.observe(spoolBytes, gauges.spoolBytes, own);
      result.observe(spoolLimit, gauges.spoolLimitBytes, own);
      result.observe(replayed, gauges.replayedRecords, own);
      result.observe(processed, ledger.passed, own);
      result.observe(offered, ledger.offered, own);
      for (const reason of DROP_REASONS) {
        // From the start: a query sees no increase in the first value of a series.
        result.observe(dropped, ledger.dropped[reason], { ...own, 'spillway.drop.reason': reason });
        // Records handed to the exporter before they were dropped are counted as processed already.
        if (ledger.droppedUnpassed[reason] === 0) continue;
        result.observe(processed, ledger.droppedUnpassed[reason], { ...own, 'error.type': reason });
      }
      for (const state of BREAKER_STATES) {
        const attributes = { ...own, 'spillway.breaker.state': state };
        result.observe(breakerState, state === gauges.breakerState ? 1 : 0, attributes);
        if (state !== 'half-open') result.observe(transitions, ledger.breakerTransitions[state], attributes);
      }
      // Deferred: the SDK is iterating over its callbacks.
      if (this.#isClosed) queueMicrotask(() => this.#unobserve?.());
    };
    const observed: Observable[] = [
      queueSize,
      queueCapacity,
      processed,
      queueBytes,
      queueLimit,
      offered,
      dropped,
      breakerState,
      transitions,
      oldestAge,
      spoolRecords,
      spoolBytes,
      spoolLimit,
      replayed,
    ];
    meter.addBatchObservableCallback(callback, observed);
    this.#unobserve = () => meter.removeBatchObservableCallback(callback, observed);
  }
}
