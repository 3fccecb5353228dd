/** Runs the contenders of a benchmark in turns, round by round, each with a collector of its own. */

import { startCollector } from './collector.ts';
import { runContender } from './child-process.ts';
import { type BenchOptions, Rounds } from './measure.ts';

export interface Turns<Input> {
  /** `import.meta.url` of the benchmark. */
  readonly module: string;
  readonly contenders: readonly string[];
  readonly input: Input;
  /** Without it the contenders get no collector. */
  readonly collector?: { readonly latencyMillis: number };
  readonly execArgv?: readonly string[];
}

/** What every contender is given beside the benchmark's own input. */
export interface WithUrl {
  readonly url: string;
}

export async function inTurns<Input extends object>(
  { module, contenders, input, collector, execArgv = [] }: Turns<Input>,
  { rounds, execArgv: common, progress }: BenchOptions,
): Promise<Rounds> {
  const results = new Rounds();
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      progress(`round ${round} of ${rounds}: ${contender}`);
      const receiver = collector && (await startCollector(collector.latencyMillis));
      try {
        const start = { module, contender, input: { ...input, url: receiver?.url ?? '' } };
        results.take(contender, await runContender(start, receiver?.answers ?? {}, [...common, ...execArgv]));
      } finally {
        await receiver?.close();
      }
    }
  }
  return results;
}
