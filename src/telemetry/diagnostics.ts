/** Tells people of losses and trouble: through `diag`, rate-limited, and through the callbacks of the options. */

import { type Cancel, type Clock, coalesced } from '../common/clock.ts';
import { type DropReason, messageOf, quietly } from '../common/errors.ts';
import { runCallback } from '../delivery/export-context.ts';
import { say } from '../delivery/say.ts';
import type { DropEvent } from '../options/options.ts';

/** By which users can silence it: `--disable-warning=OTEL_SPILLWAY_LOSS`. */
const LOSS_CODE = 'OTEL_SPILLWAY_LOSS';

/** One summary in this time at most. An episode of loss is over when so much time passes without any. */
export const SUMMARY_INTERVAL_MILLIS = 30_000;

/** What an outage, or a slow destination, can be the cause of. */
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
 * The first losses of an episode are reported when the turn ends in which they happened, the rest in summaries, and
 * those of a shutdown when it is over: one loss is one number. `onDrop` is called from a
 * turn of its own, so that a loss costs whoever logs no more than a count.
 */
export class Diagnostics {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #onDrop: ((event: DropEvent) => void) | undefined;
  readonly #unreported: Counts = new Map();
  /** What is told with the next report of another loss, or at the end. */
  readonly #incidental: Counts = new Map();
  readonly #lostAtShutdown: Counts = new Map();
  readonly #uncalled: Counts = new Map();
  readonly #lastWarnedAt = new Map<string, number>();
  readonly #cause: () => string | undefined;
  readonly #callOnDropLater: () => void;
  #cancelSummary: Cancel | undefined;
  #isClosed = false;

  /** @param cause what is known to fail at the moment, in words. */
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

  /** Records that were emitted in a callback: if they were told at once, the telling could go on for ever. */
  droppedInCallback(reason: DropReason, records: number): void {
    add(this.#incidental, reason, records);
  }

  /** A warning, at most one per `topic` and summary interval. */
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

  /**
   * The last word on a loss at the end. It has gone to `diag` as any loss does; where nobody listens there, it is a
   * warning of the process, which Node prints.
   */
  lostAtEnd(records: number, how: string, lastError: string | undefined): void {
    if (records === 0 || hasDiagLogger()) return;
    const what = records === 1 ? '1 log record was' : `${records} log records were`;
    const because = lastError === undefined ? '' : ` (${lastError})`;
    const message = `otel-spillway: ${what} lost: not delivered when ${how}${because}`;
    const warning = Object.assign(new Error(message), { name: 'Warning', code: LOSS_CODE });
    // What process.emitWarning() does, but it does it in a turn that may not come any more.
    quietly(() => process.emit('warning', warning));
  }

  /** Calls a callback of the host; what it throws stays here, and so does the rejection of an async one. */
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

  /** Says what has not been said yet. */
  close(): void {
    this.#cancelSummary?.();
    this.#cancelSummary = undefined;
    this.#isClosed = true;
    // First: what it logs is told as well.
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

/** Whether what is said through `diag` is heard: the slot in which all copies of the API, of 1.9 as of 1.10, keep its logger. */
function hasDiagLogger(): boolean {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')];
  return (api as { readonly diag?: unknown } | undefined)?.diag !== undefined;
}

function add(counts: Counts, reason: DropReason, records: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + records);
}
