/**
 * Everything at its default against a real OpenTelemetry Collector: `npm run test:collector` plays all scenarios in some
 * minutes and writes their table into docs/real-collector.md, `-- --short` some of them, `-- grpc "60 s"` those whose
 * names have all these words, which `--update` puts into the page. Ends with 1 if a promise does not hold.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { debianPackage } from '../scripts/programs.ts';
import { root } from '../scripts/tools.ts';
import { collectorBinary } from './binary.ts';
import { compareFields } from './fields.ts';
import { figuresOf } from './judge.ts';
import { type Played, updatedPage } from './page.ts';
import { replayIntoRecovery } from './replay.ts';
import { type Programs, play } from './run.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { LANE_NAMES } from './service-plan.ts';

const RESULTS = join(root, 'node_modules/.cache/collector.json');
const PAGE = join(root, 'docs/real-collector.md');
/** They wait more than they work: 2,000 records/s are a few per cent of a core. */
const SIDE_BY_SIDE = '6';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    'side-by-side': { type: 'string', default: SIDE_BY_SIDE },
  },
});

function nameOf({ name, lane, hasSpool }: Scenario): string {
  return `${name}, ${LANE_NAMES[lane]}${hasSpool ? ', spool' : ''}`;
}

/** Some at the same time, the longest first. */
async function playAll(programs: Programs, chosen: readonly Scenario[]): Promise<Played[]> {
  const waiting = [...chosen].sort((a, b) => b.seconds - a.seconds);
  const played = new Map<Scenario, Played>();
  const worker = async () => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
      const result = await playOne(programs, scenario);
      played.set(scenario, result);
      tell(result);
    }
  };
  await Promise.all(Array.from({ length: Number(values['side-by-side']) }, worker));
  return chosen.map((scenario) => played.get(scenario) as Played);
}

async function playOne(programs: Programs, scenario: Scenario): Promise<Played> {
  try {
    const facts = await play(programs, scenario);
    const figures = figuresOf(facts, scenario.lane);
    const problems = scenario.claims.map((claim) => claim(facts, figures, scenario.lane));
    return { scenario, facts, figures, problems: problems.filter((problem) => problem !== undefined) };
  } catch (error) {
    return { scenario, problems: [String(error)] };
  }
}

function tell({ scenario, facts, figures, problems }: Played): void {
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${nameOf(scenario)}`);
  if (figures !== undefined) console.log(`       ${JSON.stringify(figures)}`);
  for (const problem of problems) console.log(`       ${problem}`);
  if (facts === undefined || (problems.length === 0 && !values.verbose)) return;
  const { killedMillis, said, collectorSaid, ended } = facts;
  const from = killedMillis ?? said[0]?.atMillis ?? 0;
  for (const { atMillis, text } of said)
    console.log(`       ${((atMillis - from) / 1_000).toFixed(2).padStart(7)} s  ${text}`);
  console.log(`       ${JSON.stringify(ended)}`);
  if (collectorSaid) console.log(collectorSaid);
}

async function main(): Promise<void> {
  const binary = await collectorBinary(console.log);
  await mkdir(dirname(RESULTS), { recursive: true });
  if ('missing' in binary) {
    await writeFile(RESULTS, JSON.stringify({ tried: 0, skipped: [`real Collector: ${binary.missing}`] }));
    console.log(`skipped: ${binary.missing}`);
    return;
  }
  const startedAt = performance.now();
  const words = positionals.map((word) => word.toLowerCase());
  const nginx = await debianPackage('nginx');
  const skipped = 'missing' in nginx ? [`behind nginx: ${nginx.missing}`] : [];
  for (const what of skipped) console.log(`skipped: ${what}`);
  const chosen = scenarios.filter(
    (scenario) =>
      (scenario.proxy === undefined || !('missing' in nginx)) &&
      (!values.short || scenario.isShort) &&
      words.every((word) => nameOf(scenario).toLowerCase().includes(word)),
  );
  // Beside the table.
  const others =
    words.length > 0
      ? []
      : [...(await compareFields(binary.path)), ...(await replayIntoRecovery(binary.path))];
  for (const problem of others) console.log(`FAILED ${problem}`);
  const played = await playAll(
    { collector: binary.path, ...(!('missing' in nginx) && { nginx: join(nginx.path, 'usr/sbin/nginx') }) },
    chosen,
  );
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const failed = played.filter(({ problems }) => problems.length > 0);
  await writeFile(RESULTS, JSON.stringify({ tried: played.length, skipped }));
  const isWhole = !values.short && words.length === 0;
  if (isWhole || values.update) {
    const { version } = binary;
    await writeFile(PAGE, updatedPage(await readFile(PAGE, 'utf8'), played, { version, isWhole }));
  }
  console.log(
    `Collector ${binary.version}: ${played.length} scenarios in ${seconds} s, ${failed.length} failed`,
  );
  for (const { scenario, problems } of failed)
    console.log(`FAILED ${nameOf(scenario)}: ${problems.join('; ')}`);
  if (failed.length + others.length > 0 || played.length === 0) process.exitCode = 1;
}

process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await main();
