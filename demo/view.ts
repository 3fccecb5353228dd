/** Shows the demo while it runs: a few lines redrawn in place in a terminal, a plain line a second anywhere else. */
import { styleText } from 'node:util';
import { byteSize, columns, count, seconds, wrap } from './format.ts';
import { type PerPipeline, type PipelineName, pipelineNames, type Sample } from './messages.ts';

export interface Now {
  sample: Sample | undefined;
  delivered: PerPipeline<number>;
}

export interface View {
  /** Something that has happened; it stays on the screen. */
  say(text: string): void;
  close(): void;
}

/** What the view needs of `process.stdout`. */
export interface Output {
  readonly isTTY?: boolean;
  /** Of a terminal, as wide as it is now. */
  readonly columns?: number;
  write(text: string): unknown;
}

const redrawIntervalMillis = 100;
const plainIntervalMillis = 1_000;
const clockWidth = 7;
const minBarWidth = 6;
const maxBarWidth = 40;
/** Told apart without colour, too: delivered, waiting in memory or on disk, lost. */
const bar = { delivered: '█', waiting: '▒', lost: '·' } as const;

export function openView(output: Output, now: () => Now, isDumb = process.env.TERM === 'dumb'): View {
  const startMillis = performance.now();
  const clock = (): string => seconds(performance.now() - startMillis).padStart(clockWidth);
  return output.isTTY && !isDumb ? liveView(output, clock, now) : plainView(output, clock, now);
}

function liveView(output: Output, clock: () => string, now: () => Now): View {
  let drawnLines = 0;

  function erase(): string {
    const up = drawnLines > 0 ? `\x1b[${drawnLines}A\r\x1b[0J` : '';
    drawnLines = 0;
    return up;
  }

  function frame(): string {
    const lines = liveLines(now(), clock(), widthOf(output));
    const text = `${erase()}\n${lines.join('\n')}\n`;
    drawnLines = lines.length + 1;
    return text;
  }

  const timer = setInterval(() => output.write(frame()), redrawIntervalMillis);
  return {
    say: (text) => {
      const [first = '', ...others] = wrap(text, widthOf(output) - clockWidth - 2);
      const indented = others.map((line) => `\n${' '.repeat(clockWidth + 2)}${line}`);
      output.write(`${erase()}${clock()}  ${first}${indented.join('')}\n${frame()}`);
    },
    close: () => {
      clearInterval(timer);
      output.write(erase());
    },
  };
}

/** A line that wraps would take two rows, and break the count of those to be erased. */
function widthOf({ columns: width = 80 }: Output): number {
  return Math.max(width, 1) - 1;
}

/** What matters most comes first: a narrow terminal cuts the rest off, and the bar takes what is left of a wide one. */
export function liveLines({ sample, delivered }: Now, clock: string, width: number): string[] {
  const header = [`${clock}  logged`, count(sample?.offered ?? 0)];
  const heads = ['delivered', 'waiting', 'lost', 'on disk', 'breaker'];
  const rows = pipelineNames.map((name) => liveRow(name, sample, delivered[name]));
  const [head = '', ...lines] = columns([['', ...heads], ...rows], 1, 8, '  ');
  const widest = Math.max(...[head, ...lines].map((line) => line.length));
  const room = Math.min(width - widest - 2, maxBarWidth);
  return [
    header.join(' ').slice(0, width),
    head.slice(0, width).trimEnd(),
    ...lines.map((line, index) => {
      const name = pipelineNames[index] as PipelineName;
      const lost = sample?.pipelines[name].lost ?? 0;
      const fitting = line.slice(0, width).trimEnd();
      const text = lost > 0 ? styleText('red', fitting) : fitting;
      if (sample === undefined || room < minBarWidth) return text;
      const padding = ' '.repeat(widest - fitting.length + 2);
      return `${text}${padding}${barOf(sample.offered, delivered[name], lost, room)}`;
    }),
  ];
}

function barOf(offered: number, delivered: number, lost: number, width: number): string {
  const cells = (records: number) => Math.round((width * Math.min(records, offered)) / Math.max(offered, 1));
  // A loss is seen, however small its share.
  const lostCells = lost > 0 ? Math.max(1, cells(lost)) : 0;
  const deliveredCells = Math.min(cells(delivered), width - lostCells);
  const waitingCells = offered > 0 ? width - lostCells - deliveredCells : 0;
  return [
    styleText('green', bar.delivered.repeat(deliveredCells)),
    styleText('yellow', bar.waiting.repeat(waitingCells)),
    styleText('red', bar.lost.repeat(lostCells)),
  ].join('');
}

function liveRow(name: PipelineName, sample: Sample | undefined, delivered: number): string[] {
  if (!sample) return [`  ${name}`, count(delivered)];
  const { queued, onDiskBytes, lost, breaker = '-' } = sample.pipelines[name];
  const onDisk = onDiskBytes === undefined ? '-' : byteSize(onDiskBytes);
  return [`  ${name}`, count(delivered), count(queued.records), count(lost), onDisk, breaker];
}

function plainView(output: Output, clock: () => string, now: () => Now): View {
  const print = (text: string): unknown => output.write(`${clock()}  ${text}\n`);

  function tick(): void {
    const { sample, delivered } = now();
    if (!sample) return;
    const each = (value: (name: PipelineName) => number): string =>
      pipelineNames.map((name) => count(value(name))).join(' / ');
    const waiting = each((name) => sample.pipelines[name].queued.records);
    const lost = each((name) => sample.pipelines[name].lost);
    print(
      `logged ${count(sample.offered)}, delivered ${each((name) => delivered[name])}, waiting ${waiting}, lost ${lost}`,
    );
  }

  print(`each second, of ${pipelineNames.join(' / ')}:`);
  const timer = setInterval(tick, plainIntervalMillis);
  return { say: (text) => print(`-- ${text}`), close: () => clearInterval(timer) };
}
