/** What arrived against what was owed: nothing is missing, and nothing came twice without an excuse. */

import { excuseOf, wasWrittenInSilence } from '../excuses.ts';
import type { Life } from '../life.ts';
import type { RunSeen } from '../run.ts';
import { droppedOf } from '../steps.ts';
import type { SpillwayStats } from '../subject.ts';
import { isDiskGood, isDiskTrue, isHeldUpBeyondLease, wasDiskGood } from './disk-troubles.ts';
import { type Finding, isHealthy, isSpoolLarge, type Property, requestsOf, wasRunning } from './property.ts';

/** What the disk may still have under way of what was closed. */
const WRITING_MILLIS = 250;

export const nothingIsMissing: Property = {
  name: 'nothing that was owed is missing',
  judge(seen) {
    if (seen.lives.some((life) => life.endedAt === Number.POSITIVE_INFINITY)) return [];
    return seen.plan.spool === undefined ? missingInMemory(seen) : missingOnDisk(seen);
  },
};

function missingOf(seen: RunSeen, life: Life): number[] {
  const missing: number[] = [];
  for (let n = 0; n < life.emittedAt.length; n++) {
    if (seen.firstArrivalOf(life, n) === undefined) missing.push(n);
  }
  return missing;
}

/** What something took that was no collector, or a collector in part, and said so to whoever can hear it. */
function takenAndLost(seen: RunSeen, life: Life): number {
  // What it holds it has said to have delivered.
  if (life.plan.exporter.kind === 'buffering') return lastStats(seen, life)?.exported ?? 0;
  let records = 0;
  for (const { answer, ids, taken } of requestsOf(seen, life)) {
    const isPage = answer === '200 page';
    const isInPart = life.plan.exporter.kind !== 'own' && (answer === '200' || answer === 'grpc 0');
    if (isPage || isInPart) records += ids.length - taken;
  }
  return records;
}

/** From the last bad weather until an exporter has sent what it holds, whatever happened before. */
const CALM_MILLIS = 60_000;

export const exportersAreFlushed: Property = {
  name: 'what an exporter holds is flushed at the end',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const { end } = life;
      if (life.plan.exporter.kind !== 'buffering' || end?.shutdownAt === undefined || life.hasSpool)
        return [];
      if (!isHealthy(seen, end.calledAt - CALM_MILLIS, end.shutdownAt)) return [];
      if (life.plan.options.shutdown !== undefined || !wasRunning(life, end.calledAt, end.shutdownAt))
        return [];
      const missing = missingOf(seen, life).length - droppedOf(end.after);
      if (missing <= 0) return [];
      const message = `${missing} records were still held by the exporter when shutdown() had resolved`;
      return [{ process: life.number, at: end.shutdownAt, message }];
    }),
};

export const pagesAreNoDeliveries: Property = {
  name: 'a web page is no delivery',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      if (life.plan.exporter.kind !== 'own') return [];
      const page = requestsOf(seen, life).find(({ answer }) => answer === '200 page');
      const { exported = 0 } = lastStats(seen, life) ?? {};
      const arrived = seen.collector.arrivals.records;
      if (page === undefined || exported <= arrived) return [];
      const message = `${exported} records count as exported, and ${arrived} arrived: a web page was taken for an answer`;
      return [{ process: life.number, at: page.at, message }];
    }),
};

function lastStats(seen: RunSeen, life: Life): SpillwayStats | undefined {
  return life.end?.after ?? seen.steps.of(life).last;
}

/** Records that were dropped and counted, or were in memory when the process was gone. */
function missingInMemory(seen: RunSeen): Finding[] {
  return seen.lives.flatMap((life) => {
    const stats = lastStats(seen, life);
    if (stats === undefined) return [];
    const missing = missingOf(seen, life).length;
    const held = stats.queued.records + stats.inFlight.records;
    const known = droppedOf(stats) + held + takenAndLost(seen, life);
    const { end } = life;
    if (end?.shutdownAt !== undefined && held > 0) {
      const message = `${held} records were held by a processor that had shut down`;
      return [{ process: life.number, at: life.endedAt, message }];
    }
    if (missing <= known) return [];
    const message = `${missing} of ${life.emittedAt.length} records are missing, and only ${known} were dropped or held at the end`;
    return [{ process: life.number, at: life.endedAt, message }];
  });
}

/** The same over all processes, each of which may send what another has left. */
function missingOnDisk(seen: RunSeen): Finding[] {
  let known = 0;
  let missing = 0;
  const about: string[] = [];
  for (const life of seen.lives) {
    const stats = lastStats(seen, life);
    if (stats === undefined) continue;
    const ofLife = missingOf(seen, life);
    const excused = droppedOf(stats) + lostAtEnd(seen, life, stats, ofLife) + takenAndLost(seen, life);
    known += excused;
    missing += ofLife.length;
    if (ofLife.length > 0)
      about.push(`p${life.number} ${ofLife.length} (${life.plan.end}, ${excused} known)`);
  }
  const drain = seen.lives.at(-1);
  const left = drain === undefined ? undefined : lastStats(seen, drain);
  const held = left === undefined ? 0 : left.queued.records + left.inFlight.records + left.spooled.records;
  const findings: Finding[] = [];
  if (held > 0) {
    const message = `${held} records were still held when everything had time to be sent`;
    findings.push({ process: drain?.number, at: seen.endedAt, message });
  }
  if (missing > known + held) {
    const message = `${missing} records are missing, ${known} are accounted for: ${about.join(', ')}`;
    findings.push({ process: undefined, at: seen.endedAt, message });
  }
  return findings;
}

/** What a process takes with it, by the way it ends and as the README says. */
function lostAtEnd(seen: RunSeen, life: Life, stats: SpillwayStats, missing: readonly number[]): number {
  const held = stats.queued.records + stats.inFlight.records;
  // The counts of a clean end are those of the law; what is held then is on disk, or should be.
  if (seen.plan.powerLossAtMillis !== undefined) return missing.length;
  if (!isDiskTrue(seen) || isHeldUpBeyondLease(seen, life)) return Number.POSITIVE_INFINITY;
  if (life.plan.end !== 'kill' && life.end?.isStuck !== true) {
    // A write that hangs at the exit may or may not come to its end.
    return wasDiskGood(seen, life.end?.calledAt ?? life.endedAt, life.endedAt) ? 0 : held;
  }
  if (seen.plan.spool?.mode !== 'always' || !isSpoolLarge(seen) || !isDiskGood(seen)) return held;
  const { scheduledDelayMillis = 1_000 } = life.plan.options;
  // What was open when it was stopped is open when it goes on.
  if (!wasRunning(life, life.endedAt - scheduledDelayMillis - WRITING_MILLIS, life.endedAt)) return held;
  const openSince = life.endedAt - scheduledDelayMillis - WRITING_MILLIS;
  return missing.filter((n) => (life.emittedAt[n] as number) >= openSince).length;
}

export const nothingComesTwice: Property = {
  name: 'nothing arrives twice without an excuse',
  judge(seen) {
    const { repeated } = seen.collector.arrivals;
    if (repeated.size === 0) return [];
    const lives = new Map(seen.lives.map((life) => [`p${life.number}`, life]));
    const counts = new Map<number, number>();
    let example: { readonly id: number; readonly at: number; readonly text: string } | undefined;
    for (const life of seen.lives) {
      for (const request of requestsOf(seen, life)) {
        if (
          request.takenAt === undefined ||
          excuseOf(seen, lives.get(request.process), request) !== undefined
        )
          continue;
        for (const id of request.ids.slice(0, request.taken)) {
          if (!repeated.has(id) || wasWrittenInSilence(seen, id)) continue;
          const count = (counts.get(id) ?? 0) + 1;
          counts.set(id, count);
          if (count > 1) example ??= { id, at: request.takenAt, text: `by p${life.number}` };
        }
      }
    }
    if (example === undefined) return [];
    const twice = [...counts.values()].filter((count) => count > 1).length;
    const times = repeated.get(example.id)?.map((at) => `${((at - 1_000) / 1_000).toFixed(2)} s`);
    const message = `${twice} records arrived more than once although each answer was heard; one of them at ${times?.join(' and ')} ${example.text}`;
    return [{ process: undefined, at: example.at, message }];
  },
};
