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
      seed: 1674471264,
      weather: [
        { atMillis: 500, weather: { kind: 'down' } },
        { atMillis: 3400, weather: { kind: 'healthy' } },
      ],
      slots: [[{ lifeMillis: 6800, workMillis: 600000, pauseMillis: 100, work: { everyMillis: 200 } }]],
    },
  },
  {
    property: 'one incident is one failure',
    because: 'requests that were under way together count as failures in a row',
    example: {
      seed: 15,
      weather: [{ atMillis: 1200, weather: { kind: 'credentials-expired', status: 401 } }],
      slots: [
        [
          {
            lifeMillis: 2300,
            workMillis: 6103,
            pauseMillis: 100,
            options: { maxExportBatchSize: 512 },
            work: { records: 2458 },
          },
        ],
      ],
    },
  },
  {
    property: 'after a failure one request at a time',
    because: 'after a failure the window is halved, not closed to one, and it grows with the first success',
    example: {
      seed: 1314291408,
      weather: [{ atMillis: 500, weather: { kind: 'rate-limit', requestsPerMinute: 30, status: 503 } }],
      slots: [[{ lifeMillis: 21000, workMillis: 1500000, pauseMillis: 100 }]],
    },
  },
  {
    property: 'the destination is asked when it is announced',
    because: 'the back-off and the breaker are two clocks: the probe waits for the later one',
    example: {
      seed: 2079928142,
      weather: [{ atMillis: 500, weather: { kind: 'credentials-expired', status: 401 } }],
      slots: [
        [
          { lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100 },
          {
            lifeMillis: 14000,
            workMillis: 1500000,
            pauseMillis: 100,
            options: { breaker: { resetTimeoutMillis: 1000 } },
            work: { everyMillis: 500 },
          },
        ],
      ],
    },
  },
  {
    property: 'a limit of size costs no record',
    because: 'a 400 that is about size is taken for bad records',
    example: {
      seed: 51587379,
      weather: [{ atMillis: 2700, weather: { kind: 'size-limit', bytes: 8192, how: '400-said' } }],
      slots: [[{ lifeMillis: 2800, workMillis: 6103, pauseMillis: 100, work: { records: 2458 } }]],
    },
  },
  {
    property: 'every end begins with an attempt',
    because: 'with the breaker open an end does not ask at all',
    example: {
      seed: 2079928142,
      weather: [{ atMillis: 500, weather: { kind: 'credentials-expired', status: 401 } }],
      slots: [[{ lifeMillis: 18000, workMillis: 1500000, pauseMillis: 100 }]],
    },
  },
  {
    property: 'an end delivers what a healthy collector takes',
    because: 'what waits behind an open breaker is given up at the end, whatever the collector would take',
    example: {
      seed: 1700129511,
      weather: [
        { atMillis: 500, weather: { kind: 'down' } },
        { atMillis: 14500, weather: { kind: 'healthy' } },
      ],
      slots: [[{ lifeMillis: 16000, workMillis: 1500000, pauseMillis: 100 }]],
    },
  },
  {
    property: 'with a spool nothing is lost for want of room',
    because: 'what is under way fills the queue, and then the disk is not asked',
    example: {
      seed: 909495736,
      weather: [{ atMillis: 2700, weather: { kind: 'half-answer', status: 200, end: 'hang' } }],
      spool: {},
      slots: [
        [
          {
            lifeMillis: 9400,
            workMillis: 29297,
            pauseMillis: 100,
            options: { maxQueueSize: 2048 },
            work: { records: 2048 },
          },
        ],
      ],
    },
  },
  {
    property: 'a hiccup of the disk costs no record',
    because: 'one write of more than 100 ms forbids burst writes for 10 s',
    example: {
      seed: 1317901958,
      spool: {},
      disk: [{ atMillis: 500, hiccupMillis: 150 }],
      slots: [
        [
          {
            lifeMillis: 2300,
            workMillis: 6103,
            pauseMillis: 100,
            options: { maxQueueSize: 2048 },
            work: { records: 2458 },
          },
        ],
      ],
    },
  },
  {
    property: 'comes to rest',
    because: 'a record logged in onDrop is dropped in its turn, without end',
    example: {
      seed: 2,
      weather: [{ atMillis: 500, weather: { kind: 'rate-limit', requestsPerMinute: 30, status: 503 } }],
      slots: [
        [
          {
            lifeMillis: 1600,
            workMillis: 1500000,
            pauseMillis: 100,
            work: { everyMillis: 500, logsInCallbacks: true },
          },
        ],
      ],
    },
  },
  {
    property: 'a web page is no delivery',
    because: 'any answer with the status 200 is taken for a delivery',
    example: {
      weather: [{ atMillis: 810, weather: { kind: 'wrong-address', how: 'html-200' } }],
      slots: [[{ lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100 }]],
    },
  },
  {
    property: 'bad records cost little beside themselves',
    because: 'halving gives up what is left of a batch when its budget is spent',
    example: {
      seed: 1702527318,
      weather: [{ atMillis: 500, weather: { kind: 'poison', every: 50 } }],
      slots: [
        [{ lifeMillis: 1200, workMillis: 150000, pauseMillis: 100, work: { records: 50, everyMillis: 500 } }],
      ],
    },
  },
  {
    property: 'a wrong address costs no record',
    because: 'a 400 before anything was ever accepted is taken for bad records',
    example: {
      seed: 1225004076,
      weather: [{ atMillis: 500, weather: { kind: 'wrong-address', how: 400 } }],
      slots: [[{ lifeMillis: 1000, workMillis: 1500000, pauseMillis: 100 }]],
    },
  },
];
