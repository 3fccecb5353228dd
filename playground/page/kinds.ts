/** The four kinds of charts: what each draws of a side, and what it says of it in words. */
import uPlot from 'uplot';
import { count, seconds } from '../server/words.ts';
import { type Places, POINT_SECONDS, type SideView, type View } from '../view.ts';
import { byteSize } from './cards.ts';
import { type Colours, colours } from './theme.ts';

export type Unit = 'records' | 'bytes';

export interface Picture {
  data: uPlot.AlignedData;
  /** What was at one of its times. */
  at(index: number): string;
  /** All of it, for those who do not see it. */
  summary: string;
  /** What has to be known to read it. */
  note?: string;
}

export interface Kind {
  name: 'fates' | 'held' | 'flow' | 'latency';
  height: number;
  series: uPlot.Series[];
  scale: uPlot.Scale;
  axis: uPlot.Axis;
  /** Steps of the axis. */
  steps?(unit: Unit): number[];
  picture(side: SideView, view: View, unit: Unit): Picture;
  /** The highest and the lowest value, for a scale that both sides share. */
  top?(picture: Picture): number;
  bottom?(picture: Picture): number;
}

const stepped = uPlot.paths.stepped?.({ align: 1 });
const bars = uPlot.paths.bars?.({ size: [1, Number.POSITIVE_INFINITY], align: 1 });

function area(name: keyof Colours, paths: uPlot.Series.PathBuilder | undefined): uPlot.Series {
  const colour = () => colours[name];
  return { fill: colour, stroke: colour, width: 0, points: { show: false }, ...(paths && { paths }) };
}

function line(name: keyof Colours, width: number): uPlot.Series {
  const colour = () => colours[name];
  return { stroke: colour, width, points: { show: true, size: 3, width: 0, fill: colour } };
}

/** A loss is seen, however small its share, in per cent. */
const LEAST_SHARE_SEEN = 5;

/** Heights in per cent of one bar, each part drawn over the one before; nothing where nothing was logged. */
function barOf({ delivered, waiting, onDisk, lost }: Places): (number | null)[] {
  const held = delivered + waiting + onDisk;
  if (held + lost === 0) return [null, null, null, null];
  const top = lost === 0 ? 100 : Math.min(100 - LEAST_SHARE_SEEN, (100 * held) / (held + lost));
  const height = (records: number) => (held === 0 ? 0 : (top * records) / held);
  return [100, height(held), height(delivered + onDisk), height(delivered)];
}

function placesText({ delivered, waiting, onDisk, lost }: Places): string {
  const parts: [number, string][] = [
    [delivered, 'delivered'],
    [waiting, 'waiting'],
    [onDisk, 'on disk'],
    [lost, 'lost'],
  ];
  const some = parts.filter(([records]) => records > 0);
  return some.map(([records, where]) => `${count(records)} ${where}`).join(', ') || 'nothing logged';
}

const fates: Kind = {
  name: 'fates',
  height: 104,
  series: [area('lost', bars), area('waiting', bars), area('onDisk', bars), area('delivered', bars)],
  scale: { range: [0, 100] },
  axis: { splits: () => [0, 100], values: () => ['0', '100 %'], grid: { show: false } },
  picture: ({ fates: { first, ...columns } }) => {
    const placesAt = (index: number): Places => ({
      delivered: columns.delivered[index] ?? 0,
      waiting: columns.waiting[index] ?? 0,
      onDisk: columns.onDisk[index] ?? 0,
      lost: columns.lost[index] ?? 0,
    });
    const stacked = columns.delivered.map((_, index) => barOf(placesAt(index)));
    const sum = (values: number[]) => values.reduce((so, value) => so + value, 0);
    const all: Places = {
      delivered: sum(columns.delivered),
      waiting: sum(columns.waiting),
      onDisk: sum(columns.onDisk),
      lost: sum(columns.lost),
    };
    return {
      data: [
        stacked.map((_, index) => first + index),
        ...[0, 1, 2, 3].map((part) => stacked.map((bar) => bar[part] ?? null)),
      ],
      at: (index) => placesText(placesAt(index)),
      summary: `Of the last two minutes: ${placesText(all)}`,
    };
  },
};

/** Steps of an axis in bytes, each twice the one before. */
const POWERS_OF_TWO = Array.from({ length: 40 }, (_, power) => 2 ** power);
const STEPS = [1, 2, 5]
  .flatMap((digit) => Array.from({ length: 9 }, (_, power) => digit * 10 ** power))
  .sort((a, b) => a - b);

const held: Kind = {
  name: 'held',
  height: 150,
  series: [area('onDisk', stepped), area('waiting', stepped)],
  scale: {},
  axis: {},
  steps: (unit) => (unit === 'bytes' ? POWERS_OF_TWO : STEPS),
  picture: ({ points, bytes }, { firstPoint }, unit) => {
    const note = unit === 'bytes' && bytes.waiting === undefined ? 'It does not count bytes' : undefined;
    const waiting = unit === 'records' ? points.waiting : points.bytes;
    const onDisk = unit === 'records' ? points.onDisk : points.bytesOnDisk;
    const text = (value: number) => (unit === 'records' ? count(value) : byteSize(value));
    const at = (index: number) => {
      if (note !== undefined) return note;
      const disk = onDisk[index] ? `, ${text(onDisk[index])} on disk` : '';
      return `${text(waiting[index] ?? 0)} waiting${disk}`;
    };
    return {
      data: [
        waiting.map((_, index) => firstPoint + index * POINT_SECONDS),
        waiting.map((value, index) => value + (onDisk[index] ?? 0)),
        waiting,
      ],
      at,
      summary:
        note ??
        `Now ${at(waiting.length - 1)}; at most ${text(Math.max(0, ...waiting))} waited in the last two minutes`,
      ...(note !== undefined && { note }),
    };
  },
  top: ({ data }) => Math.max(0, ...(data[1] as number[])),
};

const TENS = [-100_000, -10_000, -1_000, 0, 1_000, 10_000, 100_000];

const flow: Kind = {
  name: 'flow',
  height: 140,
  series: [area('delivered', bars), area('lost', bars)],
  // Linear near 0 and logarithmic beyond: what is sent after an outage comes in one second.
  scale: { distr: 4, asinh: 300 },
  axis: {
    splits: (_, __, least, most) => TENS.filter((value) => value >= least && value <= most),
    filter: (_, splits) => splits,
  },
  picture: ({ seconds: { delivered, lost } }, { firstSecond }) => {
    const at = (index: number) => {
      const missing = lost[index] ? `, ${count(lost[index])} lost` : '';
      return `${count(delivered[index] ?? 0)} arrived${missing}`;
    };
    return {
      data: [
        delivered.map((_, index) => firstSecond + index),
        delivered,
        lost.map((records) => (records > 0 ? -records : null)),
      ],
      at,
      summary: delivered.length === 0 ? 'Nothing yet' : `In the last second ${at(delivered.length - 1)}`,
    };
  },
  top: ({ data }) => Math.max(0, ...(data[1] as number[])),
  bottom: ({ data }) => Math.min(0, ...(data[2] as (number | null)[]).map(Number)),
};

const LEAST_LATENCY_MILLIS = 10;

const latency: Kind = {
  name: 'latency',
  height: 140,
  series: [line('strong-line', 1.25), line('ink', 1.75)],
  scale: { distr: 3, range: [LEAST_LATENCY_MILLIS, 100_000] },
  axis: {
    splits: () => [10, 100, 1_000, 10_000, 100_000],
    values: () => ['10 ms', '0.1 s', '1 s', '10 s', '100 s'],
    filter: (_, splits) => splits,
  },
  picture: ({ seconds: { median, slowest } }, { firstSecond }) => {
    const shown = (millis: number | null) =>
      millis === null ? null : Math.max(LEAST_LATENCY_MILLIS, millis);
    const at = (index: number) => {
      const [middle, worst] = [median[index], slowest[index]];
      if (middle == null || worst == null) return 'nothing arrived';
      return `median ${seconds(middle)}, slowest ${seconds(worst)}`;
    };
    return {
      data: [median.map((_, index) => firstSecond + index), slowest.map(shown), median.map(shown)],
      at,
      summary: median.length === 0 ? 'Nothing yet' : `In the last second ${at(median.length - 1)}`,
    };
  },
};

export const kinds: readonly Kind[] = [fates, held, flow, latency];
