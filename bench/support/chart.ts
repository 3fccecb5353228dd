/** The chart of the README: for each measure a bar per contender, as a ratio to stock, with the goal as a line. */

import { type Measure, OTLP, PLAIN, ratioOf, STOCK } from './measure.ts';

const WIDTH = 860;
const MARGIN = 16;
const LABELS_WIDTH = 300;
/** The values stand in a column of their own, where no goal's line crosses them. */
const VALUES_WIDTH = 44;
const HEADER_HEIGHT = 92;
const ROW_HEIGHT = 34;
const BAR_HEIGHT = 11;
const MIN_AXIS = 1.25;
const MAX_AXIS = 2.5;

// Of middling lightness: they are read on a white page and on a dark one.
const TEXT = '#768390';
const GRID = '#76839055';
const BARS: readonly { readonly name: string; readonly color: string }[] = [
  { name: OTLP, color: '#2f81f7' },
  { name: PLAIN, color: '#7d97b3' },
];
const GOAL = '#e16f24';

interface Row {
  readonly label: string;
  readonly bars: readonly { readonly ratio: number; readonly color: string }[];
  readonly goal: number;
}

/** Where more is better, the inverse: to the left is better in every row. */
function rowOf(measure: Measure): Row | undefined {
  if (measure.chart === undefined || measure.goal === undefined) return undefined;
  const invert = measure.goal.kind === 'ratio at least';
  const ratioToStock = (name: string) => {
    const ratio = ratioOf(measure, name, STOCK);
    return invert ? 1 / ratio : ratio;
  };
  const bars = BARS.filter(({ name }) => measure.series[name] !== undefined).map(({ name, color }) => ({
    ratio: ratioToStock(name),
    color,
  }));
  // A goal may be set against something else than stock.
  const base = ratioOf(measure, measure.base ?? STOCK, STOCK);
  const limit = measure.goal.kind === 'none lost' ? 0 : measure.goal.limit * base;
  const row = { label: measure.chart, bars, goal: invert ? 1 / limit : limit };
  return Number.isFinite(row.goal) && bars.every(({ ratio }) => Number.isFinite(ratio)) ? row : undefined;
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(content)}</text>`;
}

function line(x: number, top: number, bottom: number, attributes: string): string {
  const at = x.toFixed(1);
  return `<line x1="${at}" y1="${top}" x2="${at}" y2="${bottom}" ${attributes}/>`;
}

export function chartOf(measures: readonly Measure[], subtitle: readonly string[]): string {
  const rows = measures.flatMap((measure) => rowOf(measure) ?? []);
  const widest = Math.max(...rows.flatMap((row) => [row.goal, ...row.bars.map(({ ratio }) => ratio)]));
  const axis = Math.min(MAX_AXIS, Math.max(MIN_AXIS, Math.ceil(widest * 4) / 4));
  const left = MARGIN + LABELS_WIDTH;
  const scale = (WIDTH - MARGIN - VALUES_WIDTH - left) / axis;
  const at = (ratio: number) => left + Math.min(ratio, axis) * scale;
  const legendY = HEADER_HEIGHT - 24;
  const top = HEADER_HEIGHT + 8;
  const bottom = top + rows.length * ROW_HEIGHT;
  const parts = [
    text(
      MARGIN,
      24,
      'otel-spillway as a ratio to BatchLogRecordProcessor (less is better)',
      'font-size="16" font-weight="600"',
    ),
    ...subtitle.map((content, index) => text(MARGIN, 42 + index * 15, content, 'font-size="11"')),
    ...legend(left, legendY + subtitle.length * 2),
    ...[0, 0.5, 1, 1.5, 2, 2.5]
      .filter((tick) => tick <= axis)
      .flatMap((tick) => [
        line(at(tick), top - 4, bottom, `stroke="${tick === 1 ? TEXT : GRID}" stroke-width="1"`),
        text(
          at(tick),
          bottom + 16,
          tick === 1 ? 'stock = 1' : String(tick),
          'text-anchor="middle" font-size="11"',
        ),
      ]),
    ...rows.flatMap((row, index) => rowParts(row, top + index * ROW_HEIGHT, left, at)),
  ];
  const height = bottom + 28;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Benchmarks of otel-spillway against BatchLogRecordProcessor" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" fill="${TEXT}">`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function legend(x: number, y: number): string[] {
  const bars = BARS.flatMap(({ name, color }, index) => [
    `<rect x="${x + index * 140}" y="${y}" width="11" height="11" rx="2" fill="${color}"/>`,
    text(x + index * 140 + 17, y + 10, name),
  ]);
  const goalX = x + BARS.length * 140;
  return [
    ...bars,
    line(goalX + 4, y - 1, y + 12, `stroke="${GOAL}" stroke-width="2.5"`),
    text(goalX + 12, y + 10, 'goal of spillway (otlp)'),
  ];
}

function rowParts(row: Row, y: number, left: number, at: (ratio: number) => number): string[] {
  const barsTop = y + (ROW_HEIGHT - row.bars.length * (BAR_HEIGHT + 1)) / 2;
  const bars = row.bars.flatMap(({ ratio, color }, index) => {
    const barY = barsTop + index * (BAR_HEIGHT + 1);
    // A ratio of nothing is still a bar.
    const width = Math.max(1.5, at(ratio) - left);
    return [
      `<rect x="${left}" y="${barY.toFixed(1)}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" rx="2" fill="${color}"/>`,
      text(WIDTH - MARGIN, barY + BAR_HEIGHT - 1.5, ratio.toFixed(2), 'text-anchor="end" font-size="11"'),
    ];
  });
  return [
    text(left - 10, y + ROW_HEIGHT / 2 + 4, row.label, 'text-anchor="end"'),
    ...bars,
    line(at(row.goal), y + 3, y + ROW_HEIGHT - 3, `stroke="${GOAL}" stroke-width="2.5"`),
  ];
}
