/**
 * The exporters that people have, behind the stock processor and behind ours: who cannot change the exporter can change
 * the processor.
 *
 * Method: as under load, with `stock` and `spillway (plain)` in front of the same official exporter, each at its
 * defaults: OTLP over HTTP with protobuf, OTLP over HTTP with JSON, OTLP over gRPC. Records are emitted at 100,000/s, to a
 * collector that answers each request 5 ms or 50 ms after it has decoded it.
 */

import type { OfficialExporter } from './support/contenders.ts';
import { type Bench, type BenchOptions, type Measure, PLAIN, STOCK } from './support/measure.ts';
import { inTurns } from './support/turns.ts';
import { type LoadInput, loadMeasures } from './support/under-load.ts';

export { contend } from './support/under-load.ts';

const NAMES: Readonly<Record<OfficialExporter, string>> = {
  protobuf: 'protobuf',
  json: 'JSON',
  grpc: 'gRPC',
};
const LATENCIES_MILLIS = [5, 50];
const GOALS = { judged: PLAIN, cpuRatio: 0.65, loopRatio: 1.25 } as const;

async function measure(
  exporter: OfficialExporter,
  latencyMillis: number,
  input: LoadInput,
  options: BenchOptions,
): Promise<Measure[]> {
  const situation = `${NAMES[exporter]}, ${latencyMillis} ms`;
  const isGrpc = exporter === 'grpc';
  const rounds = await inTurns(
    {
      module: import.meta.url,
      contenders: [STOCK, PLAIN],
      input: { ...input, exporter },
      collector: { latencyMillis, isGrpc },
    },
    { ...options, progress: (text) => options.progress(`${situation}: ${text}`) },
  );
  return loadMeasures(rounds, input, situation, GOALS, false);
}

export const bench: Bench = {
  title: 'Behind the official exporters',
  run: async (options) => {
    const input = { recordsPerSecond: 100_000, seconds: options.quick ? 0.5 : 5, watchesLoop: true };
    const measures: Measure[] = [];
    for (const exporter of Object.keys(NAMES) as OfficialExporter[]) {
      for (const latencyMillis of LATENCIES_MILLIS) {
        measures.push(...(await measure(exporter, latencyMillis, input, options)));
      }
    }
    return measures;
  },
};
