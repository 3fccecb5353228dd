/** What is drawn around the plots: when the collector was not well, and when the breaker was open. */
import type uPlot from 'uplot';
import { type Mood, moods, POINT_SECONDS } from '../view.ts';
import { colours } from './theme.ts';

/** Room above each plot, in CSS pixels. */
export const STRIP = 16;
export const FONT = '"Inter Variable", system-ui, sans-serif';

const MOODS: Record<Mood, string> = {
  well: '',
  slow: 'slow',
  flaky: 'half 503',
  failing: '503',
  limited: '429',
  small: '413',
  dead: 'dead',
};

/** Calls `draw` with both ends, in pixels of the canvas, of each stretch in which a state stays the same. */
function eachStretch(
  { bbox, valToPos }: uPlot,
  states: readonly number[],
  firstPoint: number,
  draw: (state: number, left: number, right: number) => void,
): void {
  const xOf = (index: number) => {
    const x = valToPos(firstPoint + index * POINT_SECONDS, 'x', true);
    return Math.min(Math.max(x, bbox.left), bbox.left + bbox.width);
  };
  for (let start = 0, end = 0; start < states.length; start = end) {
    const state = states[start] as number;
    while (end < states.length && states[end] === state) end++;
    draw(state, xOf(start), xOf(end));
  }
}

function write(ctx: CanvasRenderingContext2D, colour: string): void {
  ctx.font = `${12 * devicePixelRatio}px ${FONT}`;
  ctx.fillStyle = colour;
  ctx.textBaseline = 'middle';
  // uPlot leaves its own.
  ctx.textAlign = 'left';
}

/** Behind the plot; with the name of what is wrong above it, where there is room. */
export function drawMoods(
  plot: uPlot,
  states: readonly number[],
  firstPoint: number,
  isNamed: boolean,
): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const strip = isNamed ? STRIP * ratio : 0;
  eachStretch(plot, states, firstPoint, (state, left, right) => {
    const mood = moods[state] ?? 'well';
    if (mood === 'well') return;
    ctx.fillStyle = colours.band;
    ctx.fillRect(left, bbox.top - strip, right - left, bbox.height + strip);
    if (!isNamed) return;
    write(ctx, colours.muted);
    if (ctx.measureText(MOODS[mood]).width + 8 * ratio < right - left)
      ctx.fillText(MOODS[mood], left + 5 * ratio, bbox.top - strip / 2);
  });
}

/** A line above the plot where the breaker was not closed. */
export function drawBreaker(plot: uPlot, states: readonly number[], firstPoint: number): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  let writtenTo = Number.NEGATIVE_INFINITY;
  const isOpen = states.map((state) => Math.min(state, 1));
  eachStretch(plot, isOpen, firstPoint, (state, left, right) => {
    if (state === 0) return;
    write(ctx, colours.ink);
    ctx.fillRect(left, bbox.top - 4 * ratio, right - left, 3 * ratio);
    const { width } = ctx.measureText('breaker open ');
    // The end of the plot is the end of the text, too.
    const x = Math.min(left, bbox.left + bbox.width - width);
    if (x < writtenTo) return;
    ctx.fillText('breaker open', x, bbox.top - 11 * ratio);
    writtenTo = x + width;
  });
}
