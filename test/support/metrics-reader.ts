/** A real MeterProvider that is collected when a test asks for it, and what it found in a form made for assertions. */

import type { Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type Histogram,
  MeterProvider,
  type MetricData,
  MetricReader,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import { expect } from 'vitest';

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

export class Telemetry {
  readonly #reader: OnDemandReader;
  readonly provider: MeterProvider;

  constructor(temporality: 'cumulative' | 'delta' = 'cumulative') {
    const selected =
      temporality === 'delta' ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
    this.#reader = new OnDemandReader({ aggregationTemporalitySelector: () => selected });
    this.provider = new MeterProvider({ readers: [this.#reader] });
  }

  async collect(): Promise<Collected> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    expect(errors).toEqual([]);
    return new Collected(resourceMetrics.scopeMetrics);
  }
}

interface Point {
  readonly value: unknown;
  readonly attributes: Attributes;
}

export class Collected {
  readonly #scopes: readonly ScopeMetrics[];

  constructor(scopes: readonly ScopeMetrics[]) {
    this.#scopes = scopes;
  }

  get scopes(): unknown[] {
    return this.#scopes.map(({ scope: { name, version } }) => ({ name, version }));
  }

  get metrics(): MetricData[] {
    return this.#scopes.flatMap((scope) => scope.metrics);
  }

  /** `Counter, {log_record}` and the like, by name; observable instruments go by the name of what they observe. */
  get instruments(): Record<string, string> {
    return Object.fromEntries(
      this.metrics.map((metric) => [metric.descriptor.name, `${kindOf(metric)}, ${metric.descriptor.unit}`]),
    );
  }

  points(name: string): readonly Point[] {
    return this.metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  }

  /** The value of the point that has no attribute but the component's. */
  value(name: string): unknown {
    return this.by(name, '')[''];
  }

  /**
   * Values by the one attribute that tells the points of a metric apart, '' where it is absent. Fails if a
   * point has any other attribute, the component's apart.
   */
  by(name: string, attribute: string): Record<string, unknown> {
    const entries = this.points(name).map(({ value, attributes }) => {
      const {
        'otel.component.type': _type,
        'otel.component.name': _name,
        [attribute]: own,
        ...rest
      } = attributes;
      expect(rest, `${name} has other attributes`).toEqual({});
      return [String(own ?? ''), isHistogram(value) ? summary(value) : value];
    });
    const values = Object.fromEntries(entries);
    expect(Object.keys(values), `${name} has one point for each value`).toHaveLength(entries.length);
    return values;
  }
}

function kindOf(metric: MetricData): string {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return metric.isMonotonic ? 'Counter' : 'UpDownCounter';
    case DataPointType.GAUGE:
      return 'Gauge';
    default:
      return 'Histogram';
  }
}

function isHistogram(value: unknown): value is Histogram {
  return typeof value === 'object' && value !== null && 'buckets' in value;
}

/** Sums of seconds are rounded to the microsecond. */
function summary({ count, sum }: Histogram): { count: number; sum: number } {
  return { count, sum: Math.round((sum ?? Number.NaN) * 1e6) / 1e6 };
}
