/**
 * Plays every claim with each processor, and prints what holds: `npm run conformance` with the stock processor and ours,
 * `-- ./processor.ts` with those of other modules, `-- --only flush` the claims that have the word, `-- --update` writes
 * docs/claims.md. Ends with 1 if one is broken with the last of the processors.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, styleText } from 'node:util';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { Broken, type Claim } from './claim.ts';
import { claims as allClaims } from './claims.ts';
import { type Finding, type Row, tableOf, updatedPage } from './page.ts';
import { Stage } from './stage.ts';
import type { Subject } from './subject.ts';

const PAGE = join(import.meta.dirname, '../docs/claims.md');
const LIMIT_MILLIS = 480_000;
/** They wait more than they work, but processes that start work. */
const SIDE_BY_SIDE = 8;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' }, update: { type: 'boolean', default: false } },
});

interface Tried {
  readonly module: string;
  readonly subject: Subject;
  readonly findings: Map<Claim, Finding>;
}

async function tried(path: string): Promise<Tried> {
  const module = pathToFileURL(path).href;
  return { module, subject: await import(module), findings: new Map() };
}

async function play(claim: Claim, { module, subject, findings }: Tried): Promise<void> {
  const stage = new Stage(subject, module);
  let finding: Finding;
  try {
    finding = { holds: true, seen: await claim.play(stage) };
  } catch (error) {
    finding = { holds: false, seen: error instanceof Broken ? error.message : String(error) };
  }
  await stage.end();
  findings.set(claim, finding);
  const verdict = styleText(finding.holds ? 'green' : 'red', finding.holds ? 'holds ' : 'broken');
  console.log(`${verdict}  ${subject.name}: ${claim.says} (${finding.seen})`);
}

const here = (name: string) => join(import.meta.dirname, 'subjects', name);
const paths =
  positionals.length > 0 ? positionals.map((path) => resolve(path)) : ['stock.ts', 'spillway.ts'].map(here);
const subjects = await Promise.all(paths.map(tried));
const claims = allClaims.filter(({ says }) => says.toLowerCase().includes(values.only.toLowerCase()));

setTimeout(() => {
  console.error('the claims were not all played in time');
  process.exit(1);
}, LIMIT_MILLIS).unref();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

for (const claim of claims.filter(({ isBusy }) => isBusy)) {
  for (const subject of subjects) await play(claim, subject);
}
const patient = claims.filter(({ isBusy }) => !isBusy);
const waiting = patient.flatMap((claim) => subjects.map((subject) => () => play(claim, subject)));
await Promise.all(
  Array.from({ length: SIDE_BY_SIDE }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
  }),
);

const rows: Row[] = claims.map((claim) => ({
  claim,
  findings: subjects.map(({ findings }) => findings.get(claim) as Finding),
}));
const names = subjects.map(({ subject }) => subject.name);
if (values.update) await writeFile(PAGE, updatedPage(await readFile(PAGE, 'utf8'), tableOf(names, rows)));
console.log('');
for (const { subject, findings } of subjects) {
  const broken = [...findings.values()].filter(({ holds }) => !holds).length;
  console.log(
    `${subject.name}: ${claims.length - broken} of ${claims.length} claims hold, ${broken} are broken`,
  );
}
// What exporters keep alive is not waited for.
process.exit(rows.every(({ findings }) => findings.at(-1)?.holds) ? 0 : 1);
