/**
 * A service under load: what arrives, what a delivered record costs, and what the event loop feels of it.
 *
 * Method: after a warm-up that is delivered, a process emits typical records by the wall clock, in ticks of
 * 10 ms, at 100,000/s and at 10,000/s, to a collector process that answers each request 5 ms or 50 ms after
 * it has decoded it; all options are the defaults. Then it has 10 s to flush. Lost is what was emitted less
 * what the collector decoded. CPU is that of the whole emitting process, all threads, garbage collection and
 * the emitting itself included, from the first record to the end of the flush; per delivered record, because
 * stock delivers a part only: a record that is thrown away costs little and is worth nothing. The event
 * loop's delay is taken while records are emitted at 100,000/s, by a timer of 5 ms (`monitorEventLoopDelay`),
 * from whose intervals these 5 ms are subtracted; a finer timer would itself cost CPU, and the emitting of
 * 1,000 records in one go is part of the delay. `limit` is a processor that encodes the same bytes and writes them to a
 * socket, with no queue, bounds, retries or accounts: what is left above it is what ours costs.
 */

import { type Bench, type BenchOptions, CONTENDERS, LIMIT, type Measure } from './support/measure.ts';
import { inTurns } from './support/turns.ts';
import { type LoadInput, loadMeasures } from './support/under-load.ts';

export { contend } from './support/under-load.ts';

interface Scenario extends LoadInput {
  readonly latencyMillis: number;
  readonly cpuGoal: number;
}

async function measure(scenario: Scenario, options: BenchOptions): Promise<Measure[]> {
  const { latencyMillis, cpuGoal, ...input } = scenario;
  const situation = `${input.recordsPerSecond.toLocaleString('en')}/s, ${latencyMillis} ms`;
  const rounds = await inTurns(
    { module: import.meta.url, contenders: [...CONTENDERS, LIMIT], input, collector: { latencyMillis } },
    { ...options, progress: (text) => options.progress(`${situation}: ${text}`) },
  );
  return loadMeasures(rounds, input, situation, { cpuRatio: cpuGoal, loopRatio: 1 }, true);
}

export const bench: Bench = {
  title: 'Under load',
  run: async (options) => {
    const high = {
      recordsPerSecond: 100_000,
      seconds: options.quick ? 0.5 : 10,
      cpuGoal: 0.4,
      watchesLoop: true,
    };
    const low = {
      recordsPerSecond: 10_000,
      seconds: options.quick ? 0.5 : 5,
      cpuGoal: 0.6,
      watchesLoop: false,
    };
    return [
      ...(await measure({ ...high, latencyMillis: 5 }, options)),
      ...(await measure({ ...high, latencyMillis: 50 }, options)),
      ...(await measure({ ...low, latencyMillis: 5 }, options)),
    ];
  },
};
