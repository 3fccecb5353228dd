/** One of the two sides: the lives of its service, and an account of every record that any of them logged. */
import type { FromService, Sample } from '../service/messages.ts';
import type { Places, ProcessState, SideName, SpoolMode } from '../view.ts';
import type { Arrivals } from './collector.ts';
import { Fates } from './fates.ts';
import { ServiceProcess } from './service-process.ts';
import { pendingIn } from './spool.ts';

export interface End {
  /** `grace`: it did not end by itself in the time it was given. */
  how: 'SIGTERM' | 'SIGKILL' | 'grace' | 'unasked';
  millis: number;
  /** Records that it held in memory when it was last heard of. */
  held: number;
  /** Records on disk now. */
  onDisk: number;
  /** Records that were lost since it was asked to end. */
  lost: number;
  errors: string;
}

export interface SideEvents {
  sampled(): void;
  ended(end: End): void;
}

const NOTHING: Sample = {
  waiting: 0,
  inFlight: 0,
  waitingBytes: undefined,
  fill: 0,
  onDisk: 0,
  onDiskBytes: 0,
  recovered: 0,
  dropped: {},
  failedExports: 0,
  lastError: undefined,
  breaker: undefined,
};

export class Side {
  readonly name: SideName;
  readonly fates = new Fates();
  state: ProcessState = 'starting';
  lives = 0;
  sample: Sample = NOTHING;
  /** Records that will never arrive, as far as it is known. */
  lost = 0;
  /** Milliseconds from the log call to the arrival, of what has arrived since they were taken. */
  latencies: number[] = [];
  readonly #url: string;
  readonly #directory: string;
  readonly #events: SideEvents;
  #process: ServiceProcess | undefined;
  #isEnding = false;
  /** Lost by processes that are gone. */
  #lostBefore = 0;
  /** On disk when the last process had ended. */
  #left = { records: 0, bytes: 0 };

  constructor(name: SideName, url: string, directory: string, events: SideEvents) {
    this.name = name;
    this.#url = url;
    this.#directory = directory;
    this.#events = events;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the next process; resolves when it can be asked to log. */
  async start(spool: SpoolMode): Promise<void> {
    this.state = 'starting';
    this.lives++;
    this.#isEnding = false;
    const life = new ServiceProcess(
      { side: this.name, url: this.#url, spool, directory: this.#directory },
      (message) => this.#hear(message),
    );
    this.#process = life;
    await life.up;
    this.state = 'up';
    void life.gone.then(async () => {
      if (!this.#isEnding) this.#events.ended(await this.#bury('unasked', 0, this.lost, life.errors));
    });
  }

  log(firstSeq: number, records: number): void {
    this.#process?.log(firstSeq, records);
  }

  arrived({ seqs, times }: Arrivals): void {
    this.fates.arrive(seqs);
    const now = Date.now();
    for (const time of times) this.latencies.push(Math.max(0, now - time));
  }

  /** SIGTERM, and SIGKILL when `graceMillis` have passed. */
  async terminate(graceMillis: number): Promise<void> {
    const life = this.#process as ServiceProcess;
    await life.quiet();
    await this.#end('SIGTERM', graceMillis);
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL', Number.POSITIVE_INFINITY);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL', graceMillis: number): Promise<void> {
    const life = this.#process as ServiceProcess;
    let how: End['how'] = signal;
    this.#isEnding = true;
    this.state = 'ending';
    const startMillis = performance.now();
    const lostBefore = this.lost;
    const grace = Number.isFinite(graceMillis)
      ? setTimeout(() => {
          how = 'grace';
          life.signal('SIGKILL');
        }, graceMillis)
      : undefined;
    life.signal(signal);
    await life.gone;
    clearTimeout(grace);
    this.#events.ended(await this.#bury(how, performance.now() - startMillis, lostBefore, life.errors));
  }

  /** For the end of the playground. */
  abandon(): void {
    this.#isEnding = true;
    this.#process?.signal('SIGKILL');
  }

  /** Where all records are: what has not arrived, and is neither on disk nor lost, waits. */
  places(): Places {
    const { logged, delivered } = this.fates;
    const { onDisk } = this.held();
    const waiting = Math.max(0, logged - delivered - onDisk - this.lost);
    return { delivered, waiting, onDisk, lost: this.lost };
  }

  /** What the process held when it was last heard of. */
  held(): { waiting: number; onDisk: number } {
    return { waiting: this.sample.waiting, onDisk: this.sample.onDisk + this.#leftAlone().records };
  }

  bytesOnDisk(): number {
    // What is taken over is counted by its new owner.
    return this.sample.onDiskBytes + (this.#leftAlone().records > 0 ? this.#left.bytes : 0);
  }

  /** Nothing is held: what has not arrived by now never will. */
  isAtRest(): boolean {
    const { waiting, onDisk } = this.held();
    return waiting + onDisk === 0;
  }

  /** To be called when nothing was logged since the sample: what was is neither held nor lost in it. */
  #countLost(): number {
    // What the collector has is the last word.
    if (this.isAtRest()) return this.#missing();
    const dropped = Object.values(this.sample.dropped).reduce((sum, records) => sum + records, 0);
    return this.#lostBefore + dropped;
  }

  #missing(): number {
    return this.fates.logged - this.fates.delivered;
  }

  /** On disk, and not taken over by a process that lives. */
  #leftAlone(): { records: number } {
    return { records: Math.max(0, this.#left.records - this.sample.recovered) };
  }

  #hear(message: FromService): void {
    if (message.type === 'logged') {
      this.fates.log(message.firstSeq, message.records);
      this.fates.drop(message.dropped);
    } else if (message.type === 'sample') {
      this.sample = message.sample;
      this.lost = this.#countLost();
      this.#events.sampled();
    }
  }

  /** What was in memory is gone; what is on disk is counted by a command that only reads. */
  async #bury(how: End['how'], millis: number, lostUntilThen: number, errors: string): Promise<End> {
    const held = this.sample.waiting;
    this.#left = await pendingIn(this.#directory);
    this.#lostBefore = Math.max(0, this.#missing() - this.#left.records);
    this.sample = NOTHING;
    this.state = 'gone';
    this.lost = this.#lostBefore;
    const lost = Math.max(0, this.lost - lostUntilThen);
    return { how, millis, held, onDisk: this.#left.records, lost, errors };
  }
}
