/** The queries of `ops/` and the names in the docs, held against the metrics that the code really reports. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { MetricData } from '@opentelemetry/sdk-metrics';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  ALERT_TESTS,
  alertQueries,
  type NamedQuery,
  panelQueries,
  readAlerts,
  readDashboard,
  variableQueries,
} from '../../backends/ops-files.ts';
import { labelName, prometheusNames, SERIES_SUFFIXES } from '../../backends/prometheus-names.ts';
import { parseQuery, type Selector } from '../../backends/promql.ts';
import { markdownTable } from '../../bench/support/table.ts';
import { ExporterMetrics } from '../../src/otlp/metrics.ts';
import { Metered, unreadable } from '../support/metered.ts';
import { httpError } from '../support/scripted-exporter.ts';

/** What Prometheus and the exporter add. */
const ADDED_LABELS = ['job', 'instance', 'otel_scope_name', 'otel_scope_version'];

interface Series {
  readonly name: string;
  /** The values that each label was seen with. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

let metrics: readonly MetricData[];
let series: readonly Series[];

/** Everything that either part reports, after it has had a reason to. */
async function reported(): Promise<readonly MetricData[]> {
  const h = new Metered();
  h.exporter.script = [{ fail: httpError(401) }, 'succeed'];
  h.emit(2);
  await h.advance(2_000);
  h.processor.onEmit(unreadable());
  await h.settle();
  const exporter = new ExporterMetrics(new URL('http://localhost:4318'), h.telemetry.provider, true);
  exporter.started(2);
  exporter.ended(1, { kind: 'delivered', rejectedRecords: 0 }, 200, 10);
  exporter.ended(1, { kind: 'rejected', error: new Error('no') }, 400, 10);
  const collected = await h.collect();
  await h.end();
  return collected.metrics;
}

function seriesOf(metric: MetricData): Series[] {
  const labels = new Map<string, Set<string>>();
  for (const { attributes } of metric.dataPoints) {
    for (const [name, value] of Object.entries(attributes)) {
      const values = labels.get(labelName(name)) ?? new Set();
      labels.set(labelName(name), values.add(String(value)));
    }
  }
  const { scraped, otlp } = prometheusNames(metric);
  return [...new Set([scraped, otlp])].flatMap((name) =>
    SERIES_SUFFIXES(metric).map((suffix) => ({
      name: name + suffix,
      labels: suffix === '_bucket' ? new Map([...labels, ['le', new Set<string>()]]) : labels,
    })),
  );
}

function selected({ name }: Selector): readonly Series[] {
  return series.filter((known) => (typeof name === 'string' ? name === known.name : name.test(known.name)));
}

/** Labels whose values are all seen: what is compared with must be one of them. */
const CLOSED = ['spillway_drop_reason', 'spillway_breaker_state', 'otel_component_type'];

function problemsOf({ where, expr, shown }: NamedQuery): string[] {
  const { selectors, labels } = parseQuery(expr);
  const problems: string[] = [];
  const known = new Set(ADDED_LABELS);
  for (const selector of selectors) {
    const found = selected(selector);
    if (found.length === 0) problems.push(`${where}: no metric ${selector.name}`);
    // A pattern is for both names of one metric: with fewer it is a name, with more it mixes metrics.
    if (typeof selector.name !== 'string' && found.length !== 2) {
      problems.push(`${where}: ${found.length} names for ${selector.name}`);
    }
    for (const { labels: own } of found) for (const label of own.keys()) known.add(label);
    for (const { label, value } of selector.matchers) {
      if (found.some(({ labels: own }) => !own.has(label) && !ADDED_LABELS.includes(label))) {
        problems.push(`${where}: ${selector.name} has no label ${label}`);
      }
      if (!CLOSED.includes(label)) continue;
      const values = new Set(series.flatMap(({ labels: own }) => [...(own.get(label) ?? [])]));
      for (const one of value.split('|')) {
        if (!values.has(one)) problems.push(`${where}: ${label} is never ${one}`);
      }
    }
  }
  for (const label of [...labels, ...shown]) {
    if (!known.has(label)) problems.push(`${where}: nothing has the label ${label}`);
  }
  return problems;
}

beforeAll(async () => {
  metrics = await reported();
  series = metrics.flatMap(seriesOf);
});

describe('the queries of ops/', () => {
  test('every metric, label and value that an alert rule names is one that the code reports', () => {
    expect(alertQueries().flatMap(problemsOf)).toEqual([]);
  });

  test('every metric, label and value that a panel or a variable of the dashboard names is one that the code reports', () => {
    expect(panelQueries().length).toBeGreaterThan(20);
    expect(variableQueries()).toHaveLength(2);
    expect([...panelQueries(), ...variableQueries()].flatMap(problemsOf)).toEqual([]);
  });

  test.each([
    ['a metric that is none', 'spillway_queue_size > 1', 'no metric spillway_queue_size'],
    ['a metric of one way alone', '{__name__=~"spillway_queue_bytes(_bytes)?"}', '1 names for'],
    ['a label of another metric', 'spillway_queue_bytes{spillway_drop_reason="self"}', 'has no label'],
    ['a reason that is none', 'spillway_records_dropped_total{spillway_drop_reason="lost"}', 'is never lost'],
    ['a label to group by', 'sum by (reason) (spillway_queue_bytes)', 'nothing has the label reason'],
  ])('the comparison notices %s', (_, expr, problem) => {
    expect(problemsOf({ where: 'here', expr, shown: [] }).join()).toContain(problem);
  });

  test('every alert rule has a severity, a summary and a description, and is expected to fire in a unit test', () => {
    const tests = readFileSync(ALERT_TESTS, 'utf8');
    for (const { alert, labels, annotations } of readAlerts().groups.flatMap(({ rules }) => rules)) {
      expect(labels, alert).toEqual({ severity: expect.stringMatching(/^(critical|warning)$/) });
      expect(Object.keys(annotations), alert).toEqual(['summary', 'description']);
      expect(tests, alert).toContain(`alertname="${alert}",alertstate="firing"`);
    }
  });

  test('the panels of the dashboard say what they show, and none covers another', () => {
    const { panels } = readDashboard();
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { title, type, description, gridPos } of panels) {
      if (type !== 'row') expect(description, title).toMatch(/\.$/);
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    }
  });
});

describe('names in Prometheus', () => {
  test('the official exporter gives every metric the name that is expected of a scrape', () => {
    const scopeMetrics = [{ scope: { name: 'otel-spillway' }, metrics: [...metrics] }];
    const text = new PrometheusSerializer().serialize({ resource: resourceFromAttributes({}), scopeMetrics });
    const names = Array.from(text.matchAll(/^# TYPE (\w+)/gm), ([, name]) => name);
    expect(names).toEqual(['target_info', ...metrics.map((metric) => prometheusNames(metric).scraped)]);
  });

  test('the table in docs/what-to-watch.md has every metric with the names of both ways', () => {
    const rows = metrics.map((metric) => {
      const { scraped, otlp } = prometheusNames(metric);
      return [metric.descriptor.name, scraped, otlp === scraped ? 'the same' : otlp];
    });
    const table = markdownTable({
      head: ['metric', 'scraped', 'by OTLP'],
      rows: rows.map((row) => row.map((name) => (name.includes(' ') ? name : `\`${name}\``))),
    });
    const page = readFileSync(join(import.meta.dirname, '../../docs/what-to-watch.md'), 'utf8');
    expect(linesOf(page)).toEqual(expect.arrayContaining(linesOf(table)));
  });
});

/** Without the padding of columns. */
function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}:?/g, '---'));
}
