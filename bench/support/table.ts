/** The results of a benchmark as a table, for a terminal and for Markdown. */

import { goalText, isMet, type Measure, medianOf, ratioOf, STOCK } from './measure.ts';

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A column for each contender: the median, and behind it the median of the ratios to the row's base. */
export function tableOf(measures: readonly Measure[]): Table {
  const names = [...new Set(measures.flatMap((measure) => Object.keys(measure.series)))];
  return {
    head: ['measure', 'unit', ...names, 'goal', 'goal is'],
    rows: measures.map((measure) => [
      measure.what,
      measure.unit,
      ...names.map((name) => cell(measure, name)),
      goalText(measure),
      verdict(measure),
    ]),
  };
}

function cell(measure: Measure, name: string): string {
  if (measure.series[name] === undefined) return '';
  const value = formatted(medianOf(measure, name), measure.digits ?? 0);
  const ratio = ratioOf(measure, name);
  return name === (measure.base ?? STOCK) || Number.isNaN(ratio) ? value : `${value} (${ratio.toFixed(2)})`;
}

function verdict(measure: Measure): string {
  const met = isMet(measure);
  if (met === undefined) return '';
  return met ? 'met' : 'missed';
}

function formatted(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function printTable(title: string, { head, rows }: Table): void {
  const widths = head.map((text, column) =>
    Math.max(text.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((text, column) =>
        column < 2 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  console.log(`\n${title}\n${line(head)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  for (const row of rows) console.log(line(row));
}

export function markdownTable({ head, rows }: Table): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_, column) => (column < 2 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
