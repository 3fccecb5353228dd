/** What a process leaves on disk: what it says, and nothing that was delivered. */

import type { Life } from '../life.ts';
import type { RunSeen } from '../run.ts';
import { leaseMillisOf, silencesOf, stopsOf, wasDiskGood } from './disk-troubles.ts';
import type { Finding, Property } from './property.ts';

/** What a disk that was in trouble may still be doing. */
const SETTLE_MILLIS = 1_000;
/** Until what others left is found and taken over, in leases, and on top. */
const LEASES = 2;
const SCAN_MILLIS = 5_000;

export const diskHoldsWhatIsSaid: Property = {
  name: 'a process leaves on disk what it says',
  judge: (seen) => seen.lives.flatMap((life) => otherThanSaid(seen, life)),
};

function otherThanSaid(seen: RunSeen, life: Life): Finding[] {
  const { end, endedAt } = life;
  if (end?.onDisk === undefined || !hasTimeToWrite(seen, life)) return [];
  const { queued, inFlight, spooled } = end.after;
  const said = queued.records + inFlight.records + spooled.records;
  const others = seen.lives.filter((other) => other !== life && other.startedAt <= endedAt);
  const finding = (message: string) => [{ process: life.number, at: endedAt, message }];
  // What it leaves is another's in the same moment.
  if (others.some((other) => other.endedAt >= end.calledAt)) return [];
  if (end.onDisk < said) return finding(`it left ${end.onDisk} records on disk, and said ${said}`);
  const hasAll =
    others.every((other) => hasTakenOver(seen, life, other)) &&
    ![life, ...others].some((one) => silencesOf(seen, one).some(({ wasMissed }) => wasMissed));
  if (!hasAll || end.onDisk === said) return [];
  return finding(
    `it left ${end.onDisk} records on disk, and said ${said}: the others are sent again, or never`,
  );
}

/** Whether its end was one in which it could write down all that it knew. */
function hasTimeToWrite(seen: RunSeen, life: Life): boolean {
  const { plan, end, endedAt } = life;
  if (end === undefined || end.isStuck || plan.end === 'kill' || seen.plan.powerLossAtMillis !== undefined)
    return false;
  if (end.shutdownAt === undefined && (plan.end === 'signal' || plan.end === 'shutdown')) return false;
  if (stopsOf(life).some(({ from, to }) => from <= endedAt && to >= end.calledAt)) return false;
  const { timeoutMillis = 5_000 } = plan.options.shutdown ?? {};
  // What the deadline cuts short goes on behind it, for as long as there is a process.
  if (endedAt >= end.calledAt + timeoutMillis) return false;
  return wasDiskGood(seen, end.calledAt - SETTLE_MILLIS, endedAt);
}

/** Whether it had time to find what another left, and to count it as its own. */
function hasTakenOver(seen: RunSeen, life: Life, other: Life): boolean {
  const since = Math.max(life.startedAt, other.endedAt);
  const until = life.end?.calledAt ?? life.endedAt;
  const enough = LEASES * leaseMillisOf(seen) + SCAN_MILLIS;
  return until - since >= enough && wasDiskGood(seen, until - enough, until);
}
