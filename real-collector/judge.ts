/** What a run says about the promises: pure, of what the witness, the service and the clock have to show. */

import type { Lane } from './service-plan.ts';
import type { Ended } from './service-process.ts';

/** Times are epoch milliseconds of the one machine. */
export interface Facts {
  readonly ended: Ended;
  /** When each record arrived first. */
  readonly arrived: readonly number[];
  /** Of each record that arrived again, when it had arrived first. */
  readonly again: readonly number[];
  readonly killedMillis: number | undefined;
  /** When the processor knew of the first failure since. */
  readonly failedMillis: number | undefined;
  readonly backMillis: number | undefined;
  /** When the first record arrived since the Collector was killed. */
  readonly firstSinceMillis: number | undefined;
  /** What each answer took, at least. */
  readonly latencyMillis: number;
  /** Most requests under way at the same time. */
  readonly peakRequests: number;
  /** What is left in the spool's directory. */
  readonly left: readonly string[];
  readonly said: readonly { readonly atMillis: number; readonly text: string }[];
  readonly collectorSaid: string;
}

export interface Figures {
  readonly offered: number;
  readonly lost: number;
  readonly twice: number;
  /** Of those, records that had arrived just before the Collector was killed: it died before it could say so. */
  readonly excused: number;
  /** From the first failure that was seen to the return; undefined when none was seen before. */
  readonly outageMillis: number | undefined;
  /** From the first failure that was seen to the first record that arrived since. */
  readonly feltMillis: number | undefined;
  /** What it may be. */
  readonly promisedMillis: number | undefined;
  /** From the return to the first record. */
  readonly resumedMillis: number | undefined;
  readonly requests: number;
  readonly refused: number;
}

/** @returns what is wrong, or undefined. */
export type Claim = (facts: Facts, figures: Figures, lane: Lane) => string | undefined;

/** A Collector that is killed may have passed on what it has not answered for. */
const UNANSWERED_MILLIS = 1_000;
const FULL = 0.95;
const MAX_WASTED_SHARE = 0.1;
const MAX_RESUMED_MILLIS = 3_000;
/** By which two processes of a busy machine see a moment apart. */
const INACCURACY_MILLIS = 500;

export function figuresOf(facts: Facts, lane: Lane): Figures {
  const { ended, arrived, again, killedMillis, failedMillis, backMillis, firstSinceMillis } = facts;
  const isSeen = failedMillis !== undefined && backMillis !== undefined && failedMillis < backMillis;
  const outageMillis = isSeen ? backMillis - failedMillis : undefined;
  return {
    offered: ended.emitted,
    lost: ended.emitted - arrived.length,
    twice: again.length,
    excused: unanswered(again, killedMillis),
    outageMillis,
    feltMillis: isSeen && firstSinceMillis !== undefined ? firstSinceMillis - failedMillis : undefined,
    promisedMillis:
      outageMillis === undefined ? undefined : promised(outageMillis, lane) + facts.latencyMillis,
    resumedMillis:
      backMillis === undefined || firstSinceMillis === undefined
        ? undefined
        : Math.max(0, firstSinceMillis - backMillis),
    requests: ended.stats?.exports.attempts ?? 0,
    refused: ended.stats?.exports.failures ?? 0,
  };
}

/** How many of them may have arrived without an answer. */
function unanswered(arrived: readonly number[], killedMillis: number | undefined): number {
  if (killedMillis === undefined) return 0;
  return arrived.filter((atMillis) => Math.abs(killedMillis - atMillis) < UNANSWERED_MILLIS).length;
}

/** The promise of docs/what-happens-when.md; a channel of gRPC has a back-off of its own. */
function promised(outageMillis: number, lane: Lane): number {
  return outageMillis * (lane === 'grpc' ? 1.6 : 1.25) + 2_000;
}

const sumOf = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`;

const balances: Claim = ({ ended: { stats } }) => {
  if (stats === undefined) return undefined;
  const { offered, recovered, exported, dropped, queued, inFlight, spooled } = stats;
  const right = exported + sumOf(dropped) + queued.records + inFlight.records + spooled.records;
  return offered + recovered === right
    ? undefined
    : `the law does not hold: ${offered} + ${recovered} is not ${right}`;
};

const losesNothing: Claim = (_, { lost, offered }) =>
  lost === 0 ? undefined : `${lost} of ${offered} records lost`;

/** What the bound in bytes does not hold may be lost, and is counted; so may be what has arrived without an answer. */
const losesWhatOverflows: Claim = (facts, figures, lane) => {
  const { stats, peakPressure } = facts.ended;
  const { lost } = figures;
  if (lost === 0 || stats === undefined) return undefined;
  if (peakPressure < FULL) return losesNothing(facts, figures, lane);
  const { queue_full: overflowed } = stats.dropped;
  const surplus = overflowed - lost;
  const isCounted = surplus >= 0 && surplus <= unanswered(facts.arrived, facts.killedMillis);
  return isCounted ? undefined : `${lost} records lost, ${overflowed} counted as queue_full`;
};

const sendsNothingTwice: Claim = ({ again, killedMillis = 0 }, { twice, excused }) =>
  twice === excused
    ? undefined
    : `${twice - excused} records arrived twice, first ${seconds(Math.min(...again) - killedMillis)} after the kill`;

/** Of an end that cannot reach the Collector. */
const losesWhatItSays: Claim = ({ ended: { stats } }, { lost }) =>
  stats === undefined || stats.dropped.shutdown === lost
    ? undefined
    : `${lost} records lost, ${stats.dropped.shutdown} counted as shutdown`;

const leavesNothingOnDisk: Claim = ({ left }) =>
  left.length === 0 ? undefined : `left in the spool: ${left.join(', ')}`;

const resumes: Claim = ({ backMillis }, { resumedMillis }) =>
  backMillis === undefined || resumedMillis !== undefined ? undefined : 'no record arrived after the outage';

const isFeltAsPromised: Claim = (_, { feltMillis, promisedMillis }) =>
  feltMillis === undefined || promisedMillis === undefined || feltMillis <= promisedMillis + INACCURACY_MILLIS
    ? undefined
    : `felt for ${seconds(feltMillis)}, ${seconds(promisedMillis)} promised`;

const resumesSoon: Claim = (_, { resumedMillis = Number.POSITIVE_INFINITY }) =>
  resumedMillis <= MAX_RESUMED_MILLIS ? undefined : `the first record came ${seconds(resumedMillis)} late`;

/** Otherwise the scenario has not shown what it is there for. */
const severalWereUnderWay: Claim = ({ peakRequests }) =>
  peakRequests > 1 ? undefined : 'there was only one request under way';

const wasRefused: Claim = (_, { refused }) => (refused > 0 ? undefined : 'no request was refused');

const isNeverRefused: Claim = (_, { refused }) => (refused === 0 ? undefined : `${refused} requests failed`);

const wastesLittle: Claim = (_, { requests, refused }) =>
  refused < requests * MAX_WASTED_SHARE
    ? undefined
    : `${refused} of ${requests} requests were refused for their size`;

const always = [balances, sendsNothingTwice, leavesNothingOnDisk];

export const outageClaims = (hasSpool: boolean): Claim[] => [
  ...always,
  hasSpool ? losesNothing : losesWhatOverflows,
  resumes,
  isFeltAsPromised,
];
export const restartClaims = (lane: Lane): Claim[] => [
  ...always,
  losesNothing,
  resumes,
  isFeltAsPromised,
  // The others try again when they like, with one request after another.
  ...(lane === 'own' ? [resumesSoon, severalWereUnderWay] : []),
];
export const limitClaims = [...always, losesNothing, wasRefused, wastesLittle];
export const idleClaims = [...always, losesNothing, isNeverRefused];
/** What was answered too late has arrived, and is sent again. */
export const lateClaims = [balances, leavesNothingOnDisk, losesNothing, wasRefused];
export const refusalClaims = [...always, losesNothing, wasRefused];
/**
 * The channel of gRPC does not connect before its own back-off is over, whoever asks: what is in memory then is lost and
 * counted. What the stock processor loses is shown, and nobody's promise.
 */
export const endClaims = (lane: Lane, hasSpool: boolean): Claim[] =>
  lane.startsWith('stock') ? [] : [...always, lane === 'grpc' && !hasSpool ? losesWhatItSays : losesNothing];
