/** How an outage is felt: how long, how often the destination is asked meanwhile, and by which clock. */

import type { Life } from '../life.ts';
import type { CallSeen } from '../network/collector.ts';
import type { RunSeen } from '../run.ts';
import { isDiskGood } from './disk-troubles.ts';
import {
  callsOf,
  type Finding,
  hasDates,
  isFair,
  meaningOf,
  type Property,
  requestsOf,
  type Spell,
  seconds,
  spellsOf,
  wasRunning,
  wasWaiting,
} from './property.ts';

/** What timers, connections and a busy event loop add. */
const SLACK_MILLIS = 150;
const LONG_OUTAGE_MILLIS = 120_000;
/** The exporters' own limit for a request. */
const LONGEST_REQUEST_MILLIS = 10_000;
/** A requested delay that is longer than this need not be kept. */
const MAX_REQUESTED_DELAY_MILLIS = 300_000;
/** So many requests may have been under way when the first failure was seen. */
const MAX_CONCURRENT = 16;

/** Whether its waits are those that are promised: chosen options have waits of their own. */
function hasDefaultWaits({ plan: { options } }: Life): boolean {
  return options.breaker === undefined && options.retry === undefined;
}

/** When the failures began that had not ended by `at`; undefined where there were none. */
function failingSince(calls: readonly CallSeen[], at: number): number | undefined {
  let goodAt = Number.NEGATIVE_INFINITY;
  let since = Number.POSITIVE_INFINITY;
  for (const call of calls) {
    const { endedAt } = call;
    if (endedAt === undefined || endedAt > at || meaningOf(call) === 'ill') continue;
    if (call.result !== 'aborted') goodAt = Math.max(goodAt, endedAt);
  }
  for (const call of calls) {
    const { endedAt } = call;
    if (endedAt === undefined || endedAt > at || endedAt <= goodAt) continue;
    if (meaningOf(call) === 'ill') since = Math.min(since, endedAt);
  }
  return since === Number.POSITIVE_INFINITY ? undefined : since;
}

/** How long an outage of `millis` may be felt, all in all. */
function feltMillis(life: Life, millis: number, wasHole: boolean): number {
  if (life.plan.exporter.kind === 'official-grpc') {
    // A channel keeps its connection, and TCP doubles the time between two repetitions of what was swallowed; the first
    // request had been waiting for its whole time when it was seen to fail.
    return wasHole ? 2.25 * (millis + LONGEST_REQUEST_MILLIS) : 1.75 * millis + 2_000;
  }
  return millis < LONG_OUTAGE_MILLIS ? 1.25 * millis + 2_000 : millis + 30_000;
}

export const outagesAreShort: Property = {
  name: 'an outage is felt for little longer than it lasts',
  judge(seen) {
    const findings: Finding[] = [];
    let wasFair = true;
    for (const { from, to, weather } of spellsOf(seen)) {
      const begins = isFair(weather) && !wasFair;
      wasFair = isFair(weather);
      if (!begins) continue;
      for (const life of seen.lives) {
        if (!hasDefaultWaits(life)) continue;
        const finding = feltTooLong(seen, life, from, to, weather.latencyMillis ?? 5);
        if (finding !== undefined) findings.push(finding);
      }
    }
    return findings;
  },
};

function feltTooLong(
  seen: RunSeen,
  life: Life,
  backAt: number,
  fairUntil: number,
  latencyMillis: number,
): Finding | undefined {
  const calls = callsOf(seen, life);
  const since = failingSince(calls, backAt);
  if (since === undefined) return undefined;
  // What was under way when it came back, and fails later, is part of the outage.
  let over = backAt;
  for (const call of calls) {
    if (call.at < backAt && (call.endedAt ?? Number.POSITIVE_INFINITY) > backAt) {
      over = Math.max(over, call.endedAt ?? Number.POSITIVE_INFINITY);
    }
  }
  let requestedUntil = 0;
  for (const { answeredAt, waitUntil } of requestsOf(seen, life)) {
    if (waitUntil === undefined || answeredAt === undefined || answeredAt > over) continue;
    requestedUntil = Math.max(requestedUntil, waitUntil + (waitUntil - answeredAt) / 4 + 2_000);
  }
  const wasHole = spellsOf(seen).some(
    (spell) => spell.weather.kind === 'black-hole' && spell.from < backAt && spell.to > since,
  );
  const bound =
    Math.max(since + feltMillis(life, over - since, wasHole), requestedUntil) +
    2 * latencyMillis +
    SLACK_MILLIS;
  if (bound > fairUntil || !wasRunning(life, since, bound)) return undefined;
  if (life.end !== undefined && life.end.calledAt <= bound) return undefined;
  if (life.hasSpool && !isDiskGood(seen)) return undefined;
  if (!wasWaiting(seen, life, backAt, bound)) return undefined;
  const good = calls.find((call) => meaningOf(call) === 'good' && (call.endedAt ?? 0) > since);
  if (good?.endedAt !== undefined && good.endedAt <= bound) return undefined;
  const felt = good?.endedAt === undefined ? 'and more' : seconds(good.endedAt - since);
  return {
    process: life.number,
    at: bound,
    message: `the outage began at ${seconds(since)}, lasted ${seconds(over - since)}, and was felt for ${felt}; promised: ${seconds(bound - since)}`,
  };
}

export const incidentsCountOnce: Property = {
  name: 'one incident is one failure',
  judge: (seen) => seen.lives.flatMap((life) => miscounted(seen, life)),
};

/** Openings of the breaker before there were enough failures of requests that were started one after the other. */
function miscounted(seen: RunSeen, life: Life): Finding[] {
  const { breaker, exportTimeoutMillis } = life.plan.options;
  if (breaker === false || exportTimeoutMillis !== undefined) return [];
  const threshold = breaker?.failureThreshold ?? 5;
  const ended = callsOf(seen, life)
    .filter((call) => call.endedAt !== undefined)
    .toSorted((a, b) => (a.endedAt as number) - (b.endedAt as number));
  return life.breakerChanges.flatMap(({ from, to, at }) => {
    if (from !== 'closed' || to !== 'open') return [];
    let failures = 0;
    let incidents = 0;
    let seenAt = Number.NEGATIVE_INFINITY;
    let wasAnythingAccepted = false;
    for (const call of ended) {
      const endedAt = call.endedAt as number;
      if (endedAt > at) break;
      wasAnythingAccepted ||= meaningOf(call) === 'good';
      // Before that, a refusal as malformed is about the address.
      const isAboutAddress = !wasAnythingAccepted && /^(400|3)$/.test(call.result);
      if (meaningOf(call) === 'ill' || call.result === 'thrown' || isAboutAddress) {
        failures++;
        if (call.at >= seenAt) {
          incidents++;
          seenAt = endedAt;
        }
      } else if (call.result !== 'aborted' && call.at >= seenAt) {
        // A late success of an older request proves nothing.
        failures = 0;
        incidents = 0;
      }
    }
    if (incidents >= threshold) return [];
    const message = `the breaker opened after ${failures} failures of requests that were under way together: ${incidents} in a row`;
    return [{ process: life.number, at, message }];
  });
}

export const oneClock: Property = {
  name: 'the destination is asked when it is announced',
  judge: (seen) => seen.lives.flatMap((life) => askedLate(seen, life)),
};

function askedLate(seen: RunSeen, life: Life): Finding[] {
  const calls = callsOf(seen, life);
  const { retry, scheduledDelayMillis = 1_000 } = life.plan.options;
  // When all that waited was given up, what comes next is due only after its delay.
  const youngMillis = retry?.maxElapsedMillis === undefined ? 0 : scheduledDelayMillis;
  return life.breakerChanges.flatMap(({ to, at, nextProbeMillis }) => {
    if (to !== 'open' || nextProbeMillis === undefined) return [];
    const dueAt = at + nextProbeMillis;
    const latest = dueAt + youngMillis + SLACK_MILLIS;
    if (!wasRunning(life, at, latest) || !wasWaiting(seen, life, at, latest)) return [];
    if (life.hasSpool || (life.end !== undefined && life.end.calledAt <= latest)) return [];
    const isUnderWay = ({ at: startedAt, endedAt = Number.POSITIVE_INFINITY }: CallSeen) =>
      startedAt <= dueAt && endedAt > dueAt;
    if (calls.some(isUnderWay)) return [];
    const next = calls.find((call) => call.at > at);
    if (next !== undefined && next.at <= latest) return [];
    const when = next === undefined ? 'never' : `after ${seconds(next.at - at)}`;
    const message = `announced a probe in ${seconds(nextProbeMillis)}, and asked ${when}`;
    return [{ process: life.number, at: latest, message }];
  });
}

export const oneAtATime: Property = {
  name: 'after a failure one request at a time',
  judge: (seen) => seen.lives.flatMap((life) => crowded(seen, life)),
};

/** A failure that is as old as this says nothing any more. */
const FORGOTTEN_MILLIS = 30_000;

/** So many failures in a row are an outage, after which one success is no proof yet. */
const OUTAGE_FAILURES = 3;

/** Weather in which some get through and others do not, by no fault of how many there are. */
const IS_PARTIAL = new Set(['partial', 'reset', 'poison', 'size-limit']);

/** Requests that were started together after a failure, before one had succeeded since; after an outage, before two had. */
function crowded(seen: RunSeen, life: Life): Finding[] {
  const calls = callsOf(seen, life);
  const spells = spellsOf(seen);
  const ended = calls
    .filter((call) => call.endedAt !== undefined)
    .toSorted((a, b) => (a.endedAt as number) - (b.endedAt as number));
  let next = 0;
  let failedAt = Number.NEGATIVE_INFINITY;
  let doubtedAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let successes = 0;
  let underWay: CallSeen[] = [];
  for (const call of calls) {
    for (; (ended[next]?.endedAt ?? Number.POSITIVE_INFINITY) <= call.at; next++) {
      const before = ended[next] as CallSeen;
      // What was under way when another failed, or while the process stood still, says nothing new by its failure.
      const wasHeard = wasRunning(life, before.at, before.endedAt as number);
      if (meaningOf(before) === 'ill' && before.at >= doubtedAt) {
        // Counted or not, it is the one that others under way with it are judged by.
        doubtedAt = before.endedAt as number;
        if (!wasHeard) continue;
        failures = successes > 0 ? 1 : failures + 1;
        failedAt = doubtedAt;
        successes = 0;
      } else if (meaningOf(before) === 'good' && before.at >= failedAt) successes++;
    }
    underWay = underWay.filter(({ endedAt = Number.POSITIVE_INFINITY }) => endedAt > call.at);
    const together = underWay.filter(({ at }) => at > failedAt).length + 1;
    underWay.push(call);
    const proof = failures >= OUTAGE_FAILURES ? 2 : 1;
    if (together === 1 || successes >= proof || call.at - failedAt > FORGOTTEN_MILLIS) continue;
    if (isPartial(spells, life, failedAt, call.at)) continue;
    const message = `${together} requests under way together ${seconds(call.at - failedAt)} after a failure, with ${successes} successes in between`;
    return [{ process: life.number, at: call.at, message }];
  }
  return [];
}

function isPartial(spells: readonly Spell[], life: Life, from: number, to: number): boolean {
  return spells.some(({ weather, ...spell }) => {
    if (spell.to <= from - 1_000 || spell.from >= to) return false;
    if (weather.kind !== 'rate-limit') return IS_PARTIAL.has(weather.kind);
    // A rate limit that lets some through, and requests no delay, looks as if one of several upstreams were dead.
    return weather.retryAfterSeconds === undefined || !hearsRequestedDelays(life);
  });
}

export const requestedDelaysAreKept: Property = {
  name: 'what the server asks for is done',
  judge: (seen) =>
    seen.lives.flatMap((life) => (hearsRequestedDelays(life) ? ignoredDelays(seen, life) : [])),
};

/** Whether the processor can hear of a requested delay at all. */
function hearsRequestedDelays({ plan }: Life): boolean {
  return plan.exporter.kind === 'own';
}

function ignoredDelays(seen: RunSeen, life: Life): Finding[] {
  const calls = callsOf(seen, life);
  if (life.plan.wallJumps.length > 0 && hasDates(seen)) return [];
  // A date is written when the request is judged, and has no fractions of a second.
  const slackMillis = hasDates(seen) ? 1_100 : 5;
  for (const { answeredAt, waitUntil, abandonedAt } of requestsOf(seen, life)) {
    if (answeredAt === undefined || waitUntil === undefined || abandonedAt !== undefined) continue;
    if (!wasRunning(life, answeredAt, answeredAt + 1)) continue;
    const until = Math.min(waitUntil, answeredAt + MAX_REQUESTED_DELAY_MILLIS);
    const early = calls.find(({ at }) => at > answeredAt + 5 && at < until - slackMillis);
    if (early === undefined) continue;
    const message = `asked ${seconds(early.at - answeredAt)} after the server had asked for ${seconds(waitUntil - answeredAt)}`;
    return [{ process: life.number, at: early.at, message }];
  }
  return [];
}

export const fewRequests: Property = {
  name: 'few requests while it is down',
  judge(seen) {
    const findings: Finding[] = [];
    for (const { from, to, weather } of spellsOf(seen)) {
      if (weather.kind !== 'down' && weather.kind !== 'failing') continue;
      for (const life of seen.lives) {
        if (!hasDefaultWaits(life) || life.plan.exporter.kind.startsWith('official')) continue;
        const until = Math.min(to, life.endedAt, life.end?.calledAt ?? to);
        const since = callsOf(seen, life).find(
          (call) => call.at >= from && meaningOf(call) === 'ill' && (call.endedAt ?? until) < until,
        )?.endedAt;
        if (since === undefined) continue;
        const asked = callsOf(seen, life).filter(({ at }) => at > since && at < until).length;
        const forced = life.flushes.filter(({ calledAt }) => calledAt >= since && calledAt < until).length;
        const most = MAX_CONCURRENT + forced + 1.2 * requestsDuring(until - since);
        if (asked <= most) continue;
        const message = `${asked} requests in ${seconds(until - since)} of an outage, ${forced} of them forced; about ${Math.round(most)} are enough`;
        findings.push({ process: life.number, at: until, message });
      }
    }
    return findings;
  },
};

function requestsDuring(millis: number): number {
  const short = Math.min(millis, LONG_OUTAGE_MILLIS);
  return 7 + 6 * Math.log(Math.max(1, short / 4_000)) + (3 * (millis - short)) / 60_000;
}

export const hiddenLimitsAreFound: Property = {
  name: 'a size limit behind plain failures is found',
  judge: (seen) =>
    spellsOf(seen).flatMap((spell) => {
      const { weather } = spell;
      if (weather.kind !== 'size-limit' || weather.how !== '500') return [];
      return seen.lives.flatMap((life) => stalledBySize(seen, life, spell, weather.bytes));
    }),
};

/** Until the breaker has opened, a probe was accepted, and three larger requests failed. */
const FINDING_MILLIS = 20_000;
/** Other failures during the spell: what was learnt may have to be learnt again. */
const WASTED_SHARE = 0.1;
const WASTED_AT_LEAST = 8;
/** About what a record takes in a request beside its body. */
const RECORD_BYTES = 500;

function stalledBySize(seen: RunSeen, life: Life, { from, to }: Spell, limitBytes: number): Finding[] {
  const { plan } = life;
  const largest = plan.work.bytes + RECORD_BYTES;
  if (plan.exporter.kind !== 'own' || !hasDefaultWaits(life) || plan.stops.length > 0) return [];
  if (plan.work.hugeEvery > 0 || largest > limitBytes || (life.hasSpool && !isDiskGood(seen))) return [];
  const since = Math.max(from, life.startedAt) + FINDING_MILLIS;
  const until = Math.min(to, life.endedAt, life.end?.calledAt ?? to);
  const asked = callsOf(seen, life).filter(({ at }) => at >= since && at < until);
  const accepted = asked.filter((call) => meaningOf(call) === 'good');
  const findings: Finding[] = [];
  const wasted = asked.length - accepted.length;
  if (wasted > WASTED_AT_LEAST + WASTED_SHARE * asked.length) {
    const message = `${wasted} of ${asked.length} requests were wasted behind a limit of ${limitBytes} bytes`;
    findings.push({ process: life.number, at: until, message });
  }
  let idleSince = since;
  for (const { at } of [...accepted, { at: until }]) {
    if (at - idleSince > FINDING_MILLIS / 2 && wasWaiting(seen, life, idleSince, at)) {
      const message = `nothing was accepted for ${seconds(at - idleSince)} behind a limit of ${limitBytes} bytes`;
      findings.push({ process: life.number, at, message });
    }
    idleSince = at;
  }
  return findings;
}
