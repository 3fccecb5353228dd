/** The queries in `ops/`: of the alert rules and of the dashboard. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from '../scripts/tools.ts';

export const ALERTS = join(root, 'ops/prometheus/alerts.yml');
export const ALERT_TESTS = join(root, 'ops/prometheus/alerts.test.yml');
const DASHBOARD = join(root, 'ops/grafana/otel-spillway.json');

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface AlertFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}

interface Variable {
  readonly name: string;
  readonly query: string | { readonly query: string };
}

export interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export interface NamedQuery {
  readonly where: string;
  readonly expr: string;
  /** Labels that are shown beside the result. */
  readonly shown: readonly string[];
}

export function readAlerts(): AlertFile {
  return parse(readFileSync(ALERTS, 'utf8')) as AlertFile;
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Dashboard;
}

export function alertQueries(): NamedQuery[] {
  return readAlerts()
    .groups.flatMap(({ rules }) => rules)
    .map(({ alert, expr, annotations }) => ({
      where: alert,
      expr,
      shown: Object.values(annotations).flatMap((text) => captured(text, /\$labels\.(\w+)/g)),
    }));
}

/** With all jobs and instances chosen, and a window of five minutes where Grafana would choose one. */
export function panelQueries(): NamedQuery[] {
  return readDashboard().panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: title,
      expr: withoutVariables(expr),
      shown: captured(legendFormat, /\{\{(\w+)\}\}/g),
    })),
  );
}

/** `label_values(<selector>, <label>)`. */
export function variableQueries(): NamedQuery[] {
  return readDashboard().templating.list.flatMap(({ name, query }) => {
    const [, expr, label] =
      /^label_values\((.*), (\w+)\)$/.exec(typeof query === 'string' ? '' : query.query) ?? [];
    return expr === undefined || label === undefined
      ? []
      : [{ where: `$${name}`, expr: withoutVariables(expr), shown: [label] }];
  });
}

function withoutVariables(expr: string): string {
  return expr.replaceAll(/\$__(rate_interval|range)/g, '5m').replaceAll(/\$(job|instance)\b/g, '.*');
}

function captured(text: string, pattern: RegExp): string[] {
  return Array.from(text.matchAll(pattern), ([, name]) => name as string);
}
