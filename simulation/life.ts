/** The life of one simulated process: an application that logs, its processor, and how it ends. */

import type { DiagnosticLine } from './diagnostics.ts';
import type { LifePlan, SpoolPlan } from './plan.ts';
import type { SimulatedProcess } from './process.ts';
import { hostileRecord, recordOf } from './record.ts';
import {
  type BreakerStateName,
  type DropReason,
  SpillwayLogRecordProcessor,
  type SpillwayOptions,
  type SpillwayStats,
} from './subject.ts';
import type { World } from './world.ts';

const SPOOL_DIRECTORY = '/spool';

/** An end that takes longer than this is none: nothing promised lasts so long. */
const MAX_END_MILLIS = 600_000;

/** What a process may use, by which it measures the default of `maxQueueBytes`: 64 MiB. */
const USABLE_MEMORY_BYTES = 4 * 1024 ** 3;

export interface BreakerChangeSeen {
  readonly at: number;
  readonly from: BreakerStateName;
  readonly to: BreakerStateName;
  readonly nextProbeMillis: number | undefined;
}

export interface FlushSeen {
  readonly calledAt: number;
  /** Records emitted before. */
  readonly upTo: number;
  endedAt: number | undefined;
  /** The code of its error; undefined where it resolved. */
  error: string | undefined;
  /** When it ended. */
  stats: SpillwayStats | undefined;
}

/** How a process ended, as far as it has come. */
export interface EndSeen {
  readonly calledAt: number;
  /** When it began. */
  readonly before: SpillwayStats;
  /** When the promise of the shutdown was kept. */
  shutdownAt: number | undefined;
  /** Whether it was waited for in vain. */
  isStuck: boolean;
  /** The last counts there are. */
  after: SpillwayStats;
  endedAt: number | undefined;
  /** Records that whoever comes next would find in the spool; undefined where nobody looked. */
  onDisk: number | undefined;
}

export interface LifeSurroundings {
  readonly world: World;
  readonly spool: SpoolPlan | undefined;
  makeExporter(life: Life): SpillwayOptions['exporter'];
  ended(life: Life): void;
}

/** Times are the world's, from its beginning. */
export class Life {
  readonly plan: LifePlan;
  readonly process: SimulatedProcess;
  readonly processor: SpillwayLogRecordProcessor;
  readonly startedAt: number;
  /** When each record was emitted, by its number. */
  readonly emittedAt: number[] = [];
  /** Records emitted that cannot be read. */
  hostile = 0;
  /** Records emitted after `shutdown()` was called. */
  emittedLate = 0;
  /** Records emitted in a callback of the processor. */
  emittedInCallbacks = 0;
  readonly breakerChanges: BreakerChangeSeen[] = [];
  readonly flushes: FlushSeen[] = [];
  /** When attempts to export failed, as the processor tells of it. */
  readonly failedAt: number[] = [];
  readonly told: Partial<Record<DropReason, number>> = {};
  readonly lines: DiagnosticLine[] = [];
  /** What was thrown into the application. */
  readonly thrown: string[] = [];
  end: EndSeen | undefined;
  readonly #world: World;
  readonly #ended: (life: Life) => void;
  readonly #hasSpool: boolean;
  #memoryRatio = 0;
  #isWorking = true;
  #isWaiting = false;
  #isInCallback = false;
  #saidBeforeExit = false;
  /** Whether the turn that promises are given after `beforeExit` has not come yet. */
  #isPausing = false;

  constructor(
    process: SimulatedProcess,
    plan: LifePlan,
    { world, spool, makeExporter, ended }: LifeSurroundings,
  ) {
    this.process = process;
    this.plan = plan;
    this.startedAt = world.now;
    this.#world = world;
    this.#ended = ended;
    this.#hasSpool = spool !== undefined;
    const exporter = makeExporter(this);
    this.processor = new SpillwayLogRecordProcessor(
      {
        ...plan.options,
        ...(exporter !== undefined && { exporter }),
        ...(spool !== undefined && { spool: { ...spool, directory: SPOOL_DIRECTORY } }),
        onDrop: ({ reason, records }) => {
          this.told[reason] = (this.told[reason] ?? 0) + records;
          this.#calledBack();
        },
        onError: () => {
          this.failedAt.push(this.#now);
          this.#calledBack();
        },
        onBreakerStateChange: ({ from, to, nextProbeMillis }) => {
          this.breakerChanges.push({ at: this.#now, from, to, nextProbeMillis });
          this.#calledBack();
        },
      },
      {
        clock: process.clock,
        memoryUseRatio: () => this.#memoryRatio,
        usableMemoryBytes: () => USABLE_MEMORY_BYTES,
        environment: {},
        process: process.events,
        ...(process.files !== undefined && { files: process.files }),
      },
    );
    this.#live();
  }

  get number(): number {
    return this.process.number;
  }

  get hasSpool(): boolean {
    return this.#hasSpool;
  }

  get isOver(): boolean {
    return !this.process.isAlive;
  }

  /** Whether its end has begun, or come. */
  get isEnding(): boolean {
    return this.end !== undefined || this.isOver;
  }

  /** The end of time for who has none. */
  get endedAt(): number {
    return this.end?.endedAt ?? Number.POSITIVE_INFINITY;
  }

  /** Looks whether a process that wants to end by itself can. Called after every event. */
  lookForNaturalEnd(): void {
    if (this.end === undefined || this.plan.end !== 'natural' || this.process.state !== 'running') return;
    // An event of another process is no reason to look again.
    if (this.#isPausing) return;
    if (!this.process.isIdle || this.processor.stats().inFlight.records > 0) {
      this.#saidBeforeExit = false;
      return;
    }
    if (this.#saidBeforeExit) {
      this.#exit();
      return;
    }
    this.#saidBeforeExit = true;
    this.process.events.emit('beforeExit');
    if (this.process.isIdle && this.processor.stats().inFlight.records === 0) {
      // Promises that were kept meanwhile may go on; if they do not, there is nothing left to do.
      this.#isPausing = true;
      this.process.clock.immediate(() => {
        this.#isPausing = false;
      });
    }
  }

  /** The end of the plan, or of the world before that. */
  readonly beginEnd = (): void => {
    if (this.isEnding) return;
    this.#isWorking = false;
    this.end = this.#endBegins();
    this.#world.schedule(this.#world.now + MAX_END_MILLIS, () => {
      if (this.isOver || this.end === undefined) return;
      this.end.isStuck = true;
      this.kill();
    });
    switch (this.plan.end) {
      case 'signal':
      case 'shutdown':
        void this.processor.shutdown().then(() => this.#shutDown());
        return;
      case 'exit':
        this.#exit();
        return;
      case 'kill':
        this.kill();
        return;
      case 'natural':
        this.lookForNaturalEnd();
    }
  };

  /** SIGKILL, or no power any more. */
  kill(): void {
    if (this.isOver) return;
    this.end ??= this.#endBegins();
    this.end.after = this.processor.stats();
    this.process.kill();
    this.#over();
  }

  #endBegins(): EndSeen {
    const stats = this.processor.stats();
    return {
      calledAt: this.#now,
      before: stats,
      shutdownAt: undefined,
      isStuck: false,
      after: stats,
      endedAt: undefined,
      onDisk: undefined,
    };
  }

  get #now(): number {
    return this.process.now;
  }

  #live(): void {
    const { plan, process } = this;
    const { clock } = process;
    const { work, stops, wallJumps, memory, lifeMillis } = plan;
    if (work.records > 0) this.#every(work.everyMillis, () => this.#work());
    if (work.flushEveryMillis > 0) this.#every(work.flushEveryMillis, () => this.#flush());
    clock.timer(this.beginEnd, lifeMillis);
    clock.timer(() => {
      this.#isWorking = false;
    }, plan.workMillis);
    for (const { atMillis, byMillis } of wallJumps) {
      clock.timer(() => {
        process.wallSkewMillis += byMillis;
      }, atMillis);
    }
    for (const { atMillis, ratio } of memory) {
      clock.timer(() => {
        this.#memoryRatio = ratio;
      }, atMillis);
    }
    for (const { atMillis, millis } of stops) {
      const at = this.#world.now + atMillis;
      this.#world.schedule(at, () => process.freeze());
      this.#world.schedule(at + millis, () => process.thaw());
    }
  }

  #every(millis: number, callback: () => void): void {
    this.process.clock.timer(() => {
      if (!this.#isWorking) return;
      callback();
      this.#every(millis, callback);
    }, millis);
  }

  #work(): void {
    if (!this.plan.work.waits) {
      this.#burst();
      return;
    }
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.processor.ready().then(
      () => {
        this.#isWaiting = false;
        // Nothing runs any more after an exit.
        if (!this.isOver && this.end === undefined) this.#burst();
      },
      () => {},
    );
  }

  #burst(): void {
    const { records, bytes, hostileEvery, hugeEvery, hugeBytes } = this.plan.work;
    for (let index = 0; index < records; index++) {
      const n = this.emittedAt.length;
      if (hostileEvery > 0 && n % hostileEvery === hostileEvery - 1) {
        this.hostile++;
        this.#emit(() => this.processor.onEmit(hostileRecord()));
      }
      this.#log(hugeEvery > 0 && n % hugeEvery === hugeEvery - 1 ? hugeBytes : bytes);
    }
  }

  #log(bytes: number): void {
    const n = this.emittedAt.length;
    this.emittedAt.push(this.#now);
    if (this.end !== undefined) this.emittedLate++;
    this.#emit(() => this.processor.onEmit(recordOf(this.number, n, bytes)));
  }

  #emit(emit: () => void): void {
    try {
      emit();
    } catch (error) {
      this.thrown.push(`onEmit threw ${String(error)}`);
    }
  }

  /** A callback of the processor. */
  #calledBack(): void {
    if (!this.plan.work.logsInCallbacks || this.#isInCallback) return;
    this.#isInCallback = true;
    this.emittedInCallbacks++;
    this.#log(this.plan.work.bytes);
    this.#isInCallback = false;
  }

  #flush(): void {
    const flush: FlushSeen = {
      calledAt: this.#now,
      upTo: this.emittedAt.length,
      endedAt: undefined,
      error: undefined,
      stats: undefined,
    };
    this.flushes.push(flush);
    const ended = (error?: unknown) => {
      flush.endedAt = this.#now;
      flush.stats = this.processor.stats();
      if (error !== undefined) flush.error = (error as { code?: string }).code ?? String(error);
    };
    this.processor.forceFlush().then(() => ended(), ended);
  }

  #shutDown(): void {
    const { end } = this;
    if (end === undefined || this.isOver) return;
    end.shutdownAt = this.#now;
    end.after = this.processor.stats();
    if (this.plan.end === 'shutdown') this.#exit();
    else {
      // The signal's own effect: no listener of the exit is called.
      this.process.kill();
      this.#over();
    }
  }

  #exit(): void {
    this.process.exit();
    if (this.end !== undefined) this.end.after = this.processor.stats();
    this.#over();
  }

  #over(): void {
    if (this.end !== undefined) this.end.endedAt = this.#now;
    this.#ended(this);
  }
}
