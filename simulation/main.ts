/** `npm run simulate`: plays the runs of many seeds, or tells the story of one. */

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type BatchResult, playSeeds, type SeedViolation } from './batch.ts';
import { KNOWN_FAILURES } from './known-failures.ts';
import { notesOf, type PlanNotes, planOf, type RunPlan } from './plan.ts';
import { planOfSeed } from './plan-arbitraries.ts';
import { play } from './run.ts';
import { shrink } from './shrink.ts';
import { storyOf } from './story.ts';

const USAGE = `npm run simulate -- [options]
  --seeds N          plays the runs of N seeds (default 1,000)
  --from N           beginning with this one (default 0)
  --seconds N        for so long at most (default 600)
  --workers N        in so many processes (default: one for each core, two at most)
  --all              tells of known failures, too
  --property WORDS   looks only for violations of properties whose name has these words, known or not
  --keep-going       does not stop at the first new failure
  --seed N           plays one run: what is not kept in it
  --plan JSON        the same for a plan in notes, as a story begins with
  --story            tells it in lines
  --shrink           makes the run of the seed as small as it can be and still fail`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '600' },
    workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    property: { type: 'string' },
    all: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    seed: { type: 'string' },
    plan: { type: 'string' },
    story: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    worker: { type: 'string' },
  },
});

/** What a worker is asked to do. */
interface Share {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly seconds: number;
}

const known = new Set(KNOWN_FAILURES.map(({ property }) => property));

if (values.help) console.log(USAGE);
else if (values.worker !== undefined) await work(JSON.parse(values.worker));
else if (values.seed !== undefined) {
  const seed = Number(values.seed);
  await playOne(values.shrink ? await shrink(seed, isWanted) : planOfSeed(seed));
} else if (values.plan !== undefined) await playOne(planOf(JSON.parse(values.plan) as PlanNotes));
else await playMany();

function isWanted({ property }: { readonly property: string }): boolean {
  if (values.property !== undefined) return property.includes(values.property);
  return values.all || !known.has(property);
}

async function playOne(plan: RunPlan): Promise<void> {
  const result = await play(plan);
  console.log(JSON.stringify(notesOf(plan)));
  if (values.story) console.log(storyOf(result));
  for (const violation of result.violations) {
    console.log(`${known.has(violation.property) ? 'known' : 'NEW'}: ${violationWords(violation)}`);
  }
  if (result.violations.some(({ property }) => !known.has(property))) process.exitCode = 1;
}

async function playMany(): Promise<void> {
  const startedAt = performance.now();
  const from = Number(values.from);
  const to = from + Number(values.seeds);
  const step = Number(values.workers);
  const counts = new Map<string, { count: number; first: SeedViolation }>();
  const workers = Array.from({ length: step }, (_, index) =>
    fork(import.meta.filename, [
      '--worker',
      JSON.stringify({ from: from + index, to, step, seconds: Number(values.seconds) } satisfies Share),
    ]),
  );
  const results = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<BatchResult>((resolve, reject) => {
          let result: BatchResult | undefined;
          worker.on('message', (message: { violation?: SeedViolation; result?: BatchResult }) => {
            result = message.result ?? result;
            if (message.violation === undefined) return;
            found(message.violation);
          });
          worker.on('exit', (code) => {
            if (result !== undefined) resolve(result);
            else reject(new Error(`a worker ended with ${code}`));
          });
        }),
    ),
  );
  const seeds = results.reduce((sum, result) => sum + result.seeds, 0);
  const cpuMillis = results.reduce((sum, result) => sum + result.cpuMillis, 0);
  const elapsed = (performance.now() - startedAt) / 1_000;
  for (const [property, { count, first }] of counts) {
    const kind = known.has(property) ? 'known' : 'NEW';
    console.log(`${kind}: ${property}: ${count} times, first: seed ${first.seed}, ${violationWords(first)}`);
  }
  console.log(
    `${seeds} seeds in ${elapsed.toFixed(1)} s, ${(cpuMillis / seeds).toFixed(1)} ms of CPU for each`,
  );
  const fresh = [...counts.values()].find(({ first }) => isWanted(first));
  if (fresh === undefined) return;
  console.log(`npm run simulate -- --seed ${fresh.first.seed} --story --shrink`);
  process.exitCode = 1;

  function stop(): void {
    // One that has come to its end is not there to be told.
    for (const worker of workers) if (worker.connected) worker.send('stop', () => {});
  }

  function found(violation: SeedViolation): void {
    const entry = counts.get(violation.property);
    if (entry === undefined) counts.set(violation.property, { count: 1, first: violation });
    else {
      entry.count++;
      if (violation.seed < entry.first.seed) entry.first = violation;
    }
    if (isWanted(violation) && !values['keep-going']) stop();
  }
}

/** Plays every `step`th seed of a range, and tells its parent of each violation and of the end. */
async function work({ from, to, step, seconds }: Share): Promise<void> {
  let isStopped = false;
  process.on('message', () => {
    isStopped = true;
  });
  const endAt = performance.now() + seconds * 1_000;
  const seeds = (function* () {
    for (let seed = from; seed < to; seed += step) yield seed;
  })();
  const result = await playSeeds(
    seeds,
    () => isStopped || performance.now() > endAt,
    (violation) => process.send?.({ violation }),
  );
  process.send?.({ result: { ...result, violations: [] } }, () => process.disconnect());
}

function violationWords({
  property,
  process: number,
  message,
}: {
  property: string;
  process: number | undefined;
  message: string;
}): string {
  return `${property}${number === undefined ? '' : ` (p${number})`}: ${message}`;
}
