/** What each service of the run with Prometheus is told. */

import type { SpillwayOptions } from 'otel-spillway';

export interface MeteredPlan {
  /** The instance, in Prometheus. */
  readonly name: string;
  readonly logsUrl: string;
  /** Where Prometheus scrapes it. */
  readonly metricsPort: number;
  /** Where it sends the same metrics by OTLP. */
  readonly metricsUrl?: string;
  /** Emitted in its first turn, before anybody can scrape. */
  readonly burstRecords?: number;
  readonly recordsPerSecond: number;
  readonly options: Partial<Pick<SpillwayOptions, 'maxQueueSize' | 'maxQueueBytes' | 'spool'>>;
}

export const JOB = 'shop';
export const METRICS_EVERY_MILLIS = 1_000;

export type ToMetered = 'stop emitting';
