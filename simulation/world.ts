/** A world with one clock: everything that happens in it is an event of its queue, and chance comes from its seed. */

import { Chance } from './chance.ts';
import { EventQueue } from './event-queue.ts';
import type { Cancel, Clock } from './subject.ts';

/** Where the clocks of a world begin: any time will do, but not 0, which code could take for "never". */
export const BEGINNING = 1_000;
export const EPOCH_MILLIS = Date.UTC(2026, 0, 1);

/** So many events in the same instant are no coincidence: something wakes itself without end. */
const MAX_EVENTS_OF_AN_INSTANT = 5_000;
/** Real turns of the event loop that are asked for together: one event each, with its promises after it. */
const TURNS = 32;

/** A run that cannot go on. */
export class Livelock extends Error {}

export class World {
  readonly chance: Chance;
  /** For what is never stopped: networks and disks. */
  readonly clock: Clock;
  readonly #queue = new EventQueue();
  readonly #maxEventsOfAnInstant: number;
  #now = BEGINNING;
  #eventsOfThisInstant = 0;
  /** Events so far. */
  events = 0;

  /** @param maxEventsOfAnInstant as many as no crowd of processes has for one reason. */
  constructor(seed: number, maxEventsOfAnInstant = MAX_EVENTS_OF_AN_INSTANT) {
    this.#maxEventsOfAnInstant = maxEventsOfAnInstant;
    this.chance = new Chance(seed);
    const chance = this.chance.fork();
    this.clock = {
      now: () => this.#now,
      wallNow: () => EPOCH_MILLIS + this.#now,
      random: chance.next,
      uniqueBytes: chance.bytes,
      timer: (callback, delayMillis) => this.schedule(this.#now + Math.max(0, delayMillis), callback),
      immediate: (callback) => void this.schedule(this.#now, callback),
    };
  }

  get now(): number {
    return this.#now;
  }

  /** Calls back at a time; now, but in a turn of its own, if that is past. */
  schedule(at: number, callback: () => void): Cancel {
    if (at === Number.POSITIVE_INFINITY) return () => {};
    const event = this.#queue.push(Math.max(at, this.#now), callback);
    return () => {
      event.callback = undefined;
    };
  }

  /**
   * Lets things happen until `isOver` says so, or nothing is left to happen. Between two events every promise that
   * can be kept is: each event has a real turn of the event loop of its own.
   * @param afterEach called in the turn of the next event, when the promises of the last one have been kept.
   * @throws what an event or `afterEach` throws; Livelock.
   */
  run(isOver: () => boolean, afterEach: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      let isDone = false;
      let turnsAsked = 0;
      const turn = () => {
        turnsAsked--;
        if (isDone) return;
        try {
          if (this.events > 0) afterEach();
          if (isOver() || !this.#happen()) {
            isDone = true;
            resolve();
            return;
          }
        } catch (error) {
          isDone = true;
          reject(error);
          return;
        }
        if (turnsAsked === 0) ask();
      };
      const ask = () => {
        for (; turnsAsked < TURNS; turnsAsked++) setImmediate(turn);
      };
      ask();
    });
  }

  #happen(): boolean {
    const event = this.#queue.pop();
    if (event?.callback === undefined) return false;
    if (event.at > this.#now) {
      this.#now = event.at;
      this.#eventsOfThisInstant = 0;
    } else if (++this.#eventsOfThisInstant > this.#maxEventsOfAnInstant) {
      throw new Livelock(
        `more than ${this.#maxEventsOfAnInstant} events at ${Math.round(this.#now - BEGINNING)} ms`,
      );
    }
    this.events++;
    event.callback();
    return true;
  }
}
