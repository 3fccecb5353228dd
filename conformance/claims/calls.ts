/** What is claimed of the calls: emit, forceFlush and shutdown, and of those that the processor makes. */

import { setTimeout as sleep } from 'node:timers/promises';
import { context } from '@opentelemetry/api';
import { type Claim, count, judged, seconds } from '../claim.ts';
import { PlainExporter } from '../plain-exporter.ts';
import { millisUntil } from '../stage.ts';

/** What Docker waits before it kills. */
const GRACE_MILLIS = 10_000;
/** As `@opentelemetry/core` names it. */
const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

export const calls: readonly Claim[] = [
  {
    says: 'emit() does not wait: 50,000 calls take less than 2 s of CPU while the collector answers nothing',
    isBusy: true,
    play: async (stage) => {
      const collector = await stage.collector({ condition: 'silent' });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      const before = process.cpuUsage();
      stage.emit(logger, 50_000);
      const { user, system } = process.cpuUsage(before);
      const took = (user + system) / 1_000;
      return judged(took < 2_000, seconds(took));
    },
  },
  {
    says: 'Two flushes at the same time both resolve only when everything is delivered',
    play: async (stage) => {
      const collector = await stage.collector({ condition: { latencyMillis: 300 } });
      const { logger, processor } = stage.pipeline({ url: collector.logsUrl });
      const emitted = stage.emit(logger, 1_000);
      void processor.forceFlush().catch(() => {});
      await processor.forceFlush();
      const { different } = collector.account();
      return judged(
        different === emitted,
        `${count(different)} of ${count(emitted)} when the second resolved`,
      );
    },
  },
  {
    says: 'A shutdown during a flush resolves only when everything is delivered',
    play: async (stage) => {
      const collector = await stage.collector({ condition: { latencyMillis: 300 } });
      const { logger, processor } = stage.pipeline({ url: collector.logsUrl });
      const emitted = stage.emit(logger, 2_000);
      void processor.forceFlush().catch(() => {});
      await processor.shutdown();
      const { different } = collector.account();
      return judged(different === emitted, `${count(different)} of ${count(emitted)} when it resolved`);
    },
  },
  {
    says: 'forceFlush({ timeoutMillis: 1000 }) ends within 2 s while the collector answers nothing',
    play: async (stage) => {
      const collector = await stage.collector({ condition: 'silent' });
      const { logger, processor } = stage.pipeline({ url: collector.logsUrl });
      stage.emit(logger, 500);
      const took = await millisUntil(processor.forceFlush({ timeoutMillis: 1_000 }), 5_000);
      return judged(took !== undefined && took < 2_000, took === undefined ? 'over 5 s' : seconds(took));
    },
  },
  {
    says: 'A shutdown without a collector ends within 10 s, what Docker grants, with 1,500 records queued',
    play: async (stage) => {
      const { logger, processor } = stage.pipeline();
      stage.emit(logger, 1_500);
      const took = await millisUntil(processor.shutdown(), 30_000);
      return judged(
        took !== undefined && took < GRACE_MILLIS,
        took === undefined ? 'over 30 s' : seconds(took),
      );
    },
  },
  {
    says: 'A shutdown right after an outage delivers what has waited',
    play: async (stage) => {
      const collector = await stage.collector({ condition: 'dead' });
      const { logger, processor } = stage.pipeline({ url: collector.logsUrl });
      await stage.emitFor(logger, 12_000, 50);
      await collector.become('well');
      await processor.shutdown().catch(() => {});
      return stage.allArrive(collector, 10);
    },
  },
  {
    says: 'An exporter whose forceFlush() rejects once goes on being used',
    play: async (stage) => {
      const exporter = new PlainExporter();
      const { logger, processor } = stage.pipeline({ exporter, scheduledDelayMillis: 50 });
      exporter.onExport = () => sleep(50);
      exporter.onFlush = () => Promise.reject(new Error('not now'));
      // A full batch, which goes without being asked for.
      stage.emit(logger, 512);
      await sleep(10);
      await processor.forceFlush().catch(() => {});
      exporter.onFlush = () => Promise.resolve();
      const emitted = stage.emit(logger, 512);
      await sleep(2_000);
      return judged(exporter.records === emitted, `${exporter.records} of ${emitted} exported`);
    },
  },
  {
    says: 'An exporter is not called while a call to it is under way, after a timeout neither',
    play: async (stage) => {
      const exporter = new PlainExporter();
      exporter.onExport = () => sleep(1_000);
      const { logger } = stage.pipeline({ exporter, scheduledDelayMillis: 50, exportTimeoutMillis: 200 });
      for (let round = 0; round < 20; round++) {
        stage.emit(logger, 10);
        await sleep(150);
      }
      return judged(exporter.peak === 1, `${exporter.peak} at the same time`);
    },
  },
  {
    says: 'An exporter that logs when it exports causes no endless loop',
    play: async (stage) => {
      const exporter = new PlainExporter();
      const { logger } = stage.pipeline({ exporter, scheduledDelayMillis: 50 });
      exporter.onExport = async () => logger.emit({ body: 'exporting' });
      stage.emit(logger, 1);
      await sleep(3_000);
      return judged(exporter.calls <= 2, `${exporter.calls} exports in 3 s after one record`);
    },
  },
  {
    says: 'Exports are not traced',
    play: async (stage) => {
      const exporter = new PlainExporter();
      let isSuppressed = false;
      exporter.onExport = async () => {
        isSuppressed = context.active().getValue(SUPPRESS_TRACING) === true;
      };
      const { logger, processor } = stage.pipeline({ exporter });
      stage.emit(logger, 1);
      await processor.forceFlush();
      return judged(isSuppressed, isSuppressed ? 'suppressed' : 'not suppressed');
    },
  },
  {
    says: 'What is emitted after the shutdown neither throws nor is exported',
    play: async (stage) => {
      const exporter = new PlainExporter();
      const { logger, processor } = stage.pipeline({ exporter, scheduledDelayMillis: 50 });
      stage.emit(logger, 1);
      await processor.shutdown();
      stage.emit(logger, 1);
      await sleep(300);
      return judged(exporter.records === 1, `${exporter.records} exported`);
    },
  },
];
