/** Runs all benchmarks, or those named on the command line. */
import { ratioOf, valueOf } from './support/measure.ts';
const b = await import('./' + process.argv[2] + '.ts');
for (const m of await b.bench.run({ rounds: Number(process.argv[3] ?? 3), quick: false, execArgv: process.argv.slice(4), progress: console.error })) {
  console.log(m.what, Object.keys(m.series).map((n) => `${n} ${valueOf(m, n).toFixed(m.digits ?? 0)} (${ratioOf(m, n).toFixed(2)})`).join(' | '));
}
