/** A clock that stands still until a test moves it: timers fire in order, chance is what the test says. */

import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cancel, Clock } from '../../src/common/clock.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  readonly keepAlive: boolean;
}

export class ManualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Set<Entry>();
  #immediates: (() => void)[] = [];
  /** How many timers have fired so far. */
  firedTimers = 0;
  /** What `random()` answers. 1 - 2^-53 makes a back-off its full length, 0 half of it. */
  chance = 0.5;
  /** The difference between the wall clock and the monotonic one. */
  epochMillis = Date.UTC(2026, 0, 1);

  constructor(startMillis = 1_000) {
    this.#now = startMillis;
  }

  readonly now = (): number => this.#now;
  readonly wallNow = (): number => this.epochMillis + this.#now;
  readonly random = (): number => this.chance;
  readonly uniqueBytes = (count: number): Buffer => randomBytes(count);

  timer(callback: () => void, delayMillis: number, keepAlive = false): Cancel {
    const entry: Entry = {
      at: this.#now + Math.max(0, delayMillis),
      order: this.#order++,
      callback,
      keepAlive,
    };
    this.#timers.add(entry);
    return () => this.#timers.delete(entry);
  }

  immediate(callback: () => void): void {
    this.#immediates.push(callback);
  }

  /** Timers that would keep a process alive. */
  get keepAliveTimers(): number {
    return [...this.#timers].filter((timer) => timer.keepAlive).length;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Runs everything that needs no time to pass: immediates, and promises until none leads to another. */
  async settle(): Promise<void> {
    for (let idleTurns = 0; idleTurns < 2; ) {
      // A real turn of the event loop lets every promise chain, however long, run to its end.
      await nextTurn();
      const immediates = this.#immediates;
      this.#immediates = [];
      for (const callback of immediates) callback();
      idleTurns = immediates.length > 0 ? 0 : idleTurns + 1;
    }
  }

  /** Within one turn of the event loop: what is due meanwhile comes late. */
  pass(millis: number): void {
    this.#now += millis;
  }

  /** Lets `millis` pass, stopping at each timer on the way. */
  async advance(millis: number): Promise<void> {
    const until = this.#now + millis;
    await this.settle();
    for (;;) {
      const next = this.#nextTimer(until);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      this.firedTimers++;
      next.callback();
      await this.settle();
    }
    this.#now = until;
    await this.settle();
  }

  #nextTimer(until: number): Entry | undefined {
    let next: Entry | undefined;
    for (const timer of this.#timers) {
      if (timer.at > until) continue;
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) {
        next = timer;
      }
    }
    return next;
  }
}
