/** Reads the state of all parts for the metrics, `stats()` and `health()`. */

import type { Gauges } from '../telemetry/metrics.ts';
import { healthOf, type SpillwayHealth, type SpillwayStats, statsOf } from '../telemetry/stats.ts';
import type { Pipeline } from './pipeline.ts';

export function gaugesOf({ settings, clock, queue, recovery, durable }: Pipeline): Gauges {
  const { oldestAt } = queue;
  // Deferred events are counted first, so that all counts are of the same instant.
  durable?.spool.deliverEvents();
  const oldestOnDisk = durable?.spool.oldestUnixMillis ?? Number.POSITIVE_INFINITY;
  return {
    queueRecords: queue.records + queue.inFlightRecords,
    queueCapacity: settings.maxQueueSize,
    queueBytes: queue.bytes + queue.inFlightBytes,
    queueLimitBytes: queue.maxBytes,
    oldestAgeMillis: Math.max(0, clock.now() - oldestAt, clock.wallNow() - oldestOnDisk),
    breakerState: recovery.breaker,
    spoolRecords: durable?.records ?? 0,
    spoolBytes: durable?.spool.bytes ?? 0,
    spoolLimitBytes: settings.spool?.maxBytes ?? 0,
    replayedRecords: durable?.replay.replayedRecords ?? 0,
  };
}

export function statsOfPipeline({ clock, telemetry, queue, recovery, durable }: Pipeline): SpillwayStats {
  const { breaker, askAt, failingSince } = recovery;
  const now = clock.now();
  durable?.spool.deliverEvents();
  const disk = durable && {
    records: durable.records,
    bytes: durable.spool.bytes,
    replayingRecords: durable.replay.inFlightRecords,
    replayingBytes: durable.replay.inFlightBytes,
  };
  return statsOf(telemetry.ledger, queue, disk, {
    state: breaker,
    ...(breaker === 'open' && askAt !== undefined && { nextProbeMillis: Math.max(0, askAt - now) }),
    ...(failingSince !== undefined && { failingMillis: now - failingSince }),
  });
}

export function healthOfPipeline(pipeline: Pipeline): SpillwayHealth {
  const { clock, telemetry, queue, recovery, durable, memoryLimiter, shutdownSequence } = pipeline;
  const { breaker, failingSince } = recovery;
  return healthOf({
    breakerState: breaker,
    memoryLevel: memoryLimiter?.currentLevel() ?? 'normal',
    pressure: queue.pressure,
    failingMillis: failingSince === undefined ? undefined : clock.now() - failingSince,
    dropsRecently: telemetry.droppedRecently,
    spoolDegradedBecause: durable?.spool.degradedBecause,
    isShutDown: shutdownSequence.isShutDown,
    lostAtEnd: telemetry.ledger.dropped.shutdown,
    lastError: telemetry.ledger.lastError,
  });
}
