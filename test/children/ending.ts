/** Processes that come to an end by themselves, in every way: `node ending.ts <scenario> <collector's url>`. */

import { done, emit, hangingExporter, PATIENT, providerWith, report, spillway, stock } from './child.ts';
import { exporterTo } from './exporter.ts';

const url = process.argv[3] ?? '';
const shutdownIn = (timeoutMillis: number) => ({ shutdown: { timeoutMillis } });

const scenarios: Record<string, () => void> = {
  'emits and ends': () => {
    emit(providerWith(spillway(exporterTo(url))).getLogger('child'), 250);
  },
  'emits and ends, with the stock processor': () => {
    emit(providerWith(stock(exporterTo(url))).getLogger('child'), 250);
  },
  'emits from twelve processors': () => {
    for (let index = 0; index < 12; index++) {
      emit(providerWith(spillway(exporterTo(url))).getLogger('child'), 10);
    }
  },
  'emits once more in beforeExit': () => {
    const logger = providerWith(spillway(exporterTo(url))).getLogger('child');
    emit(logger, 10);
    process.once('beforeExit', () => emit(logger));
  },
  'emits in every beforeExit': () => {
    const logger = providerWith(spillway(exporterTo(url))).getLogger('child');
    emit(logger, 10);
    process.on('beforeExit', () => emit(logger));
  },
  'has nothing to send': () => {
    const processor = spillway(hangingExporter(), {
      ...shutdownIn(60_000),
      memoryLimit: { checkIntervalMillis: 60_000 },
    });
    providerWith(processor);
  },
  'has sent everything': () => {
    const processor = spillway(exporterTo(url), shutdownIn(60_000));
    emit(providerWith(processor).getLogger('child'), 10);
    void processor.forceFlush().then(done);
  },
  'has an exporter that hangs': () => {
    const exporter = hangingExporter();
    emit(providerWith(spillway(exporter, shutdownIn(300))).getLogger('child'), 10);
    process.on('exit', () => report(`exports ${exporter.exports}`));
  },
  'has a collector that is gone': () => {
    const processor = spillway(exporterTo(url), shutdownIn(300));
    emit(providerWith(processor).getLogger('child'), 10);
    process.on('exit', () => report(`queued ${processor.stats().queued.records}`));
  },
  'waits out a back-off': () => {
    const retry = { initialDelayMillis: 60_000, maxDelayMillis: 60_000 };
    const exporter = exporterTo(url);
    const processor = spillway(exporter, { ...PATIENT, scheduledDelayMillis: 0, retry, ...shutdownIn(300) });
    emit(providerWith(processor).getLogger('child'), 10);
  },
  'has a breaker that is open': () => {
    const exporter = exporterTo(url);
    const deliver = exporter.export.bind(exporter);
    let exports = 0;
    exporter.export = (records, callback) => {
      exports++;
      if (exports > 1) deliver(records, callback);
      else callback({ code: 1, error: new Error('down') });
    };
    const breaker = { failureThreshold: 1, resetTimeoutMillis: 60_000 };
    const processor = spillway(exporter, { breaker, ...shutdownIn(10_000) });
    emit(providerWith(processor).getLogger('child'), 250);
    processor.forceFlush({ timeoutMillis: 1_000 }).catch(({ code }) => report(code));
    process.on('exit', () => report(`exports ${exports}`));
  },
  'has an exporter that fails later than a shutdown may take': () => {
    let exports = 0;
    const exporter = {
      ...hangingExporter(),
      export(_: unknown[], callback: (result: { code: number; error: Error }) => void) {
        exports++;
        setTimeout(() => callback({ code: 1, error: new Error('down') }), 500);
      },
    };
    emit(providerWith(spillway(exporter, shutdownIn(300))).getLogger('child'), 10);
    process.on('exit', () => report(`exports ${exports}`));
  },
  'has an exporter that keeps what it is given': () => {
    let kept = 0;
    const exporter = {
      ...hangingExporter(),
      export(records: unknown[], callback: (result: { code: number }) => void) {
        kept += records.length;
        callback({ code: 0 });
      },
      forceFlush: async () => {
        kept = 0;
      },
    };
    // Nothing is left in the queue when the process is about to end.
    emit(providerWith(spillway(exporter, { scheduledDelayMillis: 0 })).getLogger('child'), 10);
    setTimeout(() => report(`had ${kept}`), 100);
    process.on('exit', () => report(`kept ${kept}`));
  },
  'sets its exit code': () => {
    process.exitCode = 3;
    emit(providerWith(spillway(exporterTo(url))).getLogger('child'), 10);
  },
  'calls process.exit': () => {
    emit(providerWith(spillway(hangingExporter(), shutdownIn(60_000))).getLogger('child'), 10);
    done();
    process.exit(4);
  },
  'shuts its provider down': () => {
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 250);
    void provider.shutdown().then(done);
  },
};

scenarios[process.argv[2] ?? '']?.();
done();
