/** A process or a worker thread with a processor for each scenario, which has logged and waits for its end: `lingering.ts <directory>`. */

import { join } from 'node:path';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { pendingByPartition } from '../../src/cli/reading/spool-contents.ts';
import { SpillwayLogRecordProcessor, type SpoolOptions } from '../../src/index.ts';
import { nodeFiles } from '../../src/spool/format/file-system.ts';
import { hangingExporter, providerWith } from './child.ts';

const [, , parent = ''] = process.argv;
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

async function recordsIn(directory: string): Promise<number> {
  const partitions = await pendingByPartition(directory, nodeFiles);
  return [...partitions.values()].reduce((sum, { records }) => sum + records, 0);
}

/** 250 records in three batches; when they are where `isReady` wants them, three more, which are in memory only. */
async function linger(
  scenario: string,
  exporter: LogRecordExporter,
  spool: Partial<SpoolOptions>,
  isReady: (processor: SpillwayLogRecordProcessor, onDisk: number) => boolean,
): Promise<void> {
  const directory = join(parent, scenario);
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
  const emit = (from: number, to: number) => {
    for (let number = from; number < to; number++) logger.emit({ body: String(number), severityNumber: 9 });
  };
  emit(0, 250);
  while (!isReady(processor, await recordsIn(directory))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  emit(250, 253);
}

const areOnDisk = (_: SpillwayLogRecordProcessor, onDisk: number) => onDisk === 250;

async function lingerInEveryScenario(): Promise<void> {
  await Promise.all([
    linger('always', hangingExporter(), { mode: 'always' }, areOnDisk),
    linger(
      'overflow, after a while without a collector',
      refusingExporter(),
      { spillAfterOpenMillis: 100 },
      areOnDisk,
    ),
    linger(
      'overflow, memory only',
      hangingExporter(),
      {},
      (processor) => processor.stats().inFlight.records > 0,
    ),
  ]);
  if (parentPort === null) process.send?.('ready');
  else parentPort.postMessage('ready');
  // Alive until it is ended.
  setInterval(() => {}, 60_000);
}

if (isMainThread && process.argv[3] === 'in a worker') {
  const worker = new Worker(new URL(import.meta.url), { argv: [parent] });
  worker.on('message', (message) => process.send?.(message));
  process.on('message', () => process.exit(0));
} else {
  void lingerInEveryScenario();
}
