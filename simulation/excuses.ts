/** Why a request's records may arrive once more: the cases that the README names under "Duplicates". */

import type { Life } from './life.ts';
import type { RequestSeen } from './network/collector.ts';
import { callsOf, isDiskGood, LONGEST_CALL_MILLIS } from './properties/property.ts';
import type { RunSeen } from './run.ts';

/** From the answer until the note of it is on disk, in the worst case. */
const NOTE_MILLIS = 1_000;
const RELIABLE_SHARE = 0.5;

/** @returns why the records of a request that was taken may be sent again; undefined where nothing excuses that. */
export function excuseOf(seen: RunSeen, life: Life | undefined, request: RequestSeen): string | undefined {
  const { answer, answeredAt, abandonedAt } = request;
  if (life === undefined) return 'nobody knows its sender';
  if (answer !== '200' && answer !== 'grpc 0') return 'its answer was lost, or was none';
  if (answeredAt === undefined || abandonedAt !== undefined) return 'its answer was not waited for';
  if (life.endedAt <= answeredAt + NOTE_MILLIS) return 'its process ended before the note of it was on disk';
  if (answeredAt >= waitsUntil(life)) return 'its answer was not waited for any more when it came';
  if (life.plan.exporter.kind !== 'own' && wasGivenUp(seen, life, request, answeredAt)) {
    return 'the processor had given it up, and its exporter had not';
  }
  const leaseMillis = seen.plan.spool?.leaseMillis ?? 10_000;
  const stopped = life.plan.stops.some(({ atMillis, millis }) => {
    const stoppedAt = life.startedAt + atMillis;
    return (
      (millis >= leaseMillis * RELIABLE_SHARE || seen.plan.spool === undefined) &&
      stoppedAt <= answeredAt + NOTE_MILLIS &&
      stoppedAt + millis >= request.at
    );
  });
  if (stopped) return 'its process was stopped for longer than its lease';
  if (seen.plan.powerLossAtMillis !== undefined) return 'the machine lost power';
  if (life.hasSpool && !isDiskGood(seen)) return 'the disk failed';
  return undefined;
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
