/**
 * Runs all benchmarks, or those named on the command line, prints their tables, and after a run of all of
 * them writes docs/benchmarks.md and docs/benchmarks.svg.
 *
 *   node bench/run.ts [--quick] [--rounds <n>] [--out <directory>] [--update] [--cpu-prof <directory>] [encode emit …]
 *
 * `--quick` is a smoke run of a minute: everything runs, the numbers mean nothing, nothing is written unless
 * `--out` says where. `--update` puts the sections of the named ones into the page that is there. `--cpu-prof` has every
 * contender's process write a profile.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bench as drain } from './drain.ts';
import { bench as emit } from './emit.ts';
import { bench as encode } from './encode.ts';
import { bench as exporters } from './exporters.ts';
import { bench as fullQueue } from './full-queue.ts';
import { bench as load } from './load.ts';
import { bench as memory } from './memory.ts';
import { bench as shutdown } from './shutdown.ts';
import { bench as spool } from './spool.ts';
import { bench as start } from './start.ts';
import { chartOf } from './support/chart.ts';
import { machine, versions } from './support/machine.ts';
import type { Bench } from './support/measure.ts';
import { openingComment, pageOf, type Section, updatedPage } from './support/page.ts';
import { printTable, tableOf } from './support/table.ts';

const benches: Readonly<Record<string, Bench>> = {
  encode,
  emit,
  load,
  exporters,
  memory,
  'full-queue': fullQueue,
  drain,
  shutdown,
  start,
  spool,
};
const ROUNDS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    out: { type: 'string' },
    update: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
  },
});
const { quick } = values;
const rounds = Math.max(1, Number(values.rounds ?? (quick ? 1 : ROUNDS)) || 1);
const profileDirectory = values['cpu-prof'];
const unknown = positionals.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
const names = positionals.length > 0 ? positionals : Object.keys(benches);

const roundsText = rounds === 1 ? '1 round' : `${rounds} rounds`;
console.log(`${machine()}\n${versions()}\n${roundsText}${quick ? ', quick: the numbers mean nothing' : ''}`);
const startedAt = performance.now();
const sections: Section[] = [];
for (const name of names) {
  const bench = benches[name] as Bench;
  const file = new URL(`./${name}.ts`, import.meta.url);
  const measures = await bench.run({
    rounds,
    quick,
    execArgv: profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`],
    // Only for who watches: a log would be full of it.
    progress: (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${name}: ${text}`),
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  printTable(`${bench.title}. ${openingComment(file)[0]}`, tableOf(measures));
  sections.push({ title: bench.title, file, measures });
}
console.log(`\nin ${Math.round((performance.now() - startedAt) / 1_000)} s`);

const docs = join(import.meta.dirname, '../docs');
const isWhole = !quick && positionals.length === 0;
const out = values.out ?? (isWhole ? docs : undefined);
if (values.update && !quick && !isWhole) {
  const path = join(values.out ?? docs, 'benchmarks.md');
  await writeFile(path, updatedPage(await readFile(path, 'utf8'), sections, rounds));
  console.log(`updated: ${path}; the chart is as it was`);
} else if (out !== undefined) {
  const measures = sections.flatMap((section) => section.measures);
  await mkdir(out, { recursive: true });
  await writeFile(
    join(out, 'benchmarks.svg'),
    chartOf(measures, [
      `${machine()}; ${roundsText}; 5 ms and 50 ms are the latency of the collector`,
      versions(),
    ]),
  );
  await writeFile(join(out, 'benchmarks.md'), pageOf(sections, rounds));
  console.log(`written: ${join(out, 'benchmarks.md')}, ${join(out, 'benchmarks.svg')}`);
}
