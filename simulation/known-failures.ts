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
    property: 'an outage is felt for little longer than it lasts',
    because: 'the first probe comes 30 s after the breaker opens, and each next one after twice the time',
    example: {
      seed: 22,
      weather: [
        { atMillis: 500, weather: { kind: 'down' } },
        { atMillis: 20500, weather: { kind: 'healthy' } },
      ],
      slots: [
        [
          { lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100, work: { records: 5, everyMillis: 500 } },
          {
            lifeMillis: 20000,
            workMillis: 1500000,
            pauseMillis: 100,
            work: { records: 5, everyMillis: 500 },
          },
        ],
      ],
    },
  },
  {
    property: 'one incident is one failure',
    because: 'requests that were under way together count as failures in a row',
    example: {
      seed: 20,
      weather: [
        { atMillis: 500, weather: { kind: 'rate-limit', requestsPerMinute: 30, status: 503 } },
        { atMillis: 1190, weather: { kind: 'healthy' } },
      ],
      slots: [
        [
          {
            options: { scheduledDelayMillis: 100, protectSeverity: 17, breaker: { failureThreshold: 2 } },
            lifeMillis: 1200,
            workMillis: 1500000,
            pauseMillis: 100,
            work: { records: 5, everyMillis: 500 },
          },
        ],
      ],
    },
  },
  {
    property: 'after a failure one request at a time',
    because: 'after a failure the window is halved, not closed to one, and it grows with the first success',
    example: {
      seed: 26,
      weather: [{ atMillis: 500, weather: { kind: 'rate-limit', requestsPerMinute: 30, status: 503 } }],
      slots: [
        [
          {
            exporter: { kind: 'unknown' },
            options: { scheduledDelayMillis: 0, maxConcurrentExports: 30 },
            lifeMillis: 1600,
            workMillis: 1500000,
            pauseMillis: 100,
            work: { everyMillis: 500 },
          },
        ],
      ],
    },
  },
  {
    property: 'the destination is asked when it is announced',
    because: 'the back-off and the breaker are two clocks: the probe waits for the later one',
    example: {
      seed: 1812386310,
      weather: [{ atMillis: 500, weather: { kind: 'credentials-expired', status: 401 } }],
      slots: [
        [
          {
            options: { breaker: { resetTimeoutMillis: 1000 } },
            lifeMillis: 13000,
            workMillis: 150000,
            pauseMillis: 100,
          },
        ],
      ],
    },
  },
  {
    property: 'a limit of size costs no record',
    because: 'a 400 that is about size is taken for bad records',
    example: {
      seed: 28,
      weather: [{ atMillis: 500, weather: { kind: 'size-limit', bytes: 2048, how: '400-said' } }],
      slots: [
        [{ lifeMillis: 1400, workMillis: 112500, pauseMillis: 100, work: { records: 40, everyMillis: 300 } }],
      ],
    },
  },
  {
    property: 'every end begins with an attempt',
    because: 'with the breaker open an end does not ask at all',
    example: {
      seed: 2079928142,
      weather: [
        { atMillis: 500, weather: { kind: 'credentials-expired', status: 401 } },
        { atMillis: 17500, weather: { kind: 'healthy' } },
      ],
      slots: [
        [
          {
            lifeMillis: 16000,
            workMillis: 1500000,
            pauseMillis: 100,
            work: { records: 5, everyMillis: 500 },
          },
          { lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100, work: { records: 5, everyMillis: 500 } },
          { lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100, work: { records: 5, everyMillis: 500 } },
        ],
      ],
    },
  },
  {
    property: 'an end delivers what a healthy collector takes',
    because: 'what waits behind an open breaker is given up at the end, whatever the collector would take',
    example: {
      seed: 22,
      weather: [
        { atMillis: 500, weather: { kind: 'down' } },
        { atMillis: 20500, weather: { kind: 'healthy' } },
      ],
      slots: [
        [
          { lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100, work: { records: 5, everyMillis: 500 } },
          {
            lifeMillis: 16000,
            workMillis: 1500000,
            pauseMillis: 100,
            work: { records: 5, everyMillis: 500 },
          },
        ],
      ],
    },
  },
  {
    property: 'a hiccup of the disk costs no record',
    because: 'one write of more than 100 ms forbids burst writes for 10 s',
    example: {
      seed: 29,
      spool: {},
      disk: [{ atMillis: 500, hiccupMillis: 150 }],
      slots: [
        [
          {
            options: { maxQueueSize: 2048 },
            lifeMillis: 8600,
            workMillis: 24000,
            pauseMillis: 100,
            work: { records: 2500 },
          },
        ],
      ],
    },
  },
  {
    property: 'comes to rest',
    because: 'a record logged in onDrop is dropped in its turn, without end',
    example: {
      seed: 2147483618,
      slots: [
        [
          {
            lifeMillis: 2200,
            workMillis: 1500000,
            memory: [
              { atMillis: 1000, ratio: 0.95 },
              { atMillis: 2300, ratio: 0.85 },
            ],
            pauseMillis: 100,
            work: { logsInCallbacks: true },
          },
        ],
      ],
    },
  },
  {
    property: 'a web page is no delivery',
    because: 'any answer with the status 200 is taken for a delivery',
    example: {
      seed: 1181607600,
      weather: [{ atMillis: 500, weather: { kind: 'wrong-address', how: 'html-200' } }],
      slots: [[{ lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100 }]],
    },
  },
  {
    property: 'bad records cost little beside themselves',
    because: 'halving gives up what is left of a batch when its budget is spent',
    example: {
      seed: 1374056364,
      weather: [{ atMillis: 3400, weather: { kind: 'poison', every: 50 } }],
      slots: [[{ lifeMillis: 4200, workMillis: 24000, pauseMillis: 100, work: { records: 2500 } }]],
    },
  },
];
