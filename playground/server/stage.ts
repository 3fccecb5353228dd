/** Everything that plays together: the collector, the load and the two sides; what is done to them, and what is seen. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Command,
  type Mood,
  moods,
  type PerSide,
  POINT_SECONDS,
  perSide,
  type SideName,
  type SideView,
  type SpoolMode,
  sideNames,
  type View,
  WINDOW_SECONDS,
} from '../view.ts';
import { type Collector, LIMIT_SECONDS, SLOW_MILLIS, SMALL_BYTES, startCollector } from './collector.ts';
import { History, push } from './history.ts';
import { Load } from './load.ts';
import { Narrator } from './narrator.ts';
import { Side } from './side.ts';
import { Timeline } from './timeline.ts';
import { count, seconds } from './words.ts';

const TICK_MILLIS = 20;
const FIRST_RATE = 1_000;
const BURST_RECORDS = 20_000;
const OUTAGE_MILLIS = 10_000;
/** As long as `docker stop` waits. */
const GRACE_MILLIS = 10_000;
/** What a supervisor takes to notice. */
const RESTART_MILLIS = 500;

const MOODS: Record<Mood, string> = {
  well: 'The collector is well: it answers immediately.',
  slow: `The collector is slow: each answer takes ${seconds(SLOW_MILLIS)}.`,
  flaky: 'The collector is flaky: half of the requests get 503.',
  failing: 'The collector is sick: every request gets 503.',
  limited: `The collector limits the rate: one request in ${LIMIT_SECONDS} s from each side, else 429 with Retry-After.`,
  small: `The collector has become small: 413 for requests above ${SMALL_BYTES / 1_024} KiB.`,
  dead: 'The collector is dead: nobody listens on its port.',
};
const SPOOLS: Record<SpoolMode, string> = {
  off: 'without a spool',
  overflow: "with a spool, mode 'overflow'",
  always: "with a spool, mode 'always'",
};

/** What cannot be done while a process ends or starts. */
const NEEDS_PROCESSES: ReadonlySet<Command['do']> = new Set(['burst', 'deploy', 'spool', 'kill', 'afresh']);

interface Actor {
  side: Side;
  narrator: Narrator;
  history: History;
  fates: SideView['fates'];
}

export class Stage {
  readonly #collector: Collector;
  readonly #directory = mkdtempSync(join(tmpdir(), 'otel-spillway-playground-'));
  readonly #timers: NodeJS.Timeout[] = [];
  #actors: PerSide<Actor>;
  #load = new Load(FIRST_RATE);
  #timeline = new Timeline(() => this.#now());
  #startMillis = performance.now();
  #runs = 0;
  #spool: SpoolMode = 'off';
  #moods: number[] = [];
  /** The number of the first record of each second since the start. */
  #secondStarts: number[] = [];
  #points = 0;
  #pauses = 0;
  #outage: NodeJS.Timeout | undefined;

  static async open(): Promise<Stage> {
    // It is only called when there is a stage.
    let stage: Stage | undefined;
    const collector = await startCollector((name, arrivals) => stage?.side(name).arrived(arrivals));
    stage = new Stage(collector);
    await stage.#begin();
    stage.#timers.push(setInterval(() => stage.#tick(), TICK_MILLIS));
    return stage;
  }

  private constructor(collector: Collector) {
    this.#collector = collector;
    process.on('exit', () => rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 }));
    this.#actors = perSide((name) => this.#actor(name));
  }

  side(name: SideName): Side {
    return this.#actors[name].side;
  }

  async obey(command: Command): Promise<void> {
    if (this.#isPaused && NEEDS_PROCESSES.has(command.do)) return;
    switch (command.do) {
      case 'mood':
        clearTimeout(this.#outage);
        return this.#become(command.mood);
      case 'outage':
        clearTimeout(this.#outage);
        await this.#become(
          'dead',
          `An outage of ${OUTAGE_MILLIS / 1_000} s: nobody listens on the port of the collector.`,
        );
        this.#outage = setTimeout(() => void this.#become('well', 'The collector is back.'), OUTAGE_MILLIS);
        return;
      case 'rate':
        this.#load.rate = command.rate;
        this.#tell(
          command.rate === 0
            ? 'The service logs nothing.'
            : `The service logs ${count(command.rate)} records/s.`,
        );
        return;
      case 'burst':
        this.#tell(`A burst: ${count(BURST_RECORDS)} records without a pause.`);
        return this.#log(BURST_RECORDS);
      case 'deploy':
        return this.#pausing(() => this.#deploy(''));
      case 'spool':
        this.#spool = command.mode;
        return this.#pausing(() => this.#deploy(` ${SPOOLS[command.mode]}`));
      case 'kill':
        return this.#pausing(() => this.#kill());
      case 'afresh':
        return this.#pausing(() => this.#afresh());
    }
  }

  view(): View {
    const now = this.#now();
    return {
      now,
      firstSecond: Math.max(0, this.#secondStarts.length - 1 - WINDOW_SECONDS),
      firstPoint: (this.#points - this.#moods.length) * POINT_SECONDS,
      mood: this.#collector.mood,
      rate: this.#load.rate,
      spool: this.#spool,
      isPaused: this.#isPaused,
      moods: this.#moods,
      sides: perSide((name) => sideView(this.#actors[name])),
      entries: this.#timeline.entries,
    };
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#outage);
    for (const name of sideNames) this.#actors[name].side.abandon();
    this.#collector.close();
  }

  get #isPaused(): boolean {
    return this.#pauses > 0;
  }

  #now(): number {
    return (performance.now() - this.#startMillis) / 1_000;
  }

  #tell(text: string): void {
    this.#timeline.say('you', 'plain', text);
  }

  #actor(name: SideName): Actor {
    const timeline = this.#timeline;
    const narrator = new Narrator(name, (tone, text) => timeline.say(name, tone, text));
    const directory = join(this.#directory, `${this.#runs}-${name}`);
    const actor: Actor = {
      narrator,
      history: new History(),
      fates: { first: 0, delivered: [], waiting: [], onDisk: [], lost: [] },
      side: new Side(name, this.#collector.urls[name], directory, {
        sampled: () => this.#sampled(actor),
        ended: (end) => {
          narrator.ended(end);
          this.#countFates(actor);
          if (end.how === 'unasked') void this.#pausing(() => this.#restart(actor));
        },
      }),
    };
    return actor;
  }

  async #begin(): Promise<void> {
    await this.#pausing(async () => {
      await Promise.all(sideNames.map((name) => this.#start(this.#actors[name])));
      this.#startClock();
    });
    this.#tell(
      `The service is up, twice, and logs ${count(this.#load.rate)} records/s. The collector is well. Now break something.`,
    );
  }

  /** The charts begin when there is something to see. */
  #startClock(): void {
    this.#startMillis = performance.now();
    this.#moods = [];
    this.#secondStarts = [];
    this.#points = 0;
    for (const name of sideNames) this.#actors[name].history = new History();
  }

  async #start({ side, narrator }: Actor): Promise<void> {
    await side.start(side.name === 'spillway' ? this.#spool : 'off');
    narrator.started(side.lives, side.pid);
  }

  /** The next process starts when the one before has ended; what is logged has to wait for both sides. */
  async #deploy(how: string): Promise<void> {
    this.#tell(`A deploy${how}: SIGTERM, then the next process. Requests wait for it.`);
    await this.#onBothSides(async (actor) => {
      await actor.side.terminate(GRACE_MILLIS);
      await this.#start(actor);
    });
  }

  async #kill(): Promise<void> {
    this.#tell('The service is killed (SIGKILL), and started again.');
    await this.#onBothSides(async (actor) => {
      await actor.side.kill();
      await this.#restart(actor);
    });
  }

  async #restart(actor: Actor): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, RESTART_MILLIS));
    await this.#start(actor);
  }

  async #afresh(): Promise<void> {
    clearTimeout(this.#outage);
    for (const name of sideNames) this.#actors[name].side.abandon();
    await this.#collector.become('well');
    this.#runs++;
    this.#timeline = new Timeline(() => this.#now());
    this.#load = new Load(FIRST_RATE);
    this.#spool = 'off';
    this.#actors = perSide((name) => this.#actor(name));
    await this.#begin();
  }

  #onBothSides(act: (actor: Actor) => Promise<void>): Promise<unknown> {
    return Promise.all(sideNames.map((name) => act(this.#actors[name])));
  }

  /** No load meanwhile; and nothing else that would need a process that is not there. */
  async #pausing(act: () => Promise<unknown>): Promise<void> {
    this.#pauses++;
    try {
      await act();
    } finally {
      this.#pauses--;
    }
  }

  async #become(mood: Mood, text = MOODS[mood]): Promise<void> {
    if (mood === this.#collector.mood) return;
    await this.#collector.become(mood);
    this.#tell(text);
  }

  #log(records: number): void {
    for (const name of sideNames) this.#actors[name].side.log(this.#load.next, records);
    this.#load.next += records;
  }

  #tick(): void {
    const now = this.#now();
    while (this.#secondStarts.length <= now) this.#startSecond();
    for (; this.#points * POINT_SECONDS <= now; this.#points++) {
      push(this.#moods, moods.indexOf(this.#collector.mood), WINDOW_SECONDS / POINT_SECONDS);
      for (const name of sideNames) this.#actors[name].history.addPoint(this.#actors[name].side);
    }
    const records = this.#load.take(this.#isPaused);
    if (records > 0) this.#log(records);
  }

  #startSecond(): void {
    this.#secondStarts.push(this.#load.next);
    if (this.#secondStarts.length === 1) return;
    for (const name of sideNames) this.#actors[name].history.addSecond(this.#actors[name].side);
  }

  #sampled(actor: Actor): void {
    const { side, narrator } = actor;
    this.#countFates(actor);
    const { sample, lost } = side;
    const { onDisk } = side.held();
    const isUp = side.state === 'up';
    narrator.observe({ nowMillis: performance.now(), sample, onDisk, lost, rate: this.#load.rate, isUp });
  }

  /** Just after a sample: what has been logged since would be taken for lost. */
  #countFates(actor: Actor): void {
    const { side } = actor;
    const first = Math.max(0, this.#secondStarts.length - WINDOW_SECONDS);
    const places = side.fates.places(this.#secondStarts.slice(first), side.held());
    actor.fates = {
      first,
      delivered: places.map(({ delivered }) => delivered),
      waiting: places.map(({ waiting }) => waiting),
      onDisk: places.map(({ onDisk }) => onDisk),
      lost: places.map(({ lost }) => lost),
    };
  }
}

function sideView({ side, history, fates }: Actor): SideView {
  const { sample } = side;
  return {
    process: { state: side.state, pid: side.pid, number: side.lives },
    logged: side.fates.logged,
    places: side.places(),
    twice: side.fates.twice,
    fill: sample.fill,
    bytes: { waiting: sample.waitingBytes, onDisk: side.bytesOnDisk() },
    breaker: sample.breaker,
    lastError: sample.lastError,
    atRest: side.isAtRest(),
    fates,
    seconds: history.seconds,
    points: history.points,
  };
}
