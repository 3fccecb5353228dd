/** Reports losses and trouble through `diag`, rate-limited, and through the callbacks of the options. */

import { type Cancel, type Clock, coalesced } from '../common/clock.ts';
import { type DropReason, messageOf, quietly } from '../common/errors.ts';
import { runCallback, say } from '../delivery/export-context.ts';
import type { DropEvent } from '../options/options.ts';

/** Users can silence it: `--disable-warning=OTEL_SPILLWAY_LOSS`. */
const LOSS_CODE = 'OTEL_SPILLWAY_LOSS';

/** At most one summary in this time. An episode of loss ends after this time without a loss. */
export const SUMMARY_INTERVAL_MILLIS = 30_000;

/** Losses that an outage or a slow destination can cause. */
const LOST_FOR_WANT_OF_ROOM: ReadonlySet<DropReason> = new Set([
  'queue_full',
  'memory_limit',
  'shed',
  'retry_exhausted',
  'shutdown',
  'spool_full',
]);

type Counts = Map<DropReason, number>;

/**
 * Reports the first losses of an episode at the end of their turn, later ones in summaries, and those of a shutdown
 * when it is over, so that each loss appears in one report. `onDrop` runs in a turn of its own, so that a loss costs
 * the code that logs no more than a count.
 */
export class Diagnostics {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #onDrop: ((event: DropEvent) => void) | undefined;
  readonly #unreported: Counts = new Map();
  /** Reported with the next other loss, or at the end. */
  readonly #incidental: Counts = new Map();
  readonly #lostAtShutdown: Counts = new Map();
  readonly #uncalled: Counts = new Map();
  readonly #lastWarnedAt = new Map<string, number>();
  readonly #cause: () => string | undefined;
  readonly #callOnDropLater: () => void;
  #cancelSummary: Cancel | undefined;
  #isClosed = false;

  /** @param cause describes the current failure, if there is one. */
  constructor(
    name: string,
    clock: Clock,
    onDrop: ((event: DropEvent) => void) | undefined,
    cause: () => string | undefined = () => undefined,
  ) {
    this.#name = name;
    this.#clock = clock;
    this.#onDrop = onDrop;
    this.#cause = cause;
    this.#callOnDropLater = coalesced(clock, () => this.#callOnDrop());
  }

  dropped(reason: DropReason, records: number): void {
    if (this.#onDrop !== undefined) {
      this.#callOnDropLater();
      add(this.#uncalled, reason, records);
    }
    if (reason === 'shutdown' && !this.#isClosed) {
      add(this.#lostAtShutdown, reason, records);
      return;
    }
    add(this.#unreported, reason, records);
    if (this.#cancelSummary === undefined) {
      this.#startInterval();
      this.#clock.immediate(() => this.#summarise('dropping log records'));
    }
  }

  /** Records emitted in a callback: an immediate report could cause the next one, for ever. */
  droppedInCallback(reason: DropReason, records: number): void {
    add(this.#incidental, reason, records);
  }

  /** At most one warning per `topic` and summary interval. */
  warn(topic: string, message: string): void {
    const now = this.#clock.now();
    const last = this.#lastWarnedAt.get(topic);
    if (last !== undefined && now - last < SUMMARY_INTERVAL_MILLIS) return;
    this.#lastWarnedAt.set(topic, now);
    this.say('warn', message);
  }

  info(message: string): void {
    this.say('info', message);
  }

  say(level: 'error' | 'warn' | 'info', message: string): void {
    say(level, `${this.#name}: ${message}`);
  }

  /** Emits a process warning, which Node prints, if no `diag` logger has received the report of the loss. */
  lostAtEnd(records: number, how: string, lastError: string | undefined): void {
    if (records === 0 || hasDiagLogger()) return;
    const what = records === 1 ? '1 log record was' : `${records} log records were`;
    const because = lastError === undefined ? '' : ` (${lastError})`;
    const message = `otel-spillway: ${what} lost: not delivered when ${how}${because}`;
    const warning = Object.assign(new Error(message), { name: 'Warning', code: LOSS_CODE });
    // process.emitWarning() would emit it in a later turn, which may not come any more.
    quietly(() => process.emit('warning', warning));
  }

  /** Calls a callback of the host; neither its error nor the rejection of an async one gets out. */
  call<T>(callback: ((event: T) => void) | undefined, event: T): void {
    if (callback === undefined) return;
    const threw = (cause: unknown) => this.warn('callback', `a callback threw: ${messageOf(cause)}`);
    try {
      const returned: unknown = runCallback(() => callback(event), this.#clock);
      if (returned instanceof Promise) returned.catch(threw);
    } catch (cause) {
      threw(cause);
    }
  }

  close(): void {
    this.#cancelSummary?.();
    this.#cancelSummary = undefined;
    this.#isClosed = true;
    // First, so that losses of records that it logs are reported as well.
    this.#callOnDrop();
    this.#merge(this.#lostAtShutdown);
    this.#merge(this.#incidental);
    this.#summarise('dropped log records');
  }

  #startInterval(): void {
    this.#cancelSummary = this.#clock.timer(() => {
      this.#cancelSummary = undefined;
      if (this.#unreported.size === 0) return;
      this.#startInterval();
      this.#summarise('dropped more log records');
    }, SUMMARY_INTERVAL_MILLIS);
  }

  #summarise(what: string): void {
    if (this.#unreported.size === 0) return;
    this.#merge(this.#incidental);
    const counts = Array.from(this.#unreported, ([reason, records]) => `${reason} ${records}`).join(', ');
    const isForWantOfRoom = [...this.#unreported.keys()].some((reason) => LOST_FOR_WANT_OF_ROOM.has(reason));
    const cause = isForWantOfRoom ? this.#cause() : undefined;
    this.#unreported.clear();
    this.say('warn', `${what}: ${counts}${cause === undefined ? '' : ` (${cause})`}`);
  }

  #merge(counts: Counts): void {
    for (const [reason, records] of counts) add(this.#unreported, reason, records);
    counts.clear();
  }

  #callOnDrop(): void {
    const counts = [...this.#uncalled];
    this.#uncalled.clear();
    for (const [reason, records] of counts) this.call(this.#onDrop, { reason, records });
  }
}

/** Looks at the slot in which all copies of the API, 1.9 and 1.10, keep the logger. */
function hasDiagLogger(): boolean {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')];
  return (api as { readonly diag?: unknown } | undefined)?.diag !== undefined;
}

function add(counts: Counts, reason: DropReason, records: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + records);
}
