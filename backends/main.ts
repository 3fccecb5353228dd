/**
 * The files in `ops/` in real backends: `npm run check:ops`. Unit tests of the alert rules by `promtool`; an outage seen by a
 * Prometheus that scrapes and by one that takes OTLP; a log store; Collectors and nginx in a row. What cannot be had is
 * skipped, and counted as skipped. Ends with 1 if something does not hold.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { collectorBinary } from '../real-collector/binary.ts';
import { debianPackage, type Program } from '../scripts/programs.ts';
import { conclude, root, run } from '../scripts/tools.ts';
import { playChain } from './chain-run.ts';
import { validateConfigurations } from './configurations.ts';
import { playLogBackend } from './log-backend-run.ts';
import { ALERT_TESTS, ALERTS } from './ops-files.ts';
import { prometheusWithOtlp } from './prometheus-binary.ts';
import { playOutage, type Way } from './prometheus-run.ts';
import { victoriaLogsBinary } from './victoria-logs.ts';

const RESULTS = join(root, 'node_modules/.cache/ops.json');
const PAGE = join(root, 'docs/what-to-watch.md');

const skipped: string[] = [];
const problems: string[] = [];
let tried = 0;

function has(program: Program, what: string): program is Exclude<Program, { missing: string }> {
  if (!('missing' in program)) return true;
  skipped.push(`${what}: ${program.missing}`);
  console.log(`skipped: ${what}: ${program.missing}`);
  return false;
}

async function promtool(binary: string, ...args: string[]): Promise<void> {
  tried++;
  const { status, output } = await run(binary, args);
  console.log(output.trim().replaceAll(/\n+/g, '\n'));
  if (status !== 0) problems.push(`promtool ${args.slice(0, 2).join(' ')} ended with ${status}`);
}

/** Of the page's table: by metric, scraped, and by OTLP. */
async function documentedNames(): Promise<{ scraped: string[]; otlp: string[] }> {
  const rows = Array.from(
    (await readFile(PAGE, 'utf8')).matchAll(/^\| `[\w.]+` +\| `(\w+)` +\| (?:`(\w+)`|the same) +\|$/gm),
    ([, scraped = '', otlp = scraped]) => ({ scraped, otlp }),
  );
  return { scraped: rows.map(({ scraped }) => scraped), otlp: rows.map(({ otlp }) => otlp) };
}

process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const names = await documentedNames();
const ways: Way[] = [];
const debian = await debianPackage('prometheus');
if (has(debian, 'alert rules and a Prometheus that scrapes')) {
  const bin = (name: string) => join(debian.path, 'usr/bin', name);
  await promtool(bin('promtool'), 'check', 'rules', ALERTS);
  await promtool(bin('promtool'), 'test', 'rules', ALERT_TESTS);
  const name = `Prometheus ${debian.version}, scraping`;
  ways.push({ name, binary: bin('prometheus'), takesOtlp: false, names: names.scraped });
}
const built = await prometheusWithOtlp(console.log);
if (has(built, 'a Prometheus that takes OTLP')) {
  const name = `Prometheus ${built.version}, by OTLP`;
  ways.push({ name, binary: built.path, takesOtlp: true, names: names.otlp });
}
if (ways.length > 0) {
  tried += ways.length;
  problems.push(...(await playOutage(ways, console.log)));
}
const store = await victoriaLogsBinary(console.log);
if (has(store, 'a log store')) {
  tried++;
  problems.push(...(await playLogBackend(store.path)));
}
const collector = await collectorBinary(console.log, 'operations');
const nginx = await debianPackage('nginx');
if (has(collector, 'configurations of the Collector')) {
  tried++;
  problems.push(...(await validateConfigurations(collector.path)));
  if (has(nginx, 'agent, nginx and gateways')) {
    tried++;
    problems.push(...(await playChain(collector.path, join(nginx.path, 'usr/sbin/nginx'))));
  }
}
await mkdir(dirname(RESULTS), { recursive: true });
await writeFile(RESULTS, JSON.stringify({ tried, skipped }));
conclude(problems, `ops: ${ways.map(({ name }) => name).join('; ') || 'nothing was tried'}`);
