/** One process of the soak: started, ended as its plan says, and asked what it owes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { SpillwayStats } from '../src/index.ts';
import { scriptPath } from '../test/support/scripts.ts';
import type { LifePlan } from './round-plan.ts';
import type { SpoolingEnding, SpoolingPlan } from './spooling-plan.ts';
import { epochMillis } from './witness.ts';

/** Small enough to be full soon, large enough for the SDK. */
const SMALL_HEAP_MEGABYTES = 96;
/** What a process has until its plan begins, and again when its ending has begun. One that takes longer hangs. */
const MAX_MILLIS = 20_000;
/** And the one that sends what all the others left. */
const MAX_DRAIN_MILLIS = 25_000;
const MAX_PRINTED = 4_000;
const IS_FROM_OUTSIDE = new Set<SpoolingEnding['kind']>(['killed', 'signalled', 'impatient']);
/** Those in which a process owes only what was safe before. */
const IS_SUDDEN = new Set<SpoolingEnding['kind']>(['killed', 'impatient', 'out of memory']);

/**
 * What it may take from a batch's being closed to its being stored in `always` mode, and from a request's being stored
 * by the collector to the note of it on disk.
 */
const GRACE_MILLIS = 400;
/** The same in turns of the child's event loop: a process that gets no processor time cannot keep a time. */
const GRACE_TICKS = 20;

/** When there were how many records; epoch milliseconds of the child. */
interface Moment {
  readonly emitted: number;
  readonly tick: number;
  readonly millis: number;
}

/** Epoch milliseconds. */
export interface Span {
  readonly fromMillis: number;
  readonly toMillis: number;
}

/** What became of a process, and what it said of itself before. */
export interface LifeReport {
  readonly name: string;
  readonly kind: SpoolingEnding['kind'];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** No record has this number, or a higher one. */
  readonly possible: number;
  /** All records below this number have been emitted. */
  readonly emitted: number;
  /** Records below this number have to arrive. */
  readonly owed: number;
  readonly printed: string;
  /** Rejections of `forceFlush`. */
  readonly unsafe: readonly string[];
  /** None from a process that could not say any more. */
  readonly stats: SpillwayStats | undefined;
  /** Since the Unix epoch; later than the end when it ended in another way. */
  readonly endingAtMillis: number;
  readonly endedAtMillis: number;
  /** What had arrived by then, it could note in its spool before it ended. */
  readonly notedMillis: number;
  /** From the start of the ending to the end. */
  readonly endingMillis: number;
  /** What a shutdown may take. */
  readonly shutdownMillis: number;
  readonly pauses: readonly Span[];
  readonly hung: boolean;
}

export class Life {
  readonly plan: SpoolingPlan & Pick<LifePlan, 'pause'>;
  readonly end: Promise<LifeReport>;
  readonly #child: ChildProcess;
  readonly #moments: Moment[] = [];
  readonly #unsafe: string[] = [];
  #possible = 0;
  #safe = 0;
  #stats: SpillwayStats | undefined;
  #printed = '';
  #endingAt = Number.POSITIVE_INFINITY;
  readonly #pauses: Span[] = [];
  #limit: NodeJS.Timeout | undefined;
  #hangs = false;

  constructor(plan: SpoolingPlan & Pick<LifePlan, 'pause'>) {
    this.plan = plan;
    const flags =
      plan.ending.kind === 'out of memory' ? [`--max-old-space-size=${SMALL_HEAP_MEGABYTES}`] : [];
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.#child = spawn(process.execPath, [...flags, scriptPath('spooling'), JSON.stringify(plan)], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env,
    });
    const [, stdout, stderr, words] = this.#child.stdio as unknown as Readable[];
    for (const stream of [stdout, stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        if (this.#printed.length < MAX_PRINTED) this.#printed += chunk;
      });
    }
    const lines = createInterface({ input: words as Readable });
    lines.on('line', (line) => this.#heard(line));
    this.#allow(plan.ending.afterMillis + MAX_MILLIS);
    this.end = this.#ended();
  }

  /** Records that have been emitted so far, as far as they are known of here. */
  get emitted(): number {
    return this.#moments.at(-1)?.emitted ?? 0;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ended(): Promise<LifeReport> {
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals | null];
    clearTimeout(this.#limit);
    const { name, ending, shutdownMillis } = this.plan;
    const endedAtMillis = epochMillis();
    return {
      name,
      kind: ending.kind,
      code,
      signal,
      possible: this.#possible,
      emitted: this.emitted,
      owed: this.#owed(signal),
      printed: this.#printed,
      unsafe: this.#unsafe,
      stats: this.#stats,
      endingAtMillis: this.#endingAt,
      endedAtMillis,
      notedMillis: this.#before(0)?.millis ?? 0,
      endingMillis: Math.max(0, endedAtMillis - this.#endingAt),
      shutdownMillis,
      pauses: this.#pauses,
      hung: this.#hangs,
    };
  }

  #allow(millis: number): void {
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => {
      this.#hangs = true;
      this.kill();
    }, millis);
  }

  /** From outside it ends between any two instructions: not when it has just done something. */
  #did(moment: Moment): void {
    if (this.#moments.push(moment) > 1) return;
    const { ending, pause } = this.plan;
    if (IS_FROM_OUTSIDE.has(ending.kind)) {
      setTimeout(() => this.#endFromOutside(), ending.afterMillis);
    }
    if (pause !== undefined) {
      setTimeout(() => this.#pause(pause.millis), pause.afterMillis);
    }
  }

  #pause(millis: number): void {
    const fromMillis = epochMillis();
    this.#pauses.push({ fromMillis, toMillis: fromMillis + millis });
    this.#child.kill('SIGSTOP');
    setTimeout(() => this.#child.kill('SIGCONT'), millis);
  }

  #endFromOutside(): void {
    const { ticks, safe } = this.plan.ending.notBefore ?? { ticks: 0, safe: 0 };
    const isDue = (this.#moments.at(-1)?.tick ?? 0) >= ticks && this.#safe >= safe;
    if (isDue || this.#hangs) this.#ending();
    else setTimeout(() => this.#endFromOutside(), this.plan.tickMillis);
  }

  #ending(): void {
    const { kind, impatienceMillis = 0 } = this.plan.ending;
    this.#endingAt = epochMillis();
    if (kind === 'killed') this.kill();
    else if (kind === 'signalled' || kind === 'impatient') this.#child.kill('SIGTERM');
    if (kind === 'impatient') setTimeout(() => this.kill(), impatienceMillis);
    this.#allow(kind === 'drained' ? MAX_DRAIN_MILLIS : MAX_MILLIS);
  }

  #heard(line: string): void {
    const [word, ...rest] = line.split(' ');
    const [first = 0, second = 0, third = 0] = rest.map(Number);
    if (word === 'will') this.#possible = first;
    else if (word === 'did') this.#did({ emitted: first, tick: second, millis: third });
    // A record that was dropped has not been saved by a flush.
    else if (word === 'safe') this.#safe = Math.max(this.#safe, second === 0 ? first : 0);
    else if (word === 'unsafe') this.#unsafe.push(rest.join(' '));
    else if (word === 'stats') this.#stats = JSON.parse(rest.join(' ')) as SpillwayStats;
    else if (word === 'ending') this.#ending();
  }

  #owed(signal: NodeJS.Signals | null): number {
    const { ending, spool, scheduledDelayMillis } = this.plan;
    if (!IS_SUDDEN.has(ending.kind) || signal === 'SIGTERM') return this.emitted;
    if (spool.mode !== 'always') return this.#safe;
    return Math.max(this.#safe, this.#before(scheduledDelayMillis)?.emitted ?? 0);
  }

  /** When it was so long before its last heartbeat, and a while that is granted. */
  #before(sinceMillis: number): Moment | undefined {
    const last = this.#moments.at(-1);
    if (last === undefined) return undefined;
    return this.#moments.findLast(
      ({ millis, tick }) =>
        last.millis - millis > sinceMillis + GRACE_MILLIS &&
        last.tick - tick > sinceMillis / this.plan.tickMillis + GRACE_TICKS,
    );
  }
}
