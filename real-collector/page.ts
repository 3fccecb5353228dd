/** The table of docs/real-collector.md. */

import { machine, versions } from '../bench/support/machine.ts';
import { markdownTable } from '../bench/support/table.ts';
import type { Facts, Figures } from './judge.ts';
import type { Scenario } from './scenarios.ts';
import { LANE_NAMES } from './service-plan.ts';

export interface Played {
  readonly scenario: Scenario;
  /** Absent where it could not be played to its end. */
  readonly facts?: Facts;
  readonly figures?: Figures;
  /** Promises that do not hold. */
  readonly problems: readonly string[];
}

const BEGIN = '<!-- what follows is written by npm run test:collector -->';
const END = '<!-- end of what is written -->';

const HEAD = [
  'what happens',
  'lane',
  'spool',
  'offered',
  'lost',
  'twice',
  'outage',
  'felt',
  'promised',
  'resumed after',
  'refused',
  'holds',
];

/** The page with what was played in place of what it had of the same scenarios, or of all where all were played. */
export function updatedPage(
  page: string,
  played: readonly Played[],
  { version, isWhole }: { readonly version: string; readonly isWhole: boolean },
): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after < before) throw new Error('the page has lost its markers');
  const facts = `Collector ${version}. Machine: ${machine()}. Versions: ${versions()}.`;
  const rows = new Map(isWhole ? [] : rowsOf(page.slice(before, after)).map((row) => [keyOf(row), row]));
  for (const row of played.map(rowOf)) rows.set(keyOf(row), row);
  const table = markdownTable({ head: HEAD, rows: [...rows.values()] });
  return `${page.slice(0, before)}${BEGIN}\n\n${facts}\n\n${table}\n\n${page.slice(after)}`;
}

/** What happens, the lane, and whether there is a spool. */
const keyOf = (row: readonly string[]) => row.slice(0, 3).join();

function rowsOf(section: string): string[][] {
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  // Below the head and the rule.
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function rowOf({ scenario, facts, figures, problems }: Played): string[] {
  const { name, lane, hasSpool, claims } = scenario;
  const what = [name, LANE_NAMES[lane], hasSpool ? 'yes' : ''];
  const verdict = claims.length === 0 ? '' : problems.length === 0 ? 'yes' : 'no';
  if (figures === undefined) return [...what, ...HEAD.slice(what.length + 1).map(() => ''), verdict];
  const { offered, lost, twice, outageMillis, feltMillis, promisedMillis, resumedMillis } = figures;
  const { requests, refused } = figures;
  const hasOutage = facts?.killedMillis !== undefined;
  const isUnseen = hasOutage && requests > 0 && outageMillis === undefined;
  return [
    ...what,
    ...[offered, lost, twice].map(count),
    isUnseen ? 'unseen' : seconds(outageMillis),
    ...[feltMillis, promisedMillis, resumedMillis].map(seconds),
    hasOutage ? '' : `${((100 * refused) / requests).toFixed(1)} %`,
    verdict,
  ];
}

const count = (value: number) => value.toLocaleString('en');
const seconds = (millis: number | undefined) =>
  millis === undefined ? '' : `${(millis / 1_000).toFixed(1)} s`;
