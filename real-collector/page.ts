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

export function updatedPage(page: string, played: readonly Played[], version: string): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after < before) throw new Error('the page has lost its markers');
  const facts = `Collector ${version}. Machine: ${machine()}. Versions: ${versions()}.`;
  const table = markdownTable({ head: HEAD, rows: played.map(rowOf) });
  return `${page.slice(0, before)}${BEGIN}\n\n${facts}\n\n${table}\n\n${page.slice(after)}`;
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
