/** The service's side of the demo: samples the pipelines, checks the law on every sample, reports over IPC. */
import { balances } from './balance.ts';
import {
  type LawReport,
  type PerPipeline,
  type PipelineSample,
  pipelineNames,
  type QueueDepth,
  type ToService,
  tell,
} from './messages.ts';
import type { Pipeline } from './pipelines.ts';

export interface MonitorOptions {
  port: number;
  pipelines: readonly Pipeline[];
  offered: () => number;
  /** Stops taking requests and shuts the pipelines down. */
  finish: () => Promise<void>;
}

const sampleIntervalMillis = 20;

export function monitor({ port, pipelines, offered, finish }: MonitorOptions): void {
  const laws: Partial<PerPipeline<LawReport>> = {};
  let peaks = emptyQueues();
  let recordBytes = 0;

  function checkLaws(): void {
    for (const { name, balance } of pipelines) {
      if (!balance) continue;
      const final = balance();
      const law = laws[name];
      laws[name] = { samples: (law?.samples ?? 0) + 1, final };
      const violation = law?.violation ?? (balances(final) ? undefined : final);
      if (violation) laws[name].violation = violation;
    }
  }

  async function sample(): Promise<void> {
    checkLaws();
    const entries = await Promise.all(
      pipelines.map(async (pipeline) => [pipeline.name, await pipeline.sample()] as const),
    );
    for (const [name, { queued }] of entries) {
      peaks[name] = deeper(peaks[name], queued);
      // As the stock processor, it holds records, not bytes.
      if (name === 'spillway' && queued.bytes && queued.records > 0)
        recordBytes = queued.bytes / queued.records;
    }
    const samples = Object.fromEntries(entries) as PerPipeline<PipelineSample>;
    tell({ type: 'sample', offered: offered(), pipelines: samples });
  }

  const timer = setInterval(() => void sample(), sampleIntervalMillis);

  process.on('message', async (message: ToService) => {
    if (message.type === 'mark') {
      await sample();
      tell({ type: 'marked', offered: offered(), peaks, recordBytes });
      peaks = emptyQueues();
      return;
    }
    await finish();
    clearInterval(timer);
    checkLaws();
    tell({ type: 'finished', offered: offered(), laws });
    process.disconnect();
  });
  process.on('disconnect', () => process.exit());
  // A terminal sends its interrupt to the whole group; the demo decides when its service ends.
  process.on('SIGINT', () => {});
  tell({ type: 'listening', port });
}

function emptyQueues(): PerPipeline<QueueDepth> {
  return Object.fromEntries(pipelineNames.map((name) => [name, { records: 0 }])) as PerPipeline<QueueDepth>;
}

function deeper(peak: QueueDepth, queued: QueueDepth): QueueDepth {
  const records = Math.max(peak.records, queued.records);
  return queued.bytes === undefined
    ? { records }
    : { records, bytes: Math.max(peak.bytes ?? 0, queued.bytes) };
}
