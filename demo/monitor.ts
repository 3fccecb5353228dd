/** The service's side of the demo: samples the pipelines and reports them over IPC, and at its end in a file. */
import { writeFileSync } from 'node:fs';
import { type PerPipeline, type PipelineSample, type ToService, tell } from './messages.ts';
import type { Pipeline } from './pipelines.ts';

export interface MonitorOptions {
  port: number;
  pipelines: readonly Pipeline[];
  offered: () => number;
  /** Stops taking requests and shuts the pipelines down. */
  finish: () => Promise<void>;
}

const sampleIntervalMillis = 20;

/** @returns what leaves the last words; without a call of it, the exit of the process does. */
export function monitor({ port, pipelines, offered, finish }: MonitorOptions): () => void {
  async function sample(): Promise<void> {
    const looks = await Promise.all(pipelines.map((pipeline) => pipeline.look()));
    // In one turn: the numbers on both sides of the law are those of one instant.
    const entries = pipelines.map(({ name, balance }, index) => [
      name,
      { ...looks[index], ...(balance && { balance: balance() }) },
    ]);
    const samples = Object.fromEntries(entries) as PerPipeline<PipelineSample>;
    tell({ type: 'sample', offered: offered(), pipelines: samples });
  }

  const timer = setInterval(() => void sample(), sampleIntervalMillis);

  process.on('message', async (message: ToService) => {
    if (message.type === 'mark') {
      await sample();
      tell({ type: 'marked' });
      return;
    }
    await finish();
    clearInterval(timer);
    await sample();
    tell({ type: 'finished' });
    process.disconnect();
  });
  process.on('disconnect', () => process.exit());
  function leaveLastWords(): void {
    const { DEMO_LAST_WORDS: path } = process.env;
    if (path === undefined) return;
    const balances = pipelines.map(({ name, balance }) => [name, balance?.()]);
    writeFileSync(path, JSON.stringify({ offered: offered(), balances: Object.fromEntries(balances) }));
  }

  // Registered after the processors' own listeners: what they have put on disk is counted as such.
  process.on('exit', leaveLastWords);
  // A terminal sends its interrupt to the whole group; the demo decides when its service ends.
  process.on('SIGINT', () => {});
  tell({ type: 'listening', port });
  return leaveLastWords;
}
