/** Processes that lose records as they end, without a spool: `node losing.ts <scenario>`. */

import { DiagConsoleLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { shutdownOnSignals } from '../../src/index.ts';
import { bodyThatExits, emit, hangingExporter, providerWith, report, spillway } from './child.ts';

const processor = spillway(hangingExporter(), { shutdown: { timeoutMillis: 100 } });
const provider = providerWith(processor);
const logger = provider.getLogger('child');

/** Of the law, when every listener of the exit has had its turn but this one. */
function reportsTheLaw(): void {
  process.on('exit', () => {
    const { offered, exported, dropped, queued, inFlight } = processor.stats();
    const lost = Object.values(dropped).reduce((sum, records) => sum + records, 0);
    report(`offered ${offered}, lost ${lost}, shutdown ${dropped.shutdown}`);
    report(`law off by ${offered - exported - lost - queued.records - inFlight.records}`);
  });
}

const scenarios: Record<string, () => void> = {
  'is shut down': () => {
    emit(logger, 7);
    void provider.shutdown();
  },
  'is shut down with a diag logger': () => {
    diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN);
    emit(logger, 7);
    void provider.shutdown();
  },
  'is asked to end by a signal': () => {
    emit(logger, 7);
    shutdownOnSignals(provider);
    setInterval(() => {}, 60_000);
    process.kill(process.pid, 'SIGTERM');
  },
  'is ended by another listener': () => {
    reportsTheLaw();
    emit(logger, 7);
    shutdownOnSignals(provider);
    process.on('SIGTERM', () => process.exit(143));
    setInterval(() => {}, 60_000);
    process.kill(process.pid, 'SIGTERM');
  },
  'logs while it exits': () => {
    emit(logger, 7);
    process.on('exit', () => emit(logger, 2));
    reportsTheLaw();
    process.exit(0);
  },
  'exits with a diag logger': () => {
    diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN);
    emit(logger, 7);
    process.exit(0);
  },
  'exits in a getter of a record': () => {
    reportsTheLaw();
    emit(logger, 7);
    logger.emit({ body: bodyThatExits() });
  },
  'loses nothing': () => {
    process.exit(0);
  },
};

scenarios[process.argv[2] ?? '']?.();
