/** What must be true when everything has drained: the oracle of the soak. */

import type { SpillwayStats } from '../src/index.ts';
import type { Excuse } from './excuses.ts';
import type { LifeReport } from './life.ts';
import { EXIT_CODE } from './spooling-plan.ts';
import type { Arrival } from './witness.ts';

/** What the collector has stored. */
export interface Received {
  /** How each body arrived. */
  readonly arrivals: ReadonlyMap<string, readonly Arrival[]>;
  /** Records that are not as they were emitted. */
  readonly altered: readonly string[];
}

export interface Verdict {
  readonly emitted: number;
  readonly owed: number;
  /** Distinct records. */
  readonly arrived: number;
  /** Arrivals beyond the first. */
  readonly duplicates: number;
  /** Records that were owed and did not arrive. */
  readonly missed: number;
  /** Records in which the library says that there is a gap. */
  readonly markers: number;
  /** Empty when all is well. */
  readonly violations: readonly string[];
}

/** What else arrives: records of the library's own, which say what is lost. */
const MARKER = /^(\d+) log records? (?:was|were) lost /;

const EXPECTED_END: Record<LifeReport['kind'], (report: LifeReport) => boolean> = {
  killed: ({ signal }) => signal === 'SIGKILL',
  'out of memory': ({ signal, code }) => signal === 'SIGABRT' || signal === 'SIGTRAP' || code === 134,
  signalled: ({ signal }) => signal === 'SIGTERM',
  impatient: ({ signal }) => signal === 'SIGTERM' || signal === 'SIGKILL',
  exit: ({ code }) => code === EXIT_CODE,
  throw: ({ code }) => code === 1,
  reject: ({ code }) => code === 1,
  natural: ({ code }) => code === 0,
  drained: ({ code }) => code === 0,
};
/** Those in which Node itself has something to say. */
const IS_LOUD = new Set<LifeReport['kind']>(['out of memory', 'throw', 'reject']);
/** Those that cannot say what they leave behind. */
const IS_MUTE = new Set<LifeReport['kind']>(['out of memory', 'killed', 'impatient']);
const MAX_EXAMPLES = 5;

/** What is no violation in a round. */
export interface Allowances {
  /** Of a record that arrives more than once: all arrivals but one must be excused. */
  readonly isExcused: Excuse;
  /** A record that does not arrive, if it was counted as dropped: there may be no room for it. */
  readonly drop: boolean;
}

export function judge(lives: readonly LifeReport[], received: Received, allowed: Allowances): Verdict {
  const violations: string[] = [];
  const arrivals = new Map(lives.map(({ name, possible }) => [name, new Uint32Array(possible)]));
  const repeated: string[] = [];
  let arrived = 0;
  let duplicates = 0;
  let markers = 0;
  let marked = 0;
  let missed = 0;
  for (const [body, all] of received.arrivals) {
    const slash = body.lastIndexOf('/');
    const digits = body.slice(slash + 1);
    const number = Number(digits);
    const numbers = arrivals.get(body.slice(0, slash));
    const marker = MARKER.exec(body);
    if (marker !== null) {
      markers++;
      marked += Number(marker[1]);
      if (!allowed.drop) violations.push(`a marker arrived: ${body}`);
    } else if (String(number) !== digits || numbers?.[number] === undefined) {
      violations.push(`invented: ${body.slice(0, 200)}`);
    } else {
      numbers[number] = all.length;
      arrived++;
      duplicates += all.length - 1;
      if (all.length > 1 && all.filter((arrival) => !allowed.isExcused(arrival)).length > 1) {
        repeated.push(`${body}: ${all.map(({ sender, atMillis }) => `${sender} ${clockTime(atMillis)}`)}`);
      }
    }
  }
  if (repeated.length > 0) {
    const examples = repeated.filter((_, index) => index % Math.ceil(repeated.length / MAX_EXAMPLES) === 0);
    violations.push(`${repeated.length} arrived more than once, for no reason: ${examples.join('; ')}`);
    for (const { name, endingAtMillis, endedAtMillis, stats } of lives) {
      const about = `ending ${clockTime(endingAtMillis)}, ended ${clockTime(endedAtMillis)}`;
      violations.push(`  ${name}: ${about}, exports ${JSON.stringify(stats?.exports)}`);
    }
  }
  if (received.altered.length > 0) {
    violations.push(
      `${received.altered.length} are not as they were: ${received.altered.slice(0, 3).join()}`,
    );
  }
  for (const life of lives) {
    const about = `${life.name} (${life.kind})`;
    const times = arrivals.get(life.name) ?? new Uint32Array();
    const missing = rangesOf(life.owed, (number) => !((times[number] ?? 0) > 0));
    missed += missing.count;
    if (missing.count > 0 && !allowed.drop) {
      violations.push(
        `${about} owed ${life.owed} of ${life.emitted}; ${missing.count} are missing: ${missing.text}`,
      );
    }
    if (life.hung) violations.push(`${about} did not end`);
    else if (!EXPECTED_END[life.kind](life)) {
      violations.push(
        `${about} ended with code ${life.code}, signal ${life.signal}: ${life.printed.slice(-1_500)}`,
      );
    } else if (life.printed !== '' && !IS_LOUD.has(life.kind)) {
      violations.push(`${about} printed: ${life.printed.slice(0, 1_000)}`);
    }
    violations.push(...lawOf(life, allowed).map((problem) => `${about}: ${problem}`));
  }
  const known = lives.reduce((sum, life) => sum + knownLosses(life), 0);
  if (allowed.drop && missed > known) {
    violations.push(`${missed} records are missing, ${known} are accounted for`);
  }
  if (marked > known) violations.push(`markers tell of ${marked} records, only ${known} were lost`);
  return {
    emitted: lives.reduce((sum, life) => sum + life.emitted, 0),
    owed: lives.reduce((sum, life) => sum + life.owed, 0),
    arrived,
    duplicates,
    missed,
    markers,
    violations,
  };
}

/** Dropped, or still in memory at the very end. */
function knownLosses({ stats }: LifeReport): number {
  return stats === undefined ? 0 : droppedOf(stats) + stats.queued.records + stats.inFlight.records;
}

function droppedOf({ dropped }: SpillwayStats): number {
  return Object.values(dropped).reduce((sum, records) => sum + records, 0);
}

/** What the counts that a process leaves behind must say: the law, and no loss. */
function lawOf({ stats, kind, emitted, hung }: LifeReport, allowed: Allowances): string[] {
  if (stats === undefined) return IS_MUTE.has(kind) || hung ? [] : ['left no counts'];
  const { offered, recovered, exported, queued, inFlight, spooled } = stats;
  const dropped = droppedOf(stats);
  const held = queued.records + inFlight.records + spooled.records;
  const problems: string[] = [];
  if (offered + recovered !== exported + dropped + held) {
    problems.push(`the law does not balance: ${JSON.stringify(stats)}`);
  }
  // Markers are offered as well, and come only where something is lost.
  if (allowed.drop ? offered < emitted : offered !== emitted) {
    problems.push(`emitted ${emitted}, but was offered ${offered}`);
  }
  if (dropped > 0 && !allowed.drop) problems.push(`dropped ${nonZero(stats.dropped)}`);
  if (kind === 'drained' && held > 0) problems.push(`still holds ${held} records`);
  return problems;
}

/** Minutes, seconds and milliseconds. */
function clockTime(epochMillis: number): string {
  return Number.isFinite(epochMillis) ? new Date(epochMillis).toISOString().slice(14, 23) : 'never';
}

function nonZero(counts: SpillwayStats['dropped']): string {
  return JSON.stringify(Object.fromEntries(Object.entries(counts).filter(([, records]) => records > 0)));
}

function rangesOf(end: number, isMeant: (number: number) => boolean): { count: number; text: string } {
  const ranges: string[] = [];
  let count = 0;
  let start = -1;
  for (let number = 0; number <= end; number++) {
    const isIn = number < end && isMeant(number);
    if (isIn && start < 0) start = number;
    if (!isIn && start >= 0) {
      count += number - start;
      ranges.push(number - start === 1 ? `${start}` : `${start}-${number - 1}`);
      start = -1;
    }
  }
  const more = ranges.length > 10 ? ` and ${ranges.length - 10} more ranges` : '';
  return { count, text: ranges.slice(0, 10).join(', ') + more };
}
