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
    property: 'bad records cost little beside themselves',
    because:
      'many bad records in a large batch spend the budget of the search before its first part is accepted',
    example: {
      seed: 18,
      weather: [{ atMillis: 5500, weather: { kind: 'poison', every: 50 } }],
      slots: [[{ lifeMillis: 9400, workMillis: 24000, pauseMillis: 100, work: { records: 2500 } }]],
    },
  },
];
