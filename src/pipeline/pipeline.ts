/** Builds the parts of a processor, in the order of their dependencies. */

import { type Clock, systemClock } from '../common/clock.ts';
import type { Environment } from '../common/validation.ts';
import { Driver } from '../delivery/driver.ts';
import {
  ADAPTER,
  type AdapterFactory,
  concurrentDefaults,
  type ExporterAdapter,
  PLAIN_DEFAULTS,
} from '../delivery/exporter-adapter.ts';
import { type AnyLogRecordExporter, ExporterFlush, ExporterSender } from '../delivery/exporter-sender.ts';
import { concurrencyLimitOf } from '../delivery/official-exporter.ts';
import { Recovery } from '../delivery/recovery.ts';
import { TimeoutSender } from '../delivery/sender.ts';
import { DurableQueue, type DurableQueueListener } from '../durable/durable-queue.ts';
import { Replay } from '../durable/replay.ts';
import { SpoolOverflow } from '../durable/spool-overflow.ts';
import type { SpillwayOptions } from '../options/options.ts';
import { checkOptions, resolveSettings, type Settings } from '../options/settings.ts';
import { RecordBatchCodec } from '../otlp/encoding/batch-codecs.ts';
import { SpillwayOtlpLogExporter } from '../otlp/exporter.ts';
import type { ProcessEvents } from '../process/exit-hooks.ts';
import { memoryUseRatio, usableMemoryBytes } from '../process/memory-guard.ts';
import { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import { Backpressure } from '../queue/backpressure.ts';
import type { EmittedRecord, LogBatch } from '../queue/log-batch.ts';
import type { QueueListener } from '../queue/queue-contract.ts';
import { RecordBatch } from '../records/record-batch.ts';
import { nodeFiles, type SpoolFiles } from '../spool/format/file-system.ts';
import { Spool } from '../spool/spool.ts';
import { GapMarker } from '../telemetry/gap-marker.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { MemoryLimiter } from './memory-limiter.ts';
import { callExporterOf, ShutdownSequence } from './shutdown-sequence.ts';

/** Dependencies that tests replace. */
export interface Surroundings {
  readonly clock: Clock;
  readonly memoryUseRatio: () => number;
  readonly files?: SpoolFiles;
  /** Default: this process. */
  readonly process?: ProcessEvents;
  readonly environment?: Environment;
  readonly usableMemoryBytes?: () => number;
}

export interface Pipeline {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly queue: AsyncSinkQueue<LogBatch>;
  readonly recovery: Recovery;
  readonly durable: DurableQueue<LogBatch> | undefined;
  readonly backpressure: Backpressure;
  readonly memoryLimiter: MemoryLimiter | undefined;
  readonly shutdownSequence: ShutdownSequence;
  /** Counts a record and admits it. */
  readonly offer: (record: EmittedRecord) => void;
}

interface Ground {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly adapter: ExporterAdapter<LogBatch>;
  /** Makes driver and spiller look for work. */
  readonly wake: Wake;
  readonly news: News;
}

/** Events of queue and disk. */
type News = QueueListener & DurableQueueListener;

/**
 * Builds each part before the ones that need it: telemetry, the exporter's adapter, queue and disk, recovery and
 * driver, backpressure and memory limiter, the shutdown sequence, and last the gap marker, which emits records itself.
 * Events for a later part go through a `Wake`, to which the part is added once it exists.
 *
 * @throws SpillwayError `ERR_SPILLWAY_OPTION`, naming the option, its range and the value.
 */
export function buildPipeline(
  options: SpillwayOptions,
  {
    clock,
    memoryUseRatio: useRatio,
    files = nodeFiles,
    process: events = process,
    environment = process.env,
    usableMemoryBytes: usableBytes = usableMemoryBytes,
  }: Surroundings = { clock: systemClock, memoryUseRatio },
): Pipeline {
  checkOptions(options);
  const exporter = options.exporter ?? new SpillwayOtlpLogExporter();
  const adapterFactory = adapterFor(exporter);
  const settings = resolveSettings(options, environment, usableBytes(), adapterFactory.defaults);
  const roomMade = new Wake();
  const telemetry = new Telemetry(options, roomMade.raise, clock);

  const exporterFlush = new ExporterFlush(() => callExporterOf({ exporter, telemetry }, 'forceFlush'), clock);
  const adapter = adapterFactory.open({
    maxRecordBytes: settings.maxRecordBytes,
    meterProvider: options.meterProvider ?? options.selfObsMeterProvider,
    clock,
    exporting: () => exporterFlush.exporting(),
  });

  const wake = new Wake();
  const news: News = {
    dropped: telemetry.dropped.bind(telemetry),
    recovered: telemetry.recovered.bind(telemetry),
    warn: telemetry.diagnostics.warn.bind(telemetry.diagnostics),
    wake: wake.raise,
  };
  const ground = { settings, clock, telemetry, adapter, wake, news };
  const { queue, durable } = buildQueue(ground, files);
  const { recovery, driver } = buildDelivery(ground, queue, durable);
  durable?.open(news);

  const backpressure = new Backpressure(() => queue.pressure);
  roomMade.add(() => backpressure.update());
  const memoryLimiter =
    settings.memoryLimit &&
    new MemoryLimiter(settings.memoryLimit, settings.maxQueueBytes, {
      queue,
      diagnostics: telemetry.diagnostics,
      clock,
      memoryUseRatio: useRatio,
      wake: roomMade.raise,
    });
  wake.add(() => {
    memoryLimiter?.watch();
    telemetry.watch();
  });

  const watched = { settings, clock, telemetry, queue, recovery, durable, backpressure, memoryLimiter };
  const ending = { ...watched, exporter, exporterFlush, driver, process: events };
  const shutdownSequence = new ShutdownSequence(ending, settings.shutdown.timeoutMillis);
  const offer = (record: EmittedRecord) => {
    telemetry.ledger.offered++;
    queue.admit(record);
    if (shutdownSequence.isExiting) shutdownSequence.storeAtExit();
  };
  if (settings.gapMarker) telemetry.marker = new GapMarker(offer, clock);
  return { ...watched, shutdownSequence, offer };
}

function buildQueue(
  { settings, clock, adapter, news }: Ground,
  files: SpoolFiles,
): Pick<Pipeline, 'queue' | 'durable'> {
  const { openBatch, codec } = adapter;
  if (settings.spool === undefined) {
    return { queue: new AsyncSinkQueue(settings, openBatch, news, clock.now), durable: undefined };
  }
  const { maxReplayBytes, replayShare } = settings.spool;
  const { warn, wake } = news;
  const spool = new Spool(settings.spool, clock, files);
  const disk = {
    overflow: new SpoolOverflow({ spool, codec, clock, warn, wake }),
    settings: settings.spool,
    clock,
    warn,
  };
  const queue = new AsyncSinkQueue(settings, openBatch, news, clock.now, disk);
  const maxReplays = Math.max(1, Math.floor(settings.maxConcurrentExports * replayShare));
  const replay = new Replay(spool, codec, { maxReplayBytes, maxReplays }, news, clock);
  return { queue, durable: new DurableQueue(queue, spool, replay, replayShare) };
}

function buildDelivery(
  { settings, clock, telemetry, adapter, wake }: Ground,
  queue: Pipeline['queue'],
  durable: Pipeline['durable'],
): { readonly recovery: Recovery; readonly driver: Driver<LogBatch> } {
  const recovery = new Recovery(settings, clock.random, (change) => {
    telemetry.breakerChanged(change);
    queue.spiller?.breakerChanged(change.to === 'closed');
  });
  // The time limit holds whatever the adapter does, even if its callback never comes. Retry and breaker are not
  // wrappers around the sender but the driver's: a waiting batch goes back to the queue, where it can be overtaken,
  // evicted, halved or flushed.
  const sender = new TimeoutSender(adapter.sender, settings.exportTimeoutMillis, clock);
  const driver = new Driver(
    durable?.scheduler ?? queue,
    sender,
    recovery,
    {
      concurrency: { start: adapter.startingExports, max: settings.maxConcurrentExports },
      retry: settings.retry,
    },
    telemetry,
    clock,
  );
  wake.add(() => driver.wake());
  if (queue.spiller !== undefined) wake.add(queue.spiller.wake);
  return { recovery, driver };
}

/** The signal that something has changed. Listeners are added once they exist, and only schedule work for a later turn, so that raising is cheap. */
class Wake {
  readonly #sleepers: (() => void)[] = [];

  add(wake: () => void): void {
    this.#sleepers.push(wake);
  }

  readonly raise = (): void => {
    for (const wake of this.#sleepers) wake();
  };
}

/** Asks an exporter for its adapter; others get the plain one, with batches of records sent by `export()`. */
function adapterFor(exporter: AnyLogRecordExporter): AdapterFactory<LogBatch> {
  const own = (exporter as { readonly [ADAPTER]?: AdapterFactory<LogBatch> })[ADAPTER];
  if (own !== undefined) return own;
  const concurrencyLimit = concurrencyLimitOf(exporter);
  const plain: AdapterFactory<RecordBatch> = {
    defaults: concurrencyLimit === undefined ? PLAIN_DEFAULTS : concurrentDefaults(concurrencyLimit),
    open: ({ maxRecordBytes, clock, exporting }) => ({
      openBatch: () => new RecordBatch(maxRecordBytes),
      sender: new ExporterSender(exporter, clock, exporting, concurrencyLimit),
      codec: new RecordBatchCodec(maxRecordBytes),
      // For an unknown exporter, an application that allows concurrent exports states how many are good.
      startingExports: concurrencyLimit === undefined ? Number.POSITIVE_INFINITY : 1,
    }),
  };
  return plain as AdapterFactory<LogBatch>;
}
