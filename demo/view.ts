/** Shows the demo while it runs: a few lines redrawn in place in a terminal, a plain line a second anywhere else. */
import { styleText } from 'node:util';
import { byteSize, columns, count, seconds } from './format.ts';
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

const redrawIntervalMillis = 100;
const plainIntervalMillis = 1_000;

export function openView(output: NodeJS.WriteStream, now: () => Now): View {
  const startMillis = performance.now();
  const clock = (): string => seconds(performance.now() - startMillis).padStart(7);
  return output.isTTY ? liveView(output, clock, now) : plainView(output, clock, now);
}

function liveView(output: NodeJS.WriteStream, clock: () => string, now: () => Now): View {
  let drawnLines = 0;

  function erase(): string {
    const up = drawnLines > 0 ? `\x1b[${drawnLines}A\r\x1b[0J` : '';
    drawnLines = 0;
    return up;
  }

  function frame(): string {
    const { sample, delivered } = now();
    const header = [clock(), 'breaker', 'offered', 'delivered', 'queue', 'bytes', 'on disk', 'lost'];
    const rows = pipelineNames.map((name) => liveRow(name, sample, delivered[name]));
    const lines = columns([header, ...rows], 2, 9).map((line, index) => {
      // A line that wraps would take two rows and break the count.
      const fitting = line.slice(0, (output.columns || 80) - 1);
      const lossy = index > 0 && (sample?.pipelines[pipelineNames[index - 1] as PipelineName].lost ?? 0) > 0;
      return lossy ? styleText('red', fitting) : fitting;
    });
    const text = `${erase()}\n${lines.join('\n')}\n`;
    drawnLines = lines.length + 1;
    return text;
  }

  const timer = setInterval(() => output.write(frame()), redrawIntervalMillis);
  return {
    say: (text) => output.write(`${erase()}${clock()}  ${text}\n${frame()}`),
    close: () => {
      clearInterval(timer);
      output.write(erase());
    },
  };
}

function liveRow(name: PipelineName, sample: Sample | undefined, delivered: number): string[] {
  if (!sample) return [`  ${name}`];
  const { queued, onDiskBytes, lost, breaker = '-' } = sample.pipelines[name];
  const bytes = queued.bytes === undefined ? '-' : byteSize(queued.bytes);
  const onDisk = onDiskBytes === undefined ? '-' : byteSize(onDiskBytes);
  const flow = [count(sample.offered), count(delivered), count(queued.records)];
  return [`  ${name}`, breaker, ...flow, bytes, onDisk, count(lost)];
}

function plainView(output: NodeJS.WriteStream, clock: () => string, now: () => Now): View {
  const print = (text: string): boolean => output.write(`${clock()}  ${text}\n`);

  function tick(): void {
    const { sample, delivered } = now();
    if (!sample) return;
    const parts = pipelineNames.map((name) => {
      const { queued, onDiskBytes, lost, breaker } = sample.pipelines[name];
      const bytes = queued.bytes === undefined ? '' : ` (${byteSize(queued.bytes)})`;
      const onDisk = onDiskBytes === undefined ? '' : `, on disk ${byteSize(onDiskBytes)}`;
      const state = breaker === undefined ? '' : `, breaker ${breaker}`;
      return `${name}: delivered ${count(delivered[name])}, queue ${count(queued.records)}${bytes}${onDisk}${state}, lost ${count(lost)}`;
    });
    print(`offered ${count(sample.offered)} | ${parts.join(' | ')}`);
  }

  const timer = setInterval(tick, plainIntervalMillis);
  return { say: (text) => print(`-- ${text}`), close: () => clearInterval(timer) };
}
