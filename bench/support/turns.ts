/** Runs the contenders of a benchmark in turns, round by round, each with a collector of its own. */

import { runContender } from './child-process.ts';
import { type BenchCollectorOptions, startCollector } from './collector.ts';
import { type BenchOptions, Rounds } from './measure.ts';

export interface Turns<Input> {
  /** `import.meta.url` of the benchmark. */
  readonly module: string;
  readonly contenders: readonly string[];
  readonly input: Input;
  /** Without it the contenders get no collector. */
  readonly collector?: BenchCollectorOptions;
  readonly execArgv?: readonly string[];
}

/** What every contender is given beside the benchmark's own input. */
export interface Common {
  /** Of the collector; empty without one. */
  readonly url: string;
  readonly warmUpRecords: number;
}

const WARM_UP_RECORDS = 30_000;
const QUICK_WARM_UP_RECORDS = 1_500;

export async function inTurns<Input extends object>(
  { module, contenders, input, collector, execArgv = [] }: Turns<Input>,
  { rounds, quick, execArgv: commonArgv, progress }: BenchOptions,
): Promise<Rounds> {
  const results = new Rounds();
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      progress(`round ${round} of ${rounds}: ${contender}`);
      const receiver = collector && (await startCollector(collector));
      try {
        const common: Common = {
          url: receiver?.url ?? '',
          warmUpRecords: quick ? QUICK_WARM_UP_RECORDS : WARM_UP_RECORDS,
        };
        const start = { module, contender, input: { ...input, ...common } };
        const result = await runContender(start, receiver?.answers ?? {}, [...commonArgv, ...execArgv]);
        results.take(contender, result);
      } finally {
        await receiver?.close();
      }
    }
  }
  return results;
}
