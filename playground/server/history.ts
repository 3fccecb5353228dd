/** What the charts show: the last two minutes of one side, by seconds and half seconds. */
import { type BreakerView, POINT_SECONDS, type SideView, WINDOW_SECONDS } from '../view.ts';
import type { Side } from './side.ts';

const POINTS = WINDOW_SECONDS / POINT_SECONDS;
const BREAKER_STATES: Record<BreakerView['state'], number> = { closed: 0, 'half-open': 1, open: 2 };

export class History {
  readonly seconds: SideView['seconds'] = { delivered: [], lost: [], median: [], slowest: [] };
  readonly points: SideView['points'] = { waiting: [], onDisk: [], bytes: [], bytesOnDisk: [], breaker: [] };
  #delivered = 0;
  #lost = 0;

  addPoint(side: Side): void {
    const { waiting, onDisk } = side.held();
    const { breaker } = side.sample;
    push(this.points.waiting, waiting, POINTS);
    push(this.points.onDisk, onDisk, POINTS);
    push(this.points.bytes, side.sample.waitingBytes ?? 0, POINTS);
    push(this.points.bytesOnDisk, side.bytesOnDisk(), POINTS);
    push(this.points.breaker, breaker === undefined ? 0 : BREAKER_STATES[breaker.state], POINTS);
  }

  addSecond(side: Side): void {
    const { fates, lost } = side;
    const latencies = side.latencies.sort((a, b) => a - b);
    side.latencies = [];
    push(this.seconds.delivered, fates.delivered - this.#delivered, WINDOW_SECONDS);
    // What was believed to be lost can arrive after all.
    push(this.seconds.lost, Math.max(0, lost - this.#lost), WINDOW_SECONDS);
    push(this.seconds.median, latencies[Math.floor(latencies.length / 2)] ?? null, WINDOW_SECONDS);
    push(this.seconds.slowest, latencies.at(-1) ?? null, WINDOW_SECONDS);
    this.#delivered = fates.delivered;
    this.#lost = lost;
  }
}

export function push<T>(values: T[], value: T, kept: number): void {
  values.push(value);
  if (values.length > kept) values.shift();
}
