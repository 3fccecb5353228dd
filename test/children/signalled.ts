/** Processes that are ended by a signal: `node signalled.ts <scenario> <collector's url>`. */

import { setTimeout as sleep } from 'node:timers/promises';
import { DiagConsoleLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { pendingByPartition } from '../../src/cli/reading/spool-contents.ts';
import { shutdownOnSignals } from '../../src/index.ts';
import { nodeFiles } from '../../src/spool/format/file-system.ts';
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
  'had a handler that is called once': () => {
    process.once('SIGTERM', () => {
      report('handled');
      process.exitCode = 5;
      setTimeout(() => clearInterval(service), 300);
    });
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(provider);
  },
  'has a handler that raises the signal again': () => {
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 10);
    const finish = async () => {
      await sleep(5);
      process.off('SIGTERM', finish);
      report('handled');
      process.kill(process.pid, 'SIGTERM');
    };
    process.on('SIGTERM', finish);
    shutdownOnSignals({
      async shutdown() {
        await sleep(200);
        await provider.shutdown();
      },
    });
  },
  'has a handler that raises the signal again, and takes for ever': () => {
    const finish = async () => {
      await sleep(5);
      process.off('SIGTERM', finish);
      process.kill(process.pid, 'SIGTERM');
      setTimeout(() => report('stopping'), 50);
    };
    process.on('SIGTERM', finish);
    shutdownOnSignals({ shutdown: () => new Promise(() => {}) });
  },
  'has a fast and a slow target': () => {
    const fast = { shutdown: async () => report('fast one ended') };
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(fast);
    shutdownOnSignals({
      async shutdown() {
        await sleep(200);
        await provider.shutdown();
        report('slow one ended');
      },
    });
  },
  'has a step before for another target': () => {
    const provider = providerWith(spillway(exporterTo(url)));
    const logger = provider.getLogger('child');
    emit(logger, 10);
    shutdownOnSignals(provider);
    const before = async () => {
      await sleep(200);
      emit(logger);
    };
    shutdownOnSignals({ shutdown: async () => {} }, { before });
  },
  'has twelve targets that take for ever': () => {
    const shutdown = () => {
      report('stopping');
      return new Promise(() => {});
    };
    for (let index = 0; index < 12; index++) shutdownOnSignals({ shutdown });
    report(`listeners ${process.listenerCount('SIGTERM')} ${process.listenerCount('SIGINT')}`);
  },
  'has targets for different signals': () => {
    // Whoever listens, too, has the last word: the process goes on.
    process.on('SIGUSR2', () => {
      const timer = setInterval(() => {
        if (process.listenerCount('SIGTERM') === 0) return;
        clearInterval(timer);
        report('listens again');
      }, 10);
    });
    const first = { shutdown: async () => report('first one ended') };
    shutdownOnSignals(first, { signals: ['SIGUSR2', 'SIGTERM'] });
    shutdownOnSignals({ shutdown: async () => report('second one ended') });
  },
  'has a step before that never ends': () => {
    diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN);
    const provider = providerWith(spillway(exporterTo(url)));
    emit(provider.getLogger('child'), 10);
    shutdownOnSignals(provider, { before: () => new Promise(() => {}), beforeTimeoutMillis: 200 });
  },
  'has a spool and a step before that never ends': () => {
    const processor = spillway(hangingExporter(), { spool: { directory: url } });
    emit(providerWith(processor).getLogger('child'), 250);
    shutdownOnSignals(processor, {
      before: async () => {
        const partitions = await pendingByPartition(url, nodeFiles);
        report(`on disk ${[...partitions.values()].reduce((sum, { records }) => sum + records, 0)}`);
        const { queued, inFlight } = processor.stats();
        report(`in memory ${queued.records + inFlight.records}`);
        report('stopping');
        await new Promise(() => {});
      },
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
