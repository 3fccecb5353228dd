/** What is tried with a fleet, and the tables of docs/scaling.md. */

import { machine, versions } from '../bench/support/machine.ts';
import { markdownTable } from '../bench/support/table.ts';
import type { FleetFigures, FleetPlan } from './plan.ts';
import type { RealFigures, RealPlan } from './real.ts';

const MIB = 1024 ** 2;
/** What `typical` takes in the queue. */
const TYPICAL_BYTES = 285;

/** Of shares that are lost: a real process is not started, killed and seen to the millisecond. */
const MAX_DIFFERENCE = 0.05;
const HELD_BYTES = 2_000_000;

const EIGHT = { processes: 8, recordsPerSecond: 500, recordBytes: TYPICAL_BYTES } as const;

export const REAL_PLANS: readonly (RealPlan & { readonly isShort?: boolean })[] = [
  { ...EIGHT, outageMillis: 5_000, hasSpool: false, signal: 'SIGTERM', isShort: true },
  { ...EIGHT, outageMillis: 20_000, hasSpool: false, signal: 'SIGKILL' },
  { ...EIGHT, outageMillis: 20_000, hasSpool: false, maxQueueBytes: MIB, signal: 'SIGKILL' },
  { ...EIGHT, outageMillis: 20_000, hasSpool: true, maxQueueBytes: MIB, signal: 'SIGKILL' },
];

/** The same 5,000 records/s from few processes and from many. */
const SIZES = [
  { processes: 10, recordsPerSecond: 500, recordBytes: 300 },
  { processes: 100, recordsPerSecond: 50, recordBytes: 300 },
  { processes: 1_000, recordsPerSecond: 5, recordBytes: 300 },
  { processes: 10_000, recordsPerSecond: 0.5, recordBytes: 300 },
] as const;

export const SIMULATED_PLANS: readonly (FleetPlan & { readonly isShort?: boolean })[] = [
  ...SIZES.map((size) => ({
    ...size,
    outageMillis: 20_000,
    hasSpool: false,
    capacity: 2,
    isShort: size.processes === 10,
  })),
  ...SIZES.slice(0, 2).map((size) => ({ ...size, outageMillis: 60_000, hasSpool: false, capacity: 2 })),
  { ...SIZES[1], outageMillis: 20_000, hasSpool: false },
  { ...SIZES[1], outageMillis: 20_000, hasSpool: false, capacity: 1.1 },
  { ...SIZES[0], outageMillis: 20_000, hasSpool: false, capacity: 2, maxQueueBytes: 2 * MIB },
  { ...SIZES[0], outageMillis: 20_000, hasSpool: true, capacity: 2, maxQueueBytes: 2 * MIB },
  {
    ...SIZES[1],
    recordBytes: 3_250,
    outageMillis: 60_000,
    hasSpool: false,
    capacity: 2,
    maxQueueBytes: 8 * MIB,
  },
  {
    ...SIZES[1],
    recordBytes: 3_250,
    outageMillis: 60_000,
    hasSpool: true,
    capacity: 2,
    maxQueueBytes: 8 * MIB,
  },
];

const IN = ['processes', 'each, records/s', 'bytes', 'outage', 'queue', 'spool'];
const OUT = ['lost', 'twice', 'resumed after', 'drained after', 'busiest second', 'refused'];

export function simulatedTable(results: readonly { plan: FleetPlan; figures: FleetFigures }[]): string {
  return markdownTable({
    head: [...IN, 'returning', ...OUT.slice(0, 5), 'requests/s', 'refused'],
    rows: results.map(({ plan, figures }) => [
      ...inputs(plan),
      plan.capacity === undefined ? 'takes all' : `takes ${plan.capacity}`,
      ...outputs(figures),
      count(figures.peakRequestsPerSecond),
      percent(figures.refusedShare),
    ]),
  });
}

export interface Compared {
  readonly plan: RealPlan;
  readonly real: RealFigures;
  /** With other seeds. */
  readonly simulated: readonly FleetFigures[];
}

/** What the simulator is told of a real run: what nobody can know beforehand. */
export function simulatedPlanOf(plan: RealPlan, { awayMillis, capacity }: RealFigures): FleetPlan {
  return { ...plan, outageMillis: awayMillis, capacity, holdBytes: HELD_BYTES };
}

export function realTable(results: readonly Compared[]): string {
  const rows = results.flatMap(({ plan, real, simulated }) => {
    const all = simulated.map(outputs);
    const ranges = outputs(real).map((_, column) => range(all.map((cells) => cells[column] as string)));
    const takes = real.capacity.toFixed(1);
    return [
      [plan.signal, ...inputs(plan).slice(3), takes, ...outputs(real)],
      ['simulated', ...inputs(plan).slice(3), takes, ...ranges],
    ];
  });
  return markdownTable({ head: ['gateway', ...IN.slice(3), 'takes', ...OUT.slice(0, 5)], rows });
}

/** Of cells that begin with a number. */
function range(cells: readonly string[]): string {
  const sorted = [...cells].sort((a, b) => Number.parseFloat(a) - Number.parseFloat(b));
  const [least = '', most = ''] = [sorted[0], sorted.at(-1)];
  return least === most ? least : `${Number.parseFloat(least)} to ${most}`;
}

/** @returns what of the eight real processes the simulator had foretold otherwise. */
export function differences({ plan, real, simulated }: Compared): string[] {
  const problems: string[] = [];
  const where = `${plan.signal}, ${plan.outageMillis / 1_000} s${plan.hasSpool ? ', spool' : ''}`;
  if (real.unexplained !== 0) problems.push(`${where}: ${real.unexplained} records are lost without a word`);
  const shares = simulated.map(({ lostShare }) => lostShare);
  const [least, most] = [Math.min(...shares), Math.max(...shares)];
  if (real.lostShare < least - MAX_DIFFERENCE || real.lostShare > most + MAX_DIFFERENCE) {
    problems.push(
      `${where}: lost ${percent(real.lostShare)}, simulated ${percent(least)} to ${percent(most)}`,
    );
  }
  const promisedMillis = plan.outageMillis / 4 + 2_000;
  if ((real.resumedMillis ?? Number.POSITIVE_INFINITY) > promisedMillis) {
    problems.push(
      `${where}: resumed after ${seconds(real.resumedMillis)}, promised ${seconds(promisedMillis)}`,
    );
  }
  return problems;
}

export function writtenPage(page: string, marker: string, text: string): string {
  const begin = `<!-- ${marker}: what follows is written by npm run test:fleet -->`;
  const end = `<!-- ${marker}: end of what is written -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has lost its markers of ${marker}`);
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}

export function conditions(): string {
  return `Machine: ${machine()}. Versions: ${versions()}.`;
}

function inputs({
  processes,
  recordsPerSecond,
  recordBytes,
  outageMillis,
  maxQueueBytes,
  hasSpool,
}: FleetPlan) {
  return [
    count(processes),
    count(recordsPerSecond),
    count(recordBytes),
    seconds(outageMillis, 0),
    maxQueueBytes === undefined ? 'default' : `${maxQueueBytes / MIB} MiB`,
    hasSpool ? 'yes' : '',
  ];
}

function outputs({ lostShare, twice, resumedMillis, drainedMillis, peakLoad }: FleetFigures): string[] {
  return [
    percent(lostShare),
    count(twice),
    seconds(resumedMillis),
    seconds(drainedMillis),
    `${peakLoad.toFixed(1)}`,
  ];
}

const count = (value: number) => value.toLocaleString('en');
const percent = (share: number) => (share === 0 ? '0' : `${(100 * share).toFixed(1)} %`);
const seconds = (millis: number | undefined, digits = 1) =>
  millis === undefined ? 'never' : `${(millis / 1_000).toFixed(digits)} s`;
