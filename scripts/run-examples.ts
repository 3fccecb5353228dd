/** The gate for the examples: each `examples/<name>/run.ts` runs to its end against the built package and exits 0. */
import { globSync } from 'node:fs';
import { build, conclude, root, run } from './tools.ts';

const timeoutMillis = 60_000;

const examples = globSync('examples/*/run.ts', { cwd: root }).sort();
const problems = examples.length === 0 ? ['there is no examples/<name>/run.ts'] : [];
await build();
for (const example of examples) {
  const start = performance.now();
  const { status, output } = await run(process.execPath, [example], { timeoutMillis });
  console.log(`${example}: ${status === 0 ? 'ok' : 'failed'} in ${Math.round(performance.now() - start)} ms`);
  if (status === 0) continue;
  console.log(output.trimEnd());
  problems.push(`${example}: ${status}`);
}
conclude(problems, `examples: ${examples.length} ran`);
