/** A process or a worker thread that has logged and waits for its end: `lingering.ts <what it has done> <directory>`. */

import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { pendingByShelf } from '../../src/cli/spool-contents.ts';
import { SpillwayLogRecordProcessor, type SpoolOptions } from '../../src/index.ts';
import { nodeFiles } from '../../src/spool/files/spool-files.ts';
import { emit, hangingExporter, providerWith } from './child.ts';

const [, , scenario = '', directory = ''] = process.argv;
// Reports of child.ts go to a pipe that is not here.
process.removeAllListeners('exit');

const FAILED = 1;

function refusingExporter(): LogRecordExporter {
  const error = new Error('no collector');
  return {
    export: (_, callback) => void setImmediate(() => callback({ code: FAILED, error })),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

async function recordsOnDisk(): Promise<number> {
  const shelves = await pendingByShelf(directory, nodeFiles);
  return [...shelves.values()].reduce((sum, { records }) => sum + records, 0);
}

/** 250 records in three batches; when they are where `isReady` wants them, three more, which are in memory only. */
async function linger(
  exporter: LogRecordExporter,
  spool: Partial<SpoolOptions>,
  isReady: (processor: SpillwayLogRecordProcessor, onDisk: number) => boolean,
): Promise<void> {
  const processor = new SpillwayLogRecordProcessor({
    exporter,
    maxExportBatchSize: 100,
    scheduledDelayMillis: 200,
    exportTimeoutMillis: 0,
    retry: { initialDelayMillis: 1 },
    breaker: { failureThreshold: 2 },
    spool: { directory, leaseMillis: 1_000, ...spool },
  });
  const logger = providerWith(processor).getLogger('child');
  emit(logger, 250);
  while (!isReady(processor, await recordsOnDisk())) await new Promise((resolve) => setTimeout(resolve, 5));
  emit(logger, 3);
  if (parentPort === null) process.send?.('ready');
  else parentPort.postMessage('ready');
  // Alive until it is ended.
  setInterval(() => {}, 60_000);
}

const areOnDisk = (_: SpillwayLogRecordProcessor, onDisk: number) => onDisk === 250;

const scenarios: Record<string, () => Promise<void>> = {
  always: () => linger(hangingExporter(), { mode: 'always' }, areOnDisk),
  'overflow, after a while without a collector': () =>
    linger(refusingExporter(), { spillAfterOpenMillis: 100 }, areOnDisk),
  'overflow, memory only': () =>
    linger(hangingExporter(), {}, (processor) => processor.stats().inFlight.records > 0),
};

if (isMainThread && process.argv[4] === 'in a worker') {
  const worker = new Worker(new URL(import.meta.url), { argv: [scenario, directory] });
  worker.on('message', (message) => process.send?.(message));
  process.on('message', () => process.exit(0));
} else {
  void scenarios[scenario]?.();
}
