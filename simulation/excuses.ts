/** Why a request's records may arrive once more: the cases that the README names under "Duplicates". */

import type { Life } from './life.ts';
import type { RequestSeen } from './network/collector.ts';
import { numberOf, processOf } from './network/record-ids.ts';
import { didDiskFail, doneAt, silencesOf, stopsOf } from './properties/disk-troubles.ts';
import { callsOf, LONGEST_CALL_MILLIS } from './properties/property.ts';
import type { RunSeen } from './run.ts';

/** From the answer until the note of it is on disk, in the worst case. */
const NOTE_MILLIS = 1_000;
/** From the answer until a process knows of it that ends by itself: it writes the note before it is gone. */
const HEARD_MILLIS = 20;

/** @returns why the records of a request that was taken may be sent again; undefined where nothing excuses that. */
export function excuseOf(seen: RunSeen, life: Life | undefined, request: RequestSeen): string | undefined {
  const { answer, answeredAt, abandonedAt } = request;
  if (life === undefined) return 'nobody knows its sender';
  if (answer !== '200' && answer !== 'grpc 0') return 'its answer was lost, or was none';
  if (answeredAt === undefined || abandonedAt !== undefined) return 'its answer was not waited for';
  if (life.endedAt <= notedAt(seen, life, answeredAt)) {
    return 'its process ended before the note of it was on disk';
  }
  if (answeredAt >= waitsUntil(life)) return 'its answer was not waited for any more when it came';
  if (life.plan.exporter.kind !== 'own' && wasGivenUp(seen, life, request, answeredAt)) {
    return 'the processor had given it up, and its exporter had not';
  }
  const silences = life.hasSpool
    ? silencesOf(seen, life).filter(({ wasMissed }) => wasMissed)
    : stopsOf(life);
  if (silences.some(({ from, to }) => from <= answeredAt + NOTE_MILLIS && to >= request.at)) {
    return 'its process was stopped for longer than its lease';
  }
  if (seen.plan.powerLossAtMillis !== undefined) return 'the machine lost power';
  if (life.hasSpool && didDiskFail(seen, request.at, answeredAt + NOTE_MILLIS)) return 'the disk failed';
  return undefined;
}

/** Whether a record was on its way to disk when its process fell silent for longer than its lease: then it may be there twice. */
export function wasWrittenInSilence(seen: RunSeen, id: number): boolean {
  const life = seen.lives[processOf(id)];
  const emittedAt = life?.emittedAt[numberOf(id)];
  if (life === undefined || emittedAt === undefined || !life.hasSpool) return false;
  const arrivedAt = seen.firstArrivalOf(life, numberOf(id)) ?? Number.POSITIVE_INFINITY;
  return silencesOf(seen, life).some(
    ({ from, to, wasWriting, wasMissed }) =>
      // A process that goes on notes that what it wrote is not to be found where it wrote it first.
      wasWriting && (wasMissed || life.plan.end === 'kill') && emittedAt <= to && arrivedAt >= from,
  );
}

function notedAt(seen: RunSeen, life: Life, answeredAt: number): number {
  if (!life.hasSpool) return answeredAt + NOTE_MILLIS;
  // Who stands still hears it afterwards.
  const heardAt = stopsOf(life).reduce(
    (at, { from, to }) => (from <= answeredAt && to >= at ? to : at),
    answeredAt,
  );
  const endsByItself = life.plan.end !== 'kill' && life.end?.isStuck === false;
  return doneAt(seen, heardAt, endsByItself ? HEARD_MILLIS : NOTE_MILLIS);
}

/** Whether an answer came for an export that had run out of its time, and of its grace. */
function wasGivenUp(seen: RunSeen, life: Life, request: RequestSeen, answeredAt: number): boolean {
  return callsOf(seen, life).some(
    ({ at, result }) => result === 'given up' && at <= request.at && answeredAt - at >= LONGEST_CALL_MILLIS,
  );
}

/** When a process that shuts down no longer waits for answers: what is under way then goes to disk. */
function waitsUntil({ end, plan }: Life): number {
  if (end === undefined) return Number.POSITIVE_INFINITY;
  const { strategy, timeoutMillis = 5_000 } = plan.options.shutdown ?? {};
  if (strategy === 'immediate') return end.calledAt;
  return end.calledAt + timeoutMillis - Math.min(1_000, timeoutMillis * 0.2);
}
