/** Promises that are known not to be kept yet, by property: each with a run that shows it. The list is to become empty. */

import type { PlanNotes } from './plan.ts';

export interface KnownFailure {
  /** The name of the property. */
  readonly property: string;
  /** What is wrong, in a line. */
  readonly because: string;
  /** A run in which it is not kept: as soon as it is, the entry has to go. */
  readonly example: PlanNotes;
}

export const KNOWN_FAILURES: readonly KnownFailure[] = [
  {
    property: 'after a failure one request at a time',
    because:
      'the official HTTP exporters hide a 503 behind retries of their own, so that retries seem to pay',
    example: {
      seed: 23,
      weather: [{ atMillis: 500, weather: { kind: 'rate-limit', requestsPerMinute: 30, status: 503 } }],
      slots: [
        [
          {
            exporter: { kind: 'official-http' },
            options: { maxConcurrentExports: 30, protectSeverity: 17 },
            lifeMillis: 11000,
            workMillis: 150000,
            pauseMillis: 100,
          },
        ],
      ],
    },
  },
  {
    property: 'nothing arrives twice without an excuse',
    because: 'what a black hole swallowed is retransmitted when it ends, after the exporter had given it up',
    example: {
      seed: 1394000227,
      weather: [
        { atMillis: 500, weather: { kind: 'black-hole' } },
        { atMillis: 41500, weather: { kind: 'healthy' } },
      ],
      slots: [
        [{ exporter: { kind: 'official-http' }, lifeMillis: 66000, workMillis: 1500000, pauseMillis: 100 }],
      ],
    },
  },
  {
    property: 'a limit of size costs no record',
    because:
      'a limit that falls below what was accepted before, and does not say so, is taken for bad records',
    example: {
      seed: 2147483621,
      weather: [{ atMillis: 1700, weather: { kind: 'size-limit', bytes: 8192, how: '400-unsaid' } }],
      slots: [[{ lifeMillis: 2300, pauseMillis: 100, work: { records: 50, everyMillis: 200, bytes: 500 } }]],
    },
  },
  {
    property: 'with a spool nothing is lost for want of room',
    because: 'a spool that others have filled leaves no room for the last of many batches',
    example: {
      seed: 1400993946,
      weather: [
        { atMillis: 810, weather: { kind: 'failing', status: 408 } },
        { atMillis: 240810, weather: { kind: 'healthy' } },
      ],
      spool: {
        mode: 'overflow',
        fsync: 'interval',
        leaseMillis: 10000,
        replayShare: 0.25,
        spillAfterOpenMillis: 0,
        maxBytes: 1048576,
      },
      slots: [
        [
          {
            options: { maxQueueSize: 2048, maxExportBatchSize: 512 },
            lifeMillis: 20000,
            workMillis: 112500,
            pauseMillis: 950,
            work: { records: 40, everyMillis: 300, bytes: 1000, hugeEvery: 500, hugeBytes: 20000 },
          },
          {
            exporter: { kind: 'official-http' },
            options: {
              maxQueueSize: 2048,
              maxExportBatchSize: 512,
              maxExportBatchBytes: 20000,
              maxRecordBytes: 262144,
              maxConcurrentExports: 1,
              overflow: 'drop-oldest',
              protectSeverity: 17,
              shed: { above: 0.5, belowSeverity: 9 },
              breaker: { failureThreshold: 5, resetTimeoutMillis: 2000, maxResetTimeoutMillis: 5000 },
              retry: { initialDelayMillis: 100, maxDelayMillis: 5000, maxElapsedMillis: 60000 },
              memoryLimit: { softRatio: 0.5, hardRatio: 0.7 },
              shutdown: { timeoutMillis: 10000 },
              gapMarker: false,
            },
            lifeMillis: 6800,
            workMillis: 375000,
            end: 'kill',
            pauseMillis: 1600,
            work: { records: 20, everyMillis: 500, bytes: 30 },
          },
          {
            exporter: { kind: 'unknown' },
            options: {
              maxExportBatchSize: 512,
              maxQueueBytes: 100000,
              maxExportBatchBytes: 1048576,
              maxRecordBytes: 2048,
              scheduledDelayMillis: 100,
              maxConcurrentExports: 2,
              protectSeverity: 17,
              shed: false,
              retry: { initialDelayMillis: 100, maxDelayMillis: 5000, maxElapsedMillis: 60000 },
              memoryLimit: false,
              gapMarker: false,
            },
            lifeMillis: 29000,
            pauseMillis: 2700,
            work: { records: 50, everyMillis: 200, bytes: 500 },
          },
        ],
      ],
    },
  },
];
