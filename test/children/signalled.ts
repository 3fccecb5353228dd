/** Processes that are ended by a signal: `node signalled.ts <scenario> <collector's url>`. */

import { shutdownOnSignals } from '../../src/index.ts';
import { done, emit, hangingExporter, providerWith, report, spillway } from './child.ts';
import { exporterTo } from './exporter.ts';

const url = process.argv[3] ?? '';
// A service that would run for long.
const service = setInterval(() => {}, 60_000);

const scenarios: Record<string, () => void> = {
  serves: () => {
    const provider = providerWith(spillway(exporterTo(url)));
    const logger = provider.getLogger('child');
    emit(logger, 250);
    shutdownOnSignals(provider, {
      before: () => {
        emit(logger);
        done();
      },
    });
  },
  'has no collector': () => {
    const provider = providerWith(spillway(exporterTo(url), { shutdown: { timeoutMillis: 300 } }));
    emit(provider.getLogger('child'), 250);
    shutdownOnSignals(provider, { before: done });
  },
  'has an exporter that hangs': () => {
    const provider = providerWith(spillway(hangingExporter(), { shutdown: { timeoutMillis: 300 } }));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(provider, { before: done });
  },
  'takes for ever to shut down': () => {
    const provider = providerWith(spillway(hangingExporter(), { shutdown: { timeoutMillis: 3_600_000 } }));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(provider, { before: () => report('stopping') });
  },
  'fails in the step before': () => {
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(provider, {
      before: () => {
        done();
        throw new Error('the server did not close');
      },
    });
  },
  'has a handler of its own': () => {
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(provider);
    process.on('SIGTERM', () => {
      report('handled');
      process.exitCode = 5;
      // Later than the shutdown, so that there is still someone to hear a signal that is raised again.
      setTimeout(() => clearInterval(service), 300);
    });
  },
  'no longer listens': () => {
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(provider)();
  },
};

scenarios[process.argv[2] ?? '']?.();
report('ready');
