/** Shows the progress of a replay, in one changing line of a terminal or as occasional lines of a file. */

import type { Clock } from '../../common/clock.ts';
import { visible } from '../../common/visible-text.ts';
import type { SpillwayStats } from '../../telemetry/stats.ts';
import { counted, durationText } from './words.ts';

const TERMINAL_MILLIS = 250;
const FILE_MILLIS = 5_000;
const CLEAR_LINE = '\r\u001b[K';
const USUAL_COLUMNS = 80;

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Progress {
  readonly #screen: Screen;
  readonly #clock: Clock;
  readonly #startedAt: number;
  #saidAt: number | undefined;
  #saidExported = 0;
  #isShown = false;

  constructor(screen: Screen, clock: Clock) {
    this.#screen = screen;
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  update(stats: SpillwayStats): void {
    const now = this.#clock.now();
    const isTerminal = this.#screen.isTTY === true;
    const sinceMillis = now - (this.#saidAt ?? Number.NEGATIVE_INFINITY);
    if (stats.recovered === 0 || sinceMillis < (isTerminal ? TERMINAL_MILLIS : FILE_MILLIS)) return;
    const rate = (stats.exported - this.#saidExported) / (now - (this.#saidAt ?? this.#startedAt));
    this.#saidAt = now;
    this.#saidExported = stats.exported;
    const left = stats.spooled.records + stats.inFlight.records;
    const failing = stats.breaker.state === 'closed' ? '' : `; failing: ${stats.exports.lastError}`;
    const text = `${counted(stats.exported, 'record')} sent, ${left.toLocaleString('en-US')} left, ${perSecond(rate)}${failing}`;
    const columns = (this.#screen.columns ?? USUAL_COLUMNS) - 1;
    this.#screen.write(isTerminal ? `${CLEAR_LINE}${visible(text).slice(0, columns)}` : `${visible(text)}\n`);
    this.#isShown = isTerminal;
  }

  clear(): void {
    if (this.#isShown) this.#screen.write(CLEAR_LINE);
    this.#isShown = false;
  }

  summary({ exported, spooled, inFlight }: SpillwayStats): string {
    const millis = this.#clock.now() - this.#startedAt;
    const left = spooled.records + inFlight.records;
    const rest = left === 0 ? '' : `; ${counted(left, 'record')} left`;
    return `${counted(exported, 'record')} sent in ${durationText(millis)}, ${perSecond(exported / millis)}${rest}`;
  }
}

function perSecond(perMilli: number): string {
  return `${Math.round(perMilli * 1_000).toLocaleString('en-US')} per second`;
}
