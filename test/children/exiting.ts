/** Processes with a spool and a destination that hangs, which end in every way: `node exiting.ts <scenario> <directory>`. */

import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { pendingByPartition } from '../../src/cli/reading/spool-contents.ts';
import { SpillwayOtlpLogExporter } from '../../src/index.ts';
import { nodeFiles } from '../../src/spool/format/file-system.ts';
import { bodyThatExits, emit, hangingExporter, PATIENT, providerWith, report, spillway } from './child.ts';

const directory = process.argv[3] ?? '';
const wait = (millis: number) => setTimeout(() => {}, millis);

function loggerWith(spool: object = {}, options: object = {}) {
  const processor = spillway(hangingExporter(), {
    ...PATIENT,
    exportTimeoutMillis: 0,
    shutdown: { timeoutMillis: 300 },
    ...options,
    spool: { directory, ...spool },
  });
  return { processor, logger: providerWith(processor).getLogger('child') };
}

/** 250 records: two batches, of which one is in flight, and an open one. */
function begin(spool: object = {}, options: object = {}) {
  const { processor, logger } = loggerWith(spool, options);
  emit(logger, 250);
  return { processor, logger };
}

const scenarios: Record<string, () => void> = {
  'calls process.exit': () => {
    begin();
    setTimeout(() => process.exit(4), 50);
  },
  'calls process.exit in the turn in which it logs': () => {
    begin();
    process.exit(5);
  },
  'exits in a getter of a record, with an exporter that encodes them': () => {
    const exporter = new SpillwayOtlpLogExporter({ url: 'http://127.0.0.1:9/v1/logs' });
    const processor = spillway(exporter, { ...PATIENT, spool: { directory } });
    const logger = providerWith(processor).getLogger('child');
    emit(logger, 7);
    logger.emit({ body: bodyThatExits() });
  },
  throws: () => {
    begin();
    setTimeout(() => {
      throw new Error('thrown on purpose');
    }, 50);
  },
  rejects: () => {
    begin();
    setTimeout(() => void Promise.reject(new Error('rejected on purpose')), 50);
  },
  'ends by itself': () => {
    begin();
  },
  'logs while it exits': () => {
    const { logger } = begin();
    process.prependListener('exit', () => emit(logger));
    process.on('exit', () => emit(logger));
    process.on('exit', () => emit(logger, 2));
    setTimeout(() => process.exit(0), 50);
  },
  'may write less than it has': () => {
    begin({ exitMaxBytes: 60_000 });
    process.exit(0);
  },
  'has protected records and may write less than it has': () => {
    const { logger } = begin({ exitMaxBytes: 60_000 }, { protectSeverity: 17 });
    for (let number = 250; number < 300; number++) logger.emit({ body: String(number), severityNumber: 17 });
    process.exit(0);
  },
  'logs more while it exits than it may write': () => {
    const { logger } = loggerWith({ exitMaxBytes: 2_000 });
    emit(logger, 2);
    process.on('exit', () => {
      for (let index = 0; index < 50; index++) emit(logger);
    });
    process.exit(0);
  },
  'has two processors in one directory': () => {
    begin();
    begin();
    process.exit(0);
  },
  'exits while it shuts down': () => {
    const { processor } = begin();
    void processor.shutdown();
    setTimeout(() => process.exit(6), 100);
  },
  'has workers that exit': () => {
    const workers = [0, 1, 2].map(
      () => new Worker(fileURLToPath(import.meta.url), { argv: ['calls process.exit', directory] }),
    );
    for (const worker of workers) worker.on('exit', (code) => report(`worker ended with ${code}`));
  },
  'writes ahead and waits to be killed': () => {
    const { logger } = begin({ mode: 'always', leaseMillis: 1_000 });
    // Three full batches, and one that is open when it is killed.
    emit(logger, 53);
    const timer = setInterval(async () => {
      const partitions = await pendingByPartition(directory, nodeFiles);
      if ([...partitions.values()].reduce((sum, { records }) => sum + records, 0) < 300) return;
      clearInterval(timer);
      report('written');
    }, 10);
    wait(30_000);
  },
};

// A worker has no pipe for reports.
if (!isMainThread) process.removeAllListeners('exit');
scenarios[process.argv[2] ?? '']?.();
