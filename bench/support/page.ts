/** The page of the benchmarks: machine, versions, and for each its method, as its file opens with it, and its table. */

import { readFileSync } from 'node:fs';
import { machine, versions } from './machine.ts';
import { type Measure, medianOf, OTLP, PLAIN } from './measure.ts';
import { markdownTable, tableOf } from './table.ts';

export interface Section {
  readonly title: string;
  readonly file: URL;
  readonly measures: readonly Measure[];
}

/** The comment that opens a file, a paragraph to a line. */
export function openingComment(file: URL): string[] {
  const source = readFileSync(file, 'utf8');
  const [, comment = ''] = /^\/\*\*([\s\S]*?)\*\//.exec(source) ?? [];
  return comment
    .split('\n')
    .map((line) => line.replace(/^ \* ?/, '').trim())
    .join('\n')
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s*\n\s*/g, ' ').trim());
}

function textOf({ title, file, measures }: Section, note: readonly string[] = []): string {
  return [`## ${title}`, ...note, ...openingComment(file), markdownTable(tableOf(measures))].join('\n\n');
}

const roundsText = (rounds: number) => `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;

/** The page with sections of a later run in place of its own, or behind them; they say so. */
export function updatedPage(page: string, sections: readonly Section[], rounds: number): string {
  const parts = page.trimEnd().split(/\n\n(?=## )/);
  const note = `Of a run of its own, ${roundsText(rounds)}. Machine: ${machine()}. Versions: ${versions()}.`;
  for (const section of sections) {
    const found = parts.findIndex((part) => part.startsWith(`## ${section.title}\n`));
    parts.splice(found === -1 ? parts.length : found, 1, textOf(section, [note]));
  }
  return `${parts.join('\n\n')}\n`;
}

/** Which exporter to choose, in four lines: the exporter, the measure of its CPU, and the contender that has it. */
const CHOICE: readonly (readonly [exporter: string, measure: string, contender: string])[] = [
  [
    '`SpillwayOtlpLogExporter`, wherever the collector takes OTLP over HTTP: every answer is heard, and what waits is bytes outside the heap',
    'CPU per delivered record, 100,000/s, 5 ms',
    OTLP,
  ],
  [
    '`exporter-logs-otlp-http` (JSON), where only JSON is taken: twice the bytes on the wire',
    'CPU per delivered record, JSON, 5 ms',
    PLAIN,
  ],
  [
    '`exporter-logs-otlp-proto`, where the exporter is given, for instance a subclass of a vendor',
    'CPU per delivered record, protobuf, 5 ms',
    PLAIN,
  ],
  [
    '`exporter-logs-otlp-grpc`, where only gRPC is taken: after an outage its channel has a back-off of its own',
    'CPU per delivered record, gRPC, 5 ms',
    PLAIN,
  ],
];

function choiceOf(measures: readonly Measure[]): string {
  const lines = CHOICE.map(([exporter, what, contender]) => {
    const measure = measures.find((one) => one.what === what);
    return measure === undefined
      ? exporter
      : `${exporter}. ${medianOf(measure, contender).toFixed(1)} µs of CPU`;
  });
  return [
    'Which exporter to choose, and the CPU of a delivered record with it:',
    '',
    ...lines.map((line) => `- ${line}.`),
  ].join('\n');
}

export function pageOf(sections: readonly Section[], rounds: number): string {
  const parts = [
    '# Benchmarks',
    'Written by `npm run bench`; every run replaces it.',
    '![Ratios to stock](benchmarks.svg)',
    [
      `- Machine: ${machine()}.`,
      `- Versions: ${versions()}.`,
      '- `stock`: `BatchLogRecordProcessor` with `exporter-logs-otlp-proto`. `spillway (plain)`: `SpillwayLogRecordProcessor` with the same exporter. `spillway (otlp)`: with `SpillwayOtlpLogExporter`. What a method does not name is at its default.',
      `- Each contender runs in a process of its own and the collector in another, in turns, in ${roundsText(rounds)}. A cell holds the median over the rounds and, in brackets, the median of the ratios within each round: figures of one machine do not say much about another, ratios do.`,
      '- Ratios are to `stock` unless the goal names another base; goals are for `spillway (otlp)` unless it names another contender.',
      '- The collector reads every request as far as it takes to count its records.',
      '- A typical record has a body of about 30 characters, six attributes (four texts, of which three differ from record to record, and two numbers) and a trace context.',
    ].join('\n'),
    choiceOf(sections.flatMap(({ measures }) => measures)),
    ...sections.map((section) => textOf(section)),
  ];
  return `${parts.join('\n\n')}\n`;
}
