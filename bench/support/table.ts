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

export function printTable(title: string, table: Table): void {
  const { widths, padded } = aligned(table);
  console.log(`\n${title}\n${padded(table.head).join('  ').trimEnd()}`);
  console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  for (const row of table.rows) console.log(padded(row).join('  ').trimEnd());
}

/** Columns padded as the repository's formatter sets them, so that a table can be pasted into a page. */
export function markdownTable({ head, rows }: Table): string {
  const escaped = (cells: readonly string[]) => cells.map((text) => text.replaceAll('|', '\\|'));
  const table: Table = { head: escaped(head), rows: rows.map(escaped) };
  const { widths, padded } = aligned(table);
  const rule = widths.map((width, column) =>
    isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [padded(table.head), rule, ...table.rows.map(padded)]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function aligned({ head, rows }: Table) {
  const widths = head.map((text, column) =>
    Math.max(3, text.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const padded = (cells: readonly string[]) =>
    cells.map((text, column) => {
      const width = widths[column] ?? 0;
      return isText(column) ? text.padEnd(width) : text.padStart(width);
    });
  return { widths, padded };
}

const isText = (column: number): boolean => column < 2;
