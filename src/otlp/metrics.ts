/** Metrics of the OTLP exporter, by the semantic conventions for SDK metrics. */

import {
  type Attributes,
  type Counter,
  type Histogram,
  type MeterProvider,
  metrics,
  type UpDownCounter,
} from '@opentelemetry/api';
import { nextNumber, VERSION } from '../common/package.ts';
import type { Outcome } from '../delivery/sender.ts';

/** The conventions' name for OTLP over HTTP with protobuf. */
const COMPONENT_TYPE = 'otlp_http_log_exporter';

export class ExporterMetrics {
  readonly #explicit: MeterProvider | undefined;
  readonly #failuresAreFinal: boolean;
  readonly #attributes: Attributes;
  #inflightRecords = 0;
  #provider: MeterProvider | undefined;
  #inflight: UpDownCounter | undefined;
  #exported: Counter | undefined;
  #duration: Histogram | undefined;

  /** @param failuresAreFinal whether the caller drops a failed batch instead of retrying it. */
  constructor(url: URL, provider: MeterProvider | undefined, failuresAreFinal: boolean) {
    this.#explicit = provider;
    this.#failuresAreFinal = failuresAreFinal;
    this.#attributes = {
      'otel.component.type': COMPONENT_TYPE,
      'otel.component.name': `${COMPONENT_TYPE}/spillway-${nextNumber(COMPONENT_TYPE)}`,
      'server.address': url.hostname,
      'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    };
  }

  started(records: number): void {
    this.#bind();
    this.#addInflight(records);
  }

  /** Records count once, when delivered or finally refused; an attempt that will be repeated counts none. */
  ended(records: number, outcome: Outcome, status: number | undefined, durationMillis: number): void {
    this.#bind();
    this.#addInflight(-records);
    const errorType = errorTypeOf(outcome, status);
    this.#duration?.record(durationMillis / 1000, {
      ...this.#attributes,
      ...(status !== undefined && { 'http.response.status_code': status }),
      ...(errorType !== undefined && { 'error.type': errorType }),
    });
    if (outcome.kind === 'delivered') {
      const rejected = Math.min(records, outcome.rejectedRecords);
      if (records > rejected) this.#exported?.add(records - rejected, this.#attributes);
      if (rejected > 0) this.#exported?.add(rejected, { ...this.#attributes, 'error.type': 'rejected' });
    } else if (this.#failuresAreFinal || isFinal(outcome, records)) {
      this.#exported?.add(records, { ...this.#attributes, 'error.type': errorType ?? '_OTHER' });
    }
  }

  #addInflight(records: number): void {
    this.#inflightRecords += records;
    this.#inflight?.add(records, this.#attributes);
  }

  #bind(): void {
    const provider = this.#explicit ?? metrics.getMeterProvider();
    if (provider === this.#provider) return;
    this.#provider = provider;
    // Records in flight move to the new provider, so that both counters return to zero.
    this.#inflight?.add(-this.#inflightRecords, this.#attributes);
    const meter = provider.getMeter('otel-spillway', VERSION);
    this.#inflight = meter.createUpDownCounter('otel.sdk.exporter.log.inflight', {
      unit: '{log_record}',
      description: 'Records on their way to the server.',
    });
    this.#inflight.add(this.#inflightRecords, this.#attributes);
    this.#exported = meter.createCounter('otel.sdk.exporter.log.exported', {
      unit: '{log_record}',
      description: 'Records delivered, or refused for good.',
    });
    this.#duration = meter.createHistogram('otel.sdk.exporter.operation.duration', {
      unit: 's',
      // No buckets, as in the conventions: count, sum, minimum and maximum only.
      advice: { explicitBucketBoundaries: [] },
      description: 'How long one request takes.',
    });
  }
}

/** Whether the processor drops the records: a refused record that was sent alone is not sent again. */
function isFinal({ kind }: Outcome, records: number): boolean {
  return kind === 'rejected' || (records === 1 && (kind === 'malformed' || kind === 'too_large'));
}

/** Low in cardinality: the status if there is one, else the code of the network error. */
function errorTypeOf(outcome: Outcome, status: number | undefined): string | undefined {
  // The conventions' value for a rejection without a type.
  if (outcome.kind === 'delivered') return outcome.rejectedRecords > 0 ? 'rejected' : undefined;
  if (status !== undefined) return String(status);
  const { code, name } = (outcome.error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  return typeof name === 'string' ? name : '_OTHER';
}
