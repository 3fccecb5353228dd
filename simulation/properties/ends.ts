/** How processes end: in time, with one attempt at least, and without losing what a healthy collector would have taken. */

import type { Life } from '../life.ts';
import type { RunSeen } from '../run.ts';
import { isDiskGood, wasDiskGood } from './disk-troubles.ts';
import {
  callsOf,
  type Finding,
  isHealthy,
  meaningOf,
  type Property,
  requestedDelayUntil,
  type Spell,
  seconds,
  spellsOf,
  wasRunning,
} from './property.ts';

const SLACK_MILLIS = 50;
const FLUSH_MILLIS = 30_000;
const DEFAULT_SHUTDOWN_MILLIS = 5_000;
const DEFAULT_INITIAL_DELAY_MILLIS = 1_000;

function timeoutOf({ plan }: Life): number {
  return plan.options.shutdown?.timeoutMillis ?? DEFAULT_SHUTDOWN_MILLIS;
}

function strategyOf({ plan }: Life): string {
  return plan.options.shutdown?.strategy ?? 'graceful';
}

/** Whether `shutdown()` is how it ends. */
function shutsDown({ plan }: Life): boolean {
  return plan.end === 'signal' || plan.end === 'shutdown';
}

export const endsInTime: Property = {
  name: 'every end and every flush is within its time',
  judge(seen) {
    return seen.lives.flatMap((life) => {
      const findings: Finding[] = [];
      const late = (at: number, message: string) => findings.push({ process: life.number, at, message });
      const { end } = life;
      // A synchronous call of a disk that hangs cannot be cut short.
      const disk = life.hasSpool && !isDiskGood(seen);
      if (end !== undefined && shutsDown(life)) {
        const deadline = end.calledAt + timeoutOf(life) + SLACK_MILLIS;
        if (wasRunning(life, end.calledAt, Math.min(deadline, life.endedAt)) && !disk) {
          if (end.shutdownAt === undefined ? life.endedAt > deadline : end.shutdownAt > deadline) {
            const took = (end.shutdownAt ?? seen.endedAt) - end.calledAt;
            late(deadline, `shutdown() took ${seconds(took)} of ${seconds(timeoutOf(life))}`);
          }
        }
      }
      if (end?.isStuck) late(life.endedAt, 'the process did not end');
      for (const flush of life.flushes) {
        const latest = flush.calledAt + FLUSH_MILLIS + SLACK_MILLIS;
        const endedAt = flush.endedAt ?? Number.POSITIVE_INFINITY;
        if (endedAt > latest && wasRunning(life, flush.calledAt, latest) && !disk) {
          late(latest, `a flush took more than ${seconds(FLUSH_MILLIS)}`);
          break;
        }
      }
      return findings;
    });
  },
};

export const endsAsk: Property = {
  name: 'every end begins with an attempt',
  judge: (seen) => seen.lives.flatMap((life) => endsWithoutAsking(seen, life)),
};

function endsWithoutAsking(seen: RunSeen, life: Life): Finding[] {
  const { end, plan } = life;
  if (end === undefined || strategyOf(life) === 'immediate') return [];
  if (!shutsDown(life) && plan.end !== 'natural') return [];
  if (end.before.queued.records === 0 || end.before.inFlight.records > 0 || timeoutOf(life) < 100) return [];
  if (
    requestedDelayUntil(seen, life, end.calledAt) > end.calledAt ||
    !wasRunning(life, end.calledAt, life.endedAt)
  )
    return [];
  // What is on disk, or on its way there, is the next process's to send.
  if (life.hasSpool) return [];
  const initialMillis = plan.options.retry?.initialDelayMillis ?? DEFAULT_INITIAL_DELAY_MILLIS;
  // Attempts that flushes force are that far apart.
  if (callsOf(seen, life).some(({ at }) => at > end.calledAt - initialMillis)) return [];
  const { state } = end.before.breaker;
  const message = `${end.before.queued.records} records waited, the breaker was ${state}, and nothing was sent in ${seconds(life.endedAt - end.calledAt)}`;
  return [{ process: life.number, at: life.endedAt, message }];
}

export const endsDeliver: Property = {
  name: 'an end delivers what a healthy collector takes',
  judge: (seen) => seen.lives.flatMap((life) => lostInHealth(seen, life)),
};

/** What can be sent in half of the time there is, one request after the other. */
function deliverable(life: Life, latencyMillis: number): number {
  const { maxExportBatchSize = 512 } = life.plan.options;
  return (timeoutOf(life) / 2 / (latencyMillis * 2 + 20)) * Math.min(512, maxExportBatchSize);
}

function lostInHealth(seen: RunSeen, life: Life): Finding[] {
  const { end } = life;
  if (end === undefined || !shutsDown(life) || strategyOf(life) !== 'graceful' || timeoutOf(life) < 1_000)
    return [];
  const until = end.shutdownAt ?? life.endedAt;
  if (!isHealthy(seen, end.calledAt - 1, until) || !wasRunning(life, end.calledAt, until)) return [];
  // A channel of gRPC has a back-off of its own, which no caller can end.
  if (life.plan.exporter.kind === 'official-grpc' && end.before.breaker.failingMillis !== undefined)
    return [];
  // What is on its way to a disk that hangs cannot be sent.
  if (life.hasSpool && !wasDiskGood(seen, end.calledAt - 1, until)) return [];
  // What is under way from before may fail yet, and takes its time.
  if (end.before.inFlight.records > 0 || requestedDelayUntil(seen, life, end.calledAt) > end.calledAt)
    return [];
  if (callsOf(seen, life).some(({ at, endedAt = Infinity }) => at < end.calledAt && endedAt > end.calledAt))
    return [];
  const weather = spellsOf(seen).findLast(({ from }) => from <= end.calledAt)?.weather;
  const lost = end.after.dropped.shutdown - end.before.dropped.shutdown;
  const left = life.hasSpool ? 0 : end.after.queued.records + end.after.inFlight.records;
  if (lost + left === 0 || end.before.queued.records > deliverable(life, weather?.latencyMillis ?? 5))
    return [];
  const message = `${lost + left} records were lost within ${seconds(until - end.calledAt)}, and the collector was healthy`;
  return [{ process: life.number, at: until, message }];
}

export const flushesKeepTheirWord: Property = {
  name: 'a flush resolves when everything is safe',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      // What something takes that is no collector, or an exporter that holds it, is not the processor's to know.
      if (life.hasSpool || life.plan.exporter.kind === 'buffering' || spellsOf(seen).some(takesInPart))
        return [];
      let open = 0;
      for (const { upTo, endedAt, error, stats } of life.flushes) {
        if (endedAt === undefined || error !== undefined || stats === undefined) continue;
        let missing = 0;
        while (open < upTo && (seen.firstArrivalOf(life, open) ?? Infinity) <= endedAt) open++;
        for (let n = open; n < upTo; n++) {
          if ((seen.firstArrivalOf(life, n) ?? Infinity) > endedAt) missing++;
        }
        const excused = allDropped(stats);
        if (missing <= excused) continue;
        const message = `a flush of ${upTo} records resolved, and ${missing - excused} had not arrived`;
        return [{ process: life.number, at: endedAt, message }];
      }
      return [];
    }),
};

function takesInPart({ weather }: Spell): boolean {
  return weather.kind === 'partial-success' || weather.kind === 'wrong-address';
}

function allDropped({ dropped }: { dropped: Readonly<Record<string, number>> }): number {
  return Object.values(dropped).reduce((sum, records) => sum + records, 0);
}

export const busyWhenHealthy: Property = {
  name: 'a healthy destination is kept busy',
  judge: (seen) => seen.lives.flatMap((life) => idleInHealth(seen, life)),
};

/** A disk that has failed is not tried again for so long, at most. */
const DISK_PAUSE_MILLIS = 30_000;

/** After a time of health that ends every outage, nothing waits for longer than a batch waits for company. */
function idleInHealth(seen: RunSeen, life: Life): Finding[] {
  const { options } = life.plan;
  const delayMillis = (options.scheduledDelayMillis ?? 1_000) + 1_500;
  const calls = callsOf(seen, life);
  for (const { from, to, weather } of spellsOf(seen)) {
    if (!isHealthy(seen, from, from + 1)) continue;
    const firstGood = calls.find((call) => meaningOf(call) === 'good' && (call.endedAt ?? 0) > from)?.endedAt;
    if (firstGood === undefined) continue;
    const until = Math.min(to, life.end?.calledAt ?? to, life.endedAt);
    let idleSince = firstGood;
    const ill = calls.some(
      (call) => meaningOf(call) !== 'good' && call.at < until && (call.endedAt ?? until) > firstGood - 10_000,
    );
    if (ill) continue;
    const patience = delayMillis + 2 * (weather.latencyMillis ?? 5);
    for (const call of [...calls, { at: until, endedAt: until }]) {
      if (call.at < firstGood || call.at > until) {
        if (call.at < firstGood) idleSince = Math.max(idleSince, Math.min(until, call.endedAt ?? until));
        continue;
      }
      const waits = seen.steps
        .of(life)
        .waiting.some(
          (waiting) => Math.min(call.at, waiting.to) - Math.max(idleSince, waiting.from) > patience,
        );
      const isHeldUp = life.hasSpool && !wasDiskGood(seen, idleSince - DISK_PAUSE_MILLIS, call.at);
      if (waits && !isHeldUp && wasRunning(life, idleSince, call.at)) {
        const message = `records waited for ${seconds(call.at - idleSince)}, the collector was healthy, and nothing was under way`;
        return [{ process: life.number, at: call.at, message }];
      }
      idleSince = Math.max(idleSince, call.endedAt ?? until);
    }
  }
  return [];
}
