/** Processes that live for a moment, with the package's own exporter: `node brief.ts <scenario> <collector's url> [directory]`. */

import { type SpillwayOptions, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { done, emit, PATIENT, providerWith, report, spillway } from './child.ts';

const [, , scenario = '', argument = ''] = process.argv;
const [url = '', directory] = argument.split(' ');

function begin(options: Partial<SpillwayOptions> = {}, timeoutMillis?: number) {
  const exporter = new SpillwayOtlpLogExporter({ url, ...(timeoutMillis && { timeoutMillis }) });
  const spool = directory === undefined ? {} : { spool: { directory } };
  const processor = spillway(exporter, {
    ...PATIENT,
    shutdown: { timeoutMillis: 300 },
    ...spool,
    ...options,
  });
  process.on('exit', () => {
    const { exports, dropped, exported, spooled } = processor.stats();
    report(`attempts ${exports.attempts}, failures ${exports.failures}`);
    report(`exported ${exported}, spooled ${spooled.records}, lost ${dropped.shutdown}`);
  });
  return { processor, logger: providerWith(processor).getLogger('child') };
}

const scenarios: Record<string, () => unknown> = {
  'logs and ends': () => {
    emit(begin().logger, 10);
  },
  'logs small batches and ends': () => {
    emit(begin({ maxExportBatchSize: 10, shutdown: { timeoutMillis: 5_000 } }).logger, 100);
  },
  'ends while a request is under way': async () => {
    const { processor, logger } = begin();
    emit(logger, 10);
    void processor.forceFlush({ timeoutMillis: 100 }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    emit(logger);
    done();
  },
  'could wait out back-offs': () => {
    const retry = { initialDelayMillis: 4_000, maxDelayMillis: 4_000 };
    emit(begin({ retry, shutdown: { timeoutMillis: 10_000 } }).logger, 10);
  },
  'ends while a replay is under way': async () => {
    const { processor } = begin({ shutdown: { timeoutMillis: 5_000 } });
    while (processor.stats().inFlight.records === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    done();
  },
  'sends what it finds': async () => {
    const { processor } = begin({ shutdown: { timeoutMillis: 5_000 } });
    const isLeft = ({ recovered, spooled, inFlight }: ReturnType<typeof processor.stats>) =>
      recovered === 0 || spooled.records + inFlight.records > 0;
    while (isLeft(processor.stats())) await new Promise((resolve) => setTimeout(resolve, 2));
  },
  'goes on after its end': () => {
    const { logger } = begin({ scheduledDelayMillis: 10 });
    emit(logger, 10);
    process.once('beforeExit', () => setTimeout(() => emit(logger, 5), 400));
  },
  'is stopped during a request': async () => {
    const { processor, logger } = begin({}, 500);
    emit(logger, 10);
    await processor.forceFlush({ timeoutMillis: 600 }).then(
      () => report('flushed'),
      ({ code }) => report(code),
    );
  },
};

await scenarios[scenario]?.();
if (!scenario.startsWith('ends while')) done();
