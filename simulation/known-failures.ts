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
    property: 'a hiccup of the disk costs no record',
    because: 'a queue that is full beside a write that takes 150 ms drops records',
    example: {
      seed: 13,
      spool: {},
      disk: [{ atMillis: 500, hiccupMillis: 150 }],
      slots: [
        [{ options: { maxQueueSize: 100 }, lifeMillis: 11_000, pauseMillis: 100, work: { records: 2_500 } }],
      ],
    },
  },
  {
    property: 'comes to rest',
    because: 'a record that is logged in a callback of ours, and lost, calls it again',
    example: {
      seed: 2_147_483_618,
      slots: [
        [
          {
            lifeMillis: 2_200,
            memory: [{ atMillis: 1_000, ratio: 0.95 }],
            work: { logsInCallbacks: true },
          },
        ],
      ],
    },
  },
];
