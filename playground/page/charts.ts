/** The charts on the page: four rows, each with one chart for each side, on the same scales. */
import uPlot from 'uplot';
import { type PerSide, type SideName, sideNames, type View, WINDOW_SECONDS } from '../view.ts';
import { byteSize, setText } from './cards.ts';
import { setAttribute } from './controls.ts';
import { type Kind, kinds, type Picture, type Unit } from './kinds.ts';
import { drawBreaker, drawMoods, FONT, STRIP } from './strips.ts';
import { colours, onThemeChange } from './theme.ts';
import { clockText } from './timeline.ts';

export interface Charts {
  show(view: View): void;
  setUnit(unit: Unit): void;
}

interface Chart {
  plot: uPlot;
  canvas: HTMLElement;
  caption: HTMLElement;
  picture: Picture | undefined;
}

/** What is shown at first; it grows to the whole window. */
const FIRST_WINDOW_SECONDS = 60;
const LABELS: PerSide<string> = { stock: 'Stock', spillway: 'otel-spillway' };

export function makeCharts(): Charts {
  let unit: Unit = 'records';
  let view: View | undefined;
  const range = { from: 0, to: FIRST_WINDOW_SECONDS };
  const rows = kinds.map((kind) => {
    const scale: [number, number] = [0, 1];
    return {
      kind,
      scale,
      charts: { stock: make(kind, 'stock', scale), spillway: make(kind, 'spillway', scale) },
    };
  });

  function make(kind: Kind, side: SideName, scale: [number, number]): Chart {
    const { canvas, caption } = figureIn(kind.name, LABELS[side]);
    const ticks = { stroke: () => colours.muted, font: `12px ${FONT}`, ticks: { show: false } };
    const valueText = (value: number) =>
      unit === 'bytes' && kind.name === 'held' ? byteSize(value) : short(value);
    const plot = new uPlot(
      {
        width: 400,
        height: kind.height,
        padding: [STRIP + 2, 16, 0, 0],
        legend: { show: false },
        cursor: {
          y: false,
          drag: { x: false, y: false },
          sync: { key: 'time' },
          points: { show: false },
        },
        scales: {
          x: { time: false, range: () => [range.from, range.to] },
          y: { range: () => scale, ...kind.scale },
        },
        axes: [
          {
            ...ticks,
            grid: { show: false },
            size: 22,
            gap: 4,
            space: 60,
            values: (_, splits) => splits.map(clockText),
          },
          {
            ...ticks,
            grid: { stroke: () => colours.line, width: 1 },
            size: 54,
            gap: 6,
            space: 28,
            values: (_, splits) => splits.map(valueText),
            ...(kind.steps !== undefined && { incrs: () => kind.steps?.(unit) ?? [] }),
            ...kind.axis,
          },
        ],
        series: [{}, ...kind.series],
        hooks: {
          drawClear: [
            (drawn) => {
              if (view !== undefined) drawMoods(drawn, view.moods, view.firstPoint, kind.name === 'fates');
            },
          ],
          draw: [
            (drawn) => {
              if (view !== undefined && kind.name === 'held')
                drawBreaker(drawn, view.sides[side].points.breaker, view.firstPoint);
            },
          ],
          setCursor: [() => describe(chart)],
        },
      },
      [[]],
      canvas,
    );
    const chart: Chart = { plot, canvas, caption, picture: undefined };
    new ResizeObserver(() => {
      const { width } = canvas.getBoundingClientRect();
      if (width > 0 && Math.abs(width - plot.width) >= 1) plot.setSize({ width, height: kind.height });
    }).observe(canvas);
    return chart;
  }

  function show(latest: View): void {
    view = latest;
    range.to = Math.max(FIRST_WINDOW_SECONDS, latest.now);
    range.from = Math.max(0, range.to - WINDOW_SECONDS);
    for (const { kind, scale, charts } of rows) {
      let [bottom, top] = [0, 1];
      for (const name of sideNames) {
        const picture = kind.picture(latest.sides[name], latest, unit);
        charts[name].picture = picture;
        top = Math.max(top, kind.top?.(picture) ?? 0);
        bottom = Math.min(bottom, kind.bottom?.(picture) ?? 0);
      }
      scale[0] = bottom * 1.1;
      scale[1] = top * 1.1;
      for (const name of sideNames) {
        const { plot, canvas, picture } = charts[name];
        if (picture === undefined) continue;
        plot.setData(picture.data);
        setAttribute(canvas, 'aria-label', `${LABELS[name]}. ${picture.summary}.`);
        describe(charts[name]);
      }
    }
  }

  onThemeChange(() => {
    for (const { charts } of rows) for (const name of sideNames) charts[name].plot.redraw(false, true);
  });

  return {
    show,
    setUnit: (wanted) => {
      unit = wanted;
    },
  };
}

function figureIn(kind: string, label: string): { canvas: HTMLElement; caption: HTMLElement } {
  const pair = document.querySelector(`[data-chart="${kind}"] .pair`) as HTMLElement;
  const figure = document.createElement('figure');
  const captions = document.createElement('figcaption');
  const name = document.createElement('span');
  name.textContent = label;
  const caption = document.createElement('span');
  caption.className = 'at';
  captions.append(name, caption);
  const canvas = document.createElement('div');
  canvas.setAttribute('role', 'img');
  figure.append(captions, canvas);
  pair.append(figure);
  return { canvas, caption };
}

/** What was at the time that is pointed at, in any of the charts. */
function describe({ plot, picture, caption }: Chart): void {
  const { idx: index, left = -1 } = plot.cursor;
  const time = index == null ? undefined : plot.data[0][index];
  const isPointedAt = index != null && time !== undefined && left >= 0;
  const words = isPointedAt && picture ? `at ${clockText(time)}: ${picture.at(index)}` : '';
  setText(caption, picture?.note ?? words);
}

function short(value: number): string {
  const size = Math.abs(value);
  return `${value < 0 ? '−' : ''}${size >= 1_000 ? `${size / 1_000}k` : size}`;
}
