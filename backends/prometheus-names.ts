/** The names that the package's metrics have in Prometheus: scraped from the official exporter, and sent by OTLP. */

import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';

export interface PrometheusNames {
  readonly scraped: string;
  /** As Prometheus' own OTLP receiver and the Collector's exporters for Prometheus name it, unless they are told otherwise. */
  readonly otlp: string;
}

/** Units that Prometheus spells out; one in braces is a remark and adds nothing, `1` adds something to gauges alone. */
const UNIT_WORDS: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

export function prometheusNames(metric: MetricData): PrometheusNames {
  const { name, unit } = metric.descriptor;
  const isCounter = metric.dataPointType === DataPointType.SUM && metric.isMonotonic;
  const scraped = name.replace(/[^a-z0-9]/gi, '_');
  const word = UNIT_WORDS[unit];
  const hasWord = word === undefined || scraped.endsWith(`_${word}`);
  const total = isCounter ? '_total' : '';
  return { scraped: scraped + total, otlp: (hasWord ? scraped : `${scraped}_${word}`) + total };
}

/** A histogram is three series. */
export const SERIES_SUFFIXES = (metric: MetricData): readonly string[] =>
  metric.dataPointType === DataPointType.HISTOGRAM ? ['_bucket', '_sum', '_count'] : [''];

export function labelName(attribute: string): string {
  return attribute.replace(/[^a-z0-9]/gi, '_');
}
