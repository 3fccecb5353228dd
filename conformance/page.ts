/** The table of docs/claims.md. */

import { machine, versions } from '../bench/support/machine.ts';
import { markdownTable } from '../bench/support/table.ts';
import type { Claim } from './claim.ts';

export interface Finding {
  readonly holds: boolean;
  /** What was seen. */
  readonly seen: string;
}

/** One claim, and what came of it with each subject. */
export interface Row {
  readonly claim: Claim;
  readonly findings: readonly Finding[];
}

const BEGIN = '<!-- what follows is written by npm run conformance -->';
const END = '<!-- end of what is written -->';

export function tableOf(names: readonly string[], rows: readonly Row[]): string {
  return markdownTable({
    head: ['claim', ...names.flatMap((name) => [name, 'seen'])],
    rows: rows.map(({ claim, findings }) => [
      claim.says,
      ...findings.flatMap(({ holds, seen }) => [holds ? 'holds' : '**broken**', seen]),
    ]),
  });
}

export function updatedPage(page: string, table: string): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after < before) throw new Error('the page has lost its markers');
  const facts = `Machine: ${machine()}. Versions: ${versions()}.`;
  return `${page.slice(0, before)}${BEGIN}\n\n${facts}\n\n${table}\n\n${page.slice(after)}`;
}
