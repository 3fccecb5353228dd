/** When the sender of a request may not have learnt that its records were stored: the cases that docs/what-happens-when.md names. */

import type { LifeReport, Span } from './life.ts';
import type { Arrival } from './witness.ts';

/** Whether it is no fault that these records were sent once more. */
export type Excuse = (arrival: Arrival) => boolean;

/** From the first to the last answer that a fault has cut off, beyond its own time. */
const LATE_MILLIS = 1_000;
/** Of the time of a shutdown: when it took longer, it may have had to give up a request. */
const PATIENT_SHARE = 0.5;

const NEVER = Number.POSITIVE_INFINITY;

const IS_CUT_OFF = new Set<LifeReport['kind']>([
  'killed',
  'impatient',
  'out of memory',
  'exit',
  'throw',
  'reject',
]);

/** @param faults in which answers were lost, whoever they were for. */
export function excuseFrom(lives: readonly LifeReport[], faults: readonly Span[]): Excuse {
  const late = faults.map(prolonged);
  const own = new Map(lives.map((life) => [life.name, spansOf(life)]));
  return ({ sender, atMillis }) =>
    [...(own.get(sender) ?? []), ...late].some(
      ({ fromMillis, toMillis }) => atMillis > fromMillis && atMillis < toMillis,
    );
}

function spansOf(life: LifeReport): readonly Span[] {
  const { kind, hung, notedMillis, endedAtMillis, endingMillis, shutdownMillis, pauses } = life;
  if (hung || IS_CUT_OFF.has(kind))
    return [...pauses.map(prolonged), { fromMillis: notedMillis, toMillis: NEVER }];
  if (endingMillis <= shutdownMillis * PATIENT_SHARE) return pauses.map(prolonged);
  return [...pauses.map(prolonged), { fromMillis: endedAtMillis - LATE_MILLIS, toMillis: NEVER }];
}

function prolonged({ fromMillis, toMillis }: Span): Span {
  return { fromMillis: fromMillis - LATE_MILLIS, toMillis: toMillis + LATE_MILLIS };
}
