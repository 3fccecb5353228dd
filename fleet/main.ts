/**
 * Beyond one machine: `npm run test:fleet` plays eight real processes in front of a gateway that is restarted, fleets of
 * up to 10,000 on the simulator, and writes both tables into docs/scaling.md, in some minutes; `-- --short` plays a part
 * and writes nothing. Ends with 1 if a record is lost without a word, or the simulator had foretold otherwise.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { collectorBinary } from '../real-collector/binary.ts';
import { conclude, root } from '../scripts/tools.ts';
import { playFleet } from './real.ts';
import { simulateFleet } from './simulated.ts';
import {
  conditions,
  differences,
  REAL_PLANS,
  realTable,
  SIMULATED_PLANS,
  simulatedPlanOf,
  simulatedTable,
  writtenPage,
} from './tables.ts';

/** When processes ask next is chance. */
const SEEDS = 12;
const RESULTS = join(root, 'node_modules/.cache/fleet.json');
const PAGE = join(root, 'docs/scaling.md');

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    /** One half alone. */
    only: { type: 'string' },
  },
});
process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const chosen = <Plan extends { readonly isShort?: boolean }>(plans: readonly Plan[]) =>
  plans.filter(({ isShort }) => !values.short || isShort);
const skipped: string[] = [];
const problems: string[] = [];
let tried = 0;

async function update(marker: string, text: string): Promise<void> {
  console.log(`\n${text}\n`);
  if (!values.short) await writeFile(PAGE, writtenPage(await readFile(PAGE, 'utf8'), marker, text));
}

if (values.only !== 'simulated') {
  const binary = await collectorBinary(console.log, 'operations');
  if ('missing' in binary) {
    skipped.push(`a fleet in front of a real gateway: ${binary.missing}`);
    console.log(`skipped: ${skipped[0]}`);
  } else {
    const results = [];
    for (const plan of chosen(REAL_PLANS)) {
      const real = await playFleet(binary.path, plan);
      const simulated = [];
      for (let seed = 1; seed <= SEEDS; seed++)
        simulated.push(await simulateFleet(simulatedPlanOf(plan, real), seed));
      problems.push(...differences({ plan, real, simulated }));
      console.log(JSON.stringify({ ...plan, ...real }));
      results.push({ plan, real, simulated });
      tried++;
    }
    const facts = `Collector ${binary.version}. ${conditions()}`;
    await update('real', `${facts}\n\n${realTable(results)}`);
  }
}
if (values.only !== 'real') {
  const results = [];
  for (const plan of chosen(SIMULATED_PLANS)) {
    const startMillis = performance.now();
    const figures = await simulateFleet(plan);
    const where = `${plan.processes} processes, ${plan.outageMillis / 1_000} s`;
    console.log(`${where}: ${((performance.now() - startMillis) / 1_000).toFixed(1)} s`);
    if (figures.lost !== figures.dropped)
      problems.push(`${where}: ${figures.lost - figures.dropped} lost without a word`);
    if (figures.drainedMillis === undefined) problems.push(`${where}: never drained`);
    results.push({ plan, figures });
    tried++;
  }
  if (results.length > 0) await update('simulated', simulatedTable(results));
}
await mkdir(dirname(RESULTS), { recursive: true });
await writeFile(RESULTS, JSON.stringify({ tried, skipped }));
conclude(problems, `fleet: ${tried} tried`);
