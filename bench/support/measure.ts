/** What a benchmark finds: values by contender and round, their ratios, and whether the goal was met. */

export const STOCK = 'stock';
export const PLAIN = 'spillway (plain)';
export const OTLP = 'spillway (otlp)';

/** The bytes of `spillway (otlp)` from the barest processor: what no processor can do for less. */
export const LIMIT = 'limit';

/** Compared in every benchmark; some add others, as a floor or as a variant. */
export const CONTENDERS = [STOCK, PLAIN, OTLP] as const;
export type Contender = (typeof CONTENDERS)[number] | typeof LIMIT;

/** Judged by the worst of them. */
export const ALL = 'all';

/** A ratio is to the measure's `base`. */
type Goal =
  | { readonly kind: 'ratio at most' | 'ratio at least' | 'value at most'; readonly limit: number }
  | { readonly kind: 'none lost' };

export interface Measure {
  readonly what: string;
  readonly unit: string;
  /** Digits behind the point; default 0. */
  readonly digits?: number;
  /** One value for each round, in the order of the rounds, so that values of the same round can be paired. */
  readonly series: Readonly<Record<string, readonly number[]>>;
  /** The contender the others are compared with; default `stock`. */
  readonly base?: string;
  /** The contender the goal is for; default `spillway (otlp)`. That none is lost may be asked of `ALL`. */
  readonly judged?: string;
  readonly goal?: Goal;
  /** A short name in the chart; measures without one are not drawn. */
  readonly chart?: string;
}

export interface BenchOptions {
  /** Each contender runs once in each round. */
  readonly rounds: number;
  /** A smoke run: everything runs, the numbers mean nothing. */
  readonly quick: boolean;
  /** Node's own flags for the contenders' processes. */
  readonly execArgv: readonly string[];
  /** Told what is being measured. */
  readonly progress: (text: string) => void;
}

export interface Bench {
  readonly title: string;
  run(options: BenchOptions): Promise<Measure[]>;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Of repeated work: what garbage collection and other processes take falls on the dearer repetitions. */
export function lowerQuartile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 2] ?? Number.NaN;
}

export function medianOf(measure: Measure, name: string): number {
  return median(measure.series[name] ?? [Number.NaN]);
}

/** The median of the ratios within each round: a machine that slows down for a while slows both sides. */
export function ratioOf(measure: Measure, name: string, baseName = measure.base ?? STOCK): number {
  const base = measure.series[baseName] ?? [];
  const own = measure.series[name] ?? [];
  const ratios = own.flatMap((value, round) => {
    const reference = base[round];
    return reference === undefined || reference === 0 ? [] : [value / reference];
  });
  return ratios.length === 0 ? Number.NaN : median(ratios);
}

export function isMet(measure: Measure): boolean | undefined {
  const name = measure.judged ?? OTLP;
  const judged = name === ALL ? Object.values(measure.series) : [measure.series[name] ?? []];
  if (measure.goal === undefined || judged.flat().length === 0) return undefined;
  switch (measure.goal.kind) {
    case 'ratio at most':
      return ratioOf(measure, name) <= measure.goal.limit;
    case 'ratio at least':
      return ratioOf(measure, name) >= measure.goal.limit;
    case 'value at most':
      return medianOf(measure, name) <= measure.goal.limit;
    case 'none lost':
      // In no round: a median would forgive a loss.
      return judged.flat().every((value) => value === 0);
  }
}

/** Names the contender and the base only where they are not `spillway (otlp)` and `stock`. */
export function goalText(measure: Measure): string {
  const { goal, judged = OTLP, base = STOCK } = measure;
  if (goal === undefined) return '';
  const subject = judged === OTLP ? '' : `${judged} `;
  const reference = base === STOCK ? '' : ` of ${base}`;
  switch (goal.kind) {
    case 'ratio at most':
      return `${subject}<= ${goal.limit.toFixed(2)}${reference}`;
    case 'ratio at least':
      return `${subject}>= ${goal.limit.toFixed(2)}${reference}`;
    case 'value at most':
      return `${subject}<= ${goal.limit} ${measure.unit}`;
    case 'none lost':
      return `${subject}0 in every round`;
  }
}

/** Collects what the contenders of each round report: `take('stock', { 'ns per record': 12 })`. */
export class Rounds {
  readonly #values = new Map<string, Record<string, number[]>>();

  take(name: string, results: Readonly<Record<string, number>>): void {
    for (const [key, value] of Object.entries(results)) {
      const series = this.#values.get(key) ?? {};
      series[name] = [...(series[name] ?? []), value];
      this.#values.set(key, series);
    }
  }

  series(key: string): Record<string, number[]> {
    return this.#values.get(key) ?? {};
  }
}
