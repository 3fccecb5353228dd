/** A simulated process: a clock that can be stopped, a wall clock that jumps, files, an end, and a processor. */

import { EventEmitter } from 'node:events';
import type { Chance } from './chance.ts';
import type { Cancel, Clock, ProcessEvents, SpoolFiles } from './subject.ts';
import { EPOCH_MILLIS, type World } from './world.ts';

/** What a disk's view of a process can do beside serving files. */
export interface ProcessFiles extends SpoolFiles {
  readonly callsUnderWay: number;
  freeze(): void;
  thaw(): void;
  kill(): void;
}

/** Synchronous calls that hold up a process for less are nothing to speak of. */
const HOLD_UP_MILLIS = 500;

/** The monotonic clocks of two processes have nothing to do with each other. */
const MAX_ORIGIN_MILLIS = 1e6;

export class SimulatedProcess {
  /** From 0 on, in the order of their starts: the `p0` of its records. */
  readonly number: number;
  readonly clock: Clock;
  /** Emits `beforeExit` and `exit`. */
  readonly events = new EventEmitter() satisfies ProcessEvents;
  /** Undefined for a process without a disk. */
  files: ProcessFiles | undefined;
  state: 'running' | 'frozen' | 'dead' = 'running';
  /** How far the wall clock is ahead of the true time. */
  wallSkewMillis = 0;
  /** When it was stopped. */
  readonly stops: { readonly from: number; to: number }[] = [];
  /** When synchronous calls held it up, one after the other, for so long that others could take it for dead. */
  readonly heldUp: { readonly from: number; to: number }[] = [];
  readonly #world: World;
  #callsSince = Number.NEGATIVE_INFINITY;
  readonly #originMillis: number;
  /** What became due while it was frozen, in order. */
  #held: (() => void)[] = [];
  /** Until then it is in a synchronous call: nothing else of it happens. */
  #busyUntil = 0;
  /** What would keep Node's event loop going: timers with a reference, and immediates. */
  #references = 0;

  constructor(number: number, world: World, chance: Chance) {
    this.number = number;
    this.#world = world;
    this.#originMillis = Math.floor(chance.next() * MAX_ORIGIN_MILLIS);
    this.clock = {
      now: () => this.#originMillis + this.#localNow,
      wallNow: () => EPOCH_MILLIS + this.wallSkewMillis + this.#localNow,
      random: chance.next,
      uniqueBytes: chance.bytes,
      timer: (callback, delayMillis, keepAlive) => this.#timer(callback, delayMillis, keepAlive === true),
      immediate: (callback) => {
        this.#references++;
        this.#post(this.#localNow, () => {
          this.#references--;
          callback();
        });
      },
    };
  }

  get isAlive(): boolean {
    return this.state !== 'dead';
  }

  /** Whether Node would find nothing to do any more, as far as this process itself knows. */
  get isIdle(): boolean {
    return this.#references === 0 && (this.files?.callsUnderWay ?? 0) === 0;
  }

  /** The time it is for this process, on the clock of the world. */
  get now(): number {
    return this.#localNow;
  }

  /** Synchronous work: so much time passes for this process, within the event that is happening. */
  readonly spend = (millis: number): void => {
    const now = this.#localNow;
    if (now > this.#busyUntil) this.#callsSince = now;
    this.#busyUntil = now + millis;
    if (this.#busyUntil - this.#callsSince < HOLD_UP_MILLIS) return;
    const latest = this.heldUp.at(-1);
    if (latest?.from === this.#callsSince) latest.to = this.#busyUntil;
    else this.heldUp.push({ from: this.#callsSince, to: this.#busyUntil });
  };

  /** Stops it, as SIGSTOP or a suspended machine does: its clock goes on. */
  freeze(): void {
    if (this.state !== 'running') return;
    this.state = 'frozen';
    this.stops.push({ from: this.#world.now, to: Number.POSITIVE_INFINITY });
    this.files?.freeze();
  }

  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'running';
    const stop = this.stops.at(-1);
    if (stop !== undefined) stop.to = this.#world.now;
    this.files?.thaw();
    for (const callback of this.#held.splice(0)) this.#post(this.#localNow, callback);
  }

  /** Ends it as SIGKILL does: nothing of it happens any more. */
  kill(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.#held = [];
    this.files?.kill();
  }

  /** Ends it as `process.exit()` and an uncaught exception do. */
  exit(): void {
    if (this.state === 'dead') return;
    this.events.emit('exit');
    this.kill();
  }

  get #localNow(): number {
    return Math.max(this.#world.now, this.#busyUntil);
  }

  /** As Node has it: whole milliseconds, and one at least. */
  #timer(callback: () => void, delayMillis: number, keepAlive: boolean): Cancel {
    const delay = Math.max(1, Math.trunc(delayMillis));
    let isPending = true;
    if (keepAlive) this.#references++;
    const end = () => {
      if (!isPending) return;
      isPending = false;
      if (keepAlive) this.#references--;
    };
    const cancel = this.#post(this.#localNow + delay, () => {
      if (!isPending) return;
      end();
      callback();
    });
    return () => {
      end();
      cancel();
    };
  }

  /** An event of this process, which happens when it is not stopped and not busy. */
  #post(at: number, callback: () => void): Cancel {
    return this.#world.schedule(at, () => {
      if (this.state === 'dead') return;
      if (this.state === 'frozen') this.#held.push(callback);
      else if (this.#busyUntil > this.#world.now) this.#post(this.#busyUntil, callback);
      else callback();
    });
  }
}
