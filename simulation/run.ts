/** Plays a plan: starts its processes, lets the weather change, looks at everything after every step, and judges it. */

import { diag } from '@opentelemetry/api';
import { Diagnostics } from './diagnostics.ts';
import { SimulatedDisk } from './disk/simulated-disk.ts';
import { recordsOnDisk } from './disk/spool-contents.ts';
import { Life } from './life.ts';
import { Collector } from './network/collector.ts';
import { makeExporter } from './network/exporters.ts';
import { packId } from './network/record-ids.ts';
import { HEALTHY, type Weather } from './network/weather.ts';
import { type LifePlan, QUIET_LIFE, QUIET_WORK, type RunPlan } from './plan.ts';
import { SimulatedProcess } from './process.ts';
import { PROPERTIES } from './properties/properties.ts';
import { Steps } from './steps.ts';
import { BEGINNING, Livelock, World } from './world.ts';

/** A promise that was not kept. */
export interface Violation {
  /** The name of the property. */
  readonly property: string;
  /** The number of the process; undefined for what is about all of them. */
  readonly process: number | undefined;
  readonly at: number;
  readonly message: string;
}

/** A run that is over, with all that was seen of it. */
export interface RunSeen {
  readonly plan: RunPlan;
  readonly lives: readonly Life[];
  readonly collector: Collector;
  readonly disk: SimulatedDisk;
  readonly steps: Steps;
  /** The collector's, as it changed. */
  readonly weather: readonly { readonly at: number; readonly weather: Weather }[];
  readonly endedAt: number;
  /** When a record of a life arrived first. */
  firstArrivalOf(life: Life, n: number): number | undefined;
}

export interface RunResult {
  readonly seen: RunSeen;
  readonly violations: readonly Violation[];
  readonly events: number;
}

/** The process that sends what all others left on disk lives as long as that takes, and no longer than this. */
const MAX_DRAIN_MILLIS = 900_000;
/** From the end of the last process until what is on its way has arrived, or never will. */
const AFTERMATH_MILLIS = 60_000;

const DRAIN: LifePlan = {
  ...QUIET_LIFE,
  work: { ...QUIET_WORK, records: 0 },
  lifeMillis: Number.POSITIVE_INFINITY,
};

export async function play(plan: RunPlan): Promise<RunResult> {
  const run = new Run(plan);
  const rejected = (reason: unknown) => run.failed('a promise was rejected that nobody heard', reason);
  process.on('unhandledRejection', rejected);
  run.diagnostics.listen();
  try {
    return await run.play();
  } finally {
    diag.disable();
    process.off('unhandledRejection', rejected);
  }
}

class Run {
  readonly diagnostics: Diagnostics;
  readonly #plan: RunPlan;
  readonly #world: World;
  readonly #collector: Collector;
  readonly #disk: SimulatedDisk;
  readonly #lives: Life[] = [];
  readonly #alive = new Set<Life>();
  readonly #steps: Steps;
  readonly #violations: Violation[] = [];
  readonly #weather: { readonly at: number; readonly weather: Weather }[] = [
    { at: BEGINNING, weather: HEALTHY },
  ];
  /** Slots whose last process has not ended yet. */
  #slotsLeft: number;
  #drain: Life | undefined;
  #isOver = false;

  constructor(plan: RunPlan) {
    this.#plan = plan;
    this.#world = new World(plan.seed);
    this.diagnostics = new Diagnostics(() => this.#world.now);
    this.#collector = new Collector(this.#world.clock, HEALTHY);
    this.#disk = new SimulatedDisk(this.#world.clock);
    this.#slotsLeft = plan.slots.length;
    this.#steps = new Steps((violation) => this.#violations.push(violation));
  }

  async play(): Promise<RunResult> {
    const { weather, disk, slots, powerLossAtMillis } = this.#plan;
    for (const { atMillis, weather: next } of weather) {
      this.#at(atMillis, () => this.#setWeather(next));
    }
    for (const spell of disk) {
      this.#at(spell.atMillis, () => {
        if ('hiccupMillis' in spell) this.#disk.hiccup(spell.hiccupMillis);
        else if ('hangMillis' in spell) this.#disk.hang(spell.hangMillis);
        else this.#disk.weather = spell.weather;
      });
    }
    if (powerLossAtMillis !== undefined) this.#at(powerLossAtMillis, () => this.#losePower());
    for (const slot of slots) this.#at(0, () => this.#startNext(slot, 0));
    try {
      await this.#world.run(
        () => this.#isOver,
        () => this.#afterEach(),
      );
    } catch (error) {
      if (error instanceof Livelock) this.#violated('comes to rest', error.message);
      else this.failed('a timer or a listener threw', error);
      // What came of it is not to be judged.
      return this.#result();
    }
    for (const { name, judge } of PROPERTIES) {
      for (const { process, at, message } of judge(this.#seen)) {
        this.#violations.push({ property: name, process, at, message });
      }
    }
    return this.#result();
  }

  /** Something went wrong that would have ended a real process. */
  failed(what: string, error: unknown): void {
    this.#violated('no process ends by an error', `${what}: ${errorWords(error)}`);
  }

  #violated(property: string, message: string): void {
    this.#violations.push({ property, process: undefined, at: this.#world.now, message });
  }

  get #seen(): RunSeen {
    const { arrivals } = this.#collector;
    return {
      weather: this.#weather,
      firstArrivalOf: (life, n) => arrivals.firstOf(packId(life.number, n)),
      plan: this.#plan,
      lives: this.#lives,
      collector: this.#collector,
      disk: this.#disk,
      steps: this.#steps,
      endedAt: this.#world.now,
    };
  }

  #result(): RunResult {
    return { seen: this.#seen, violations: this.#violations, events: this.#world.events };
  }

  #setWeather(weather: Weather): void {
    this.#collector.weather = weather;
    this.#weather.push({ at: this.#world.now, weather });
  }

  #at(millis: number, callback: () => void): void {
    this.#world.schedule(BEGINNING + millis, () => {
      if (this.#drain === undefined) callback();
    });
  }

  #startNext(slot: readonly LifePlan[], index: number): void {
    const plan = slot[index];
    if (plan === undefined) {
      this.#slotsLeft--;
      if (this.#slotsLeft === 0) this.#finish();
      return;
    }
    this.#start(plan, () => {
      this.#world.schedule(this.#world.now + plan.pauseMillis, () => this.#startNext(slot, index + 1));
    });
  }

  #start(plan: LifePlan, ended: () => void): Life {
    const process = new SimulatedProcess(this.#lives.length, this.#world, this.#world.chance.fork());
    const { spool } = this.#plan;
    const id = `p${process.number}`;
    if (spool !== undefined) process.files = this.#disk.view(id, process.spend);
    const life = new Life(process, plan, {
      world: this.#world,
      spool,
      makeExporter: ({ lines }) => {
        const exporter = makeExporter(plan.exporter, this.#collector, { id, clock: process.clock });
        this.diagnostics.expect(lines);
        return exporter;
      },
      ended: (over) => {
        this.#steps.look(over, this.#world.now);
        this.#alive.delete(over);
        if (over.hasSpool && over.end !== undefined) over.end.onDisk = recordsOnDisk(this.#disk.files);
        ended();
      },
    });
    this.#lives.push(life);
    this.#alive.add(life);
    return life;
  }

  #losePower(): void {
    for (const life of [...this.#alive]) life.kill();
    this.#disk.loseWatts();
  }

  /** All that was planned has happened; what is on disk is sent by one more process, in fair weather. */
  #finish(): void {
    if (this.#plan.spool === undefined) {
      this.#end();
      return;
    }
    this.#setWeather(HEALTHY);
    this.#disk.calm();
    this.#drain = this.#start(DRAIN, () => this.#end());
    this.#world.schedule(this.#world.now + MAX_DRAIN_MILLIS, this.#drain.beginEnd);
    this.#lookForDrained();
  }

  /** Whether nothing is left on disk: looked for when leases have run out. */
  #lookForDrained(): void {
    const leaseMillis = this.#plan.spool?.leaseMillis ?? 10_000;
    this.#world.schedule(this.#world.now + 2 * leaseMillis + 6_000, () => {
      const drain = this.#drain;
      if (drain === undefined || drain.isEnding) return;
      const { queued, inFlight, spooled } = drain.processor.stats();
      if (queued.records + inFlight.records + spooled.records === 0 && drain.process.clock.now() > 0) {
        drain.beginEnd();
      } else this.#lookForDrained();
    });
  }

  #end(): void {
    this.#world.schedule(this.#world.now + AFTERMATH_MILLIS, () => {
      this.#isOver = true;
    });
  }

  #afterEach(): void {
    for (const life of this.#alive) {
      if (life.process.state !== 'running') continue;
      life.lookForNaturalEnd();
      this.#steps.look(life, this.#world.now);
    }
  }
}

/** The message, and where it comes from. */
function errorWords(error: unknown): string {
  const [message, ...lines] = (error instanceof Error ? (error.stack ?? error.message) : String(error)).split(
    '\n',
  );
  return [
    message,
    ...lines.slice(0, 2).map((line) => line.trim().replace(/\(?file:.*\/(src|simulation)\//, '($1/')),
  ].join(' ');
}
