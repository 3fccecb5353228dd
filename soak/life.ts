/** One process of the soak: started, ended as its plan says, and asked what it owes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { SpillwayStats } from '../src/index.ts';
import type { LifePlan } from './round-plan.ts';
import type { SpoolingEnding, SpoolingPlan } from './spooling-plan.ts';

const SCRIPT = fileURLToPath(new URL('../test/children/spooling.ts', import.meta.url));
/** Small enough to be full soon, large enough for the SDK. */
const SMALL_HEAP_MEGABYTES = 96;
/** What a process has until its plan begins, and again when its ending has begun. One that takes longer hangs. */
const MAX_MILLIS = 20_000;
/** And the one that sends what all the others left. */
const MAX_DRAIN_MILLIS = 25_000;
const MAX_PRINTED = 4_000;

/** On top of the scheduled delay: what `always` may take from the emission of a record to its being stored. */
const ALWAYS_GRACE_MILLIS = 250;
/** The same in turns of the child's event loop: a process that gets no processor time cannot keep a time. */
const ALWAYS_GRACE_TICKS = 20;

/** When there were how many records, in the time of the child. */
interface Moment {
  readonly emitted: number;
  readonly tick: number;
  readonly millis: number;
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
  /** From the start of the ending to the end. */
  readonly endingMillis: number;
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
  #endingAt: number | undefined;
  #limit: NodeJS.Timeout | undefined;
  #hangs = false;

  constructor(plan: SpoolingPlan & Pick<LifePlan, 'pause'>) {
    this.plan = plan;
    const flags =
      plan.ending.kind === 'out of memory' ? [`--max-old-space-size=${SMALL_HEAP_MEGABYTES}`] : [];
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.#child = spawn(process.execPath, [...flags, SCRIPT, JSON.stringify(plan)], {
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
    const { name, ending } = this.plan;
    return {
      name,
      kind: ending.kind,
      code,
      signal,
      possible: this.#possible,
      emitted: this.emitted,
      owed: this.#owed(),
      printed: this.#printed,
      unsafe: this.#unsafe,
      stats: this.#stats,
      endingMillis: this.#endingAt === undefined ? 0 : performance.now() - this.#endingAt,
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
    if (ending.kind === 'killed' || ending.kind === 'signalled') {
      setTimeout(() => this.#endFromOutside(), ending.afterMillis);
    }
    if (pause !== undefined) {
      setTimeout(() => this.#child.kill('SIGSTOP'), pause.afterMillis);
      setTimeout(() => this.#child.kill('SIGCONT'), pause.afterMillis + pause.millis);
    }
  }

  #endFromOutside(): void {
    const { ticks, safe } = this.plan.ending.notBefore ?? { ticks: 0, safe: 0 };
    const isDue = (this.#moments.at(-1)?.tick ?? 0) >= ticks && this.#safe >= safe;
    if (isDue || this.#hangs) this.#ending();
    else setTimeout(() => this.#endFromOutside(), this.plan.tickMillis);
  }

  #ending(): void {
    const { kind } = this.plan.ending;
    this.#endingAt = performance.now();
    if (kind === 'killed') this.kill();
    else if (kind === 'signalled') this.#child.kill('SIGTERM');
    this.#allow(kind === 'drained' ? MAX_DRAIN_MILLIS : MAX_MILLIS);
  }

  #heard(line: string): void {
    const [word, ...rest] = line.split(' ');
    const [first = 0, second = 0, third = 0] = rest.map(Number);
    if (word === 'will') this.#possible = first;
    else if (word === 'did') this.#did({ emitted: first, tick: second, millis: third });
    // A record that was dropped has not been saved by a flush.
    else if (word === 'safe') this.#safe = second === 0 ? first : this.#safe;
    else if (word === 'unsafe') this.#unsafe.push(rest.join(' '));
    else if (word === 'stats') this.#stats = JSON.parse(rest.join(' ')) as SpillwayStats;
    else if (word === 'ending') this.#ending();
  }

  #owed(): number {
    const { ending, spool, scheduledDelayMillis } = this.plan;
    if (ending.kind !== 'killed' && ending.kind !== 'out of memory') return this.emitted;
    const last = this.#moments.at(-1);
    if (spool.mode !== 'always' || last === undefined) return this.#safe;
    const stored = this.#moments.findLast(
      ({ millis, tick }) =>
        last.millis - millis > scheduledDelayMillis + ALWAYS_GRACE_MILLIS &&
        last.tick - tick > ALWAYS_GRACE_TICKS + scheduledDelayMillis / this.plan.tickMillis,
    );
    return Math.max(this.#safe, stored?.emitted ?? 0);
  }
}
