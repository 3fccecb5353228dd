/** What the demo knows of the pipelines over all lives of the service: sampled while it runs, and left when it ends. */
import { balances, heldIn, sumOfCounts } from './balance.ts';
import {
  type Balance,
  type PerPipeline,
  perPipeline,
  pipelineNames,
  type QueueDepth,
  type Sample,
} from './messages.ts';

/** The deepest that was seen, in memory and on disk. */
export interface Peak extends QueueDepth {
  onDiskBytes?: number;
}

/** The law of one processor, checked on every sample. */
export interface LawReport {
  samples: number;
  /** The first sample that did not balance. */
  violation?: Balance;
  /** The last that is known of each process. */
  lives: Balance[];
}

/** What a process leaves behind that can still say something at its end. */
export interface LastWords {
  offered: number;
  balances: Partial<PerPipeline<Balance>>;
}

export class Books {
  readonly laws: Partial<PerPipeline<LawReport>> = {};
  offered = 0;
  /** Bytes of one record as it is held by `spillway`, and so by the stock processor: as an object, not as bytes. */
  recordBytes = 0;
  #latest: Sample | undefined;
  #peaks = noPeaks();
  #lives = 1;
  /** As the processes said that have ended. */
  #lostBefore = perPipeline(() => 0);

  /** Of the life that goes on; `undefined` before its first report. */
  get latest(): Sample | undefined {
    return this.#latest;
  }

  add(sample: Sample): void {
    this.#latest = sample;
    this.offered = sample.offered;
    for (const name of pipelineNames) {
      sample.pipelines[name].lost += this.#lostBefore[name];
      const { queued, onDiskBytes, balance } = sample.pipelines[name];
      this.#peaks[name] = deeper(this.#peaks[name], {
        ...queued,
        ...(onDiskBytes !== undefined && { onDiskBytes }),
      });
      if (name === 'spillway' && queued.bytes && queued.records > 0)
        this.recordBytes = queued.bytes / queued.records;
      if (balance) this.#check(name, balance);
    }
  }

  /** The process is gone, and this is what it said last, if it could. */
  lifeEnded(lastWords: LastWords | undefined): void {
    if (lastWords !== undefined) {
      this.offered = lastWords.offered;
      for (const name of pipelineNames) {
        const balance = lastWords.balances[name];
        if (balance) this.#check(name, balance);
      }
    }
    this.#lives++;
    for (const name of pipelineNames) this.#lostBefore[name] = this.#latest?.pipelines[name].lost ?? 0;
    this.#latest = undefined;
  }

  /** Peaks start afresh. */
  takePeaks(): PerPipeline<Peak> {
    const peaks = this.#peaks;
    this.#peaks = noPeaks();
    return peaks;
  }

  #check(name: keyof typeof this.laws, balance: Balance): void {
    const law = this.laws[name] ?? { samples: 0, lives: [] };
    this.laws[name] = law;
    law.samples++;
    law.lives[this.#lives - 1] = balance;
    if (!balances(balance)) law.violation ??= balance;
  }
}

/** Records of processes that have ended and that no later process has found, yet. */
export function missingIn({ lives }: LawReport): number {
  const recovered = lives.reduce((sum, life) => sum + life.recovered, 0);
  return leftIn(lives) - recovered;
}

/** What the processes before the last one held when they ended. */
export function leftIn(lives: readonly Balance[]): number {
  return lives.slice(0, -1).reduce((sum, life) => sum + heldIn(life), 0);
}

/** All lives as if they were one: what one left and the next one found is not counted on either side. */
export function total(lives: readonly Balance[]): Balance {
  const sum = (count: (life: Balance) => number): number => lives.reduce((so, life) => so + count(life), 0);
  const { queued, inFlight, spooled } = lives.at(-1) as Balance;
  return {
    offered: sum((life) => life.offered),
    recovered: 0,
    exported: sum((life) => life.exported),
    dropped: { all: sum((life) => sumOfCounts(life.dropped)) },
    queued,
    inFlight,
    spooled,
  };
}

function noPeaks(): PerPipeline<Peak> {
  return perPipeline((): Peak => ({ records: 0 }));
}

export function deeper(one: Peak, other: Peak): Peak {
  const bytes = larger(one.bytes, other.bytes);
  const onDiskBytes = larger(one.onDiskBytes, other.onDiskBytes);
  return {
    records: Math.max(one.records, other.records),
    ...(bytes !== undefined && { bytes }),
    ...(onDiskBytes !== undefined && { onDiskBytes }),
  };
}

function larger(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined ? other : Math.max(one, other ?? 0);
}
