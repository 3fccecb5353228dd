/** What is tried against a real Collector. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { CollectorLimits } from './collector-process.ts';
import {
  type Claim,
  endClaims,
  idleClaims,
  lateClaims,
  limitClaims,
  outageClaims,
  refusalClaims,
  restartClaims,
} from './judge.ts';
import type { ProxyPlan } from './proxy.ts';
import { LANES, type Lane } from './service-plan.ts';

/** What a scenario may do to its Collector. */
interface Stage {
  /** Kills it, and starts it again after so long; resolves when it is back. */
  outage(millis: number): Promise<void>;
  /** Each answer of the witness takes so long, for a while. */
  slowness(millis: number, eachMillis: number): Promise<void>;
  /** The token that nginx lets pass is another one, and the service learns of it so much later. */
  rotation(millis: number): Promise<void>;
  /** Until the first record has arrived since, or so long at most. */
  recovery(maxMillis: number): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  readonly lane: Lane;
  readonly hasSpool: boolean;
  readonly recordsPerSecond: number;
  readonly limits?: CollectorLimits;
  /** nginx stands in front of the Collector. */
  readonly proxy?: ProxyPlan;
  /** Of each answer of the Collector; it has passed on nothing before. */
  readonly latencyMillis?: number;
  /** About how long it takes. */
  readonly seconds: number;
  /** Whether the short run has it. */
  readonly isShort: boolean;
  act(stage: Stage): Promise<void>;
  /** The service sends all it has and ends, or is terminated; with a spool a next one sends what it has left there. */
  readonly end: 'finish' | 'SIGTERM';
  readonly claims: readonly Claim[];
}

const RATE = 2_000;
const ours = LANES.filter((lane) => !lane.startsWith('stock'));
const calmMillis = 3_000;

function killed(lane: Lane, seconds: number, hasSpool: boolean): Scenario {
  return {
    name: `killed for ${seconds} s`,
    lane,
    hasSpool,
    recordsPerSecond: RATE,
    seconds: seconds * 1.4 + 15,
    isShort: seconds === 2 && (lane === 'own' || lane === 'grpc') !== hasSpool,
    async act({ outage, recovery }) {
      await sleep(calmMillis);
      await outage(seconds * 1_000);
      await recovery(seconds * 1_000 + 30_000);
      await sleep(calmMillis);
    },
    end: 'finish',
    claims: outageClaims(hasSpool),
  };
}

function restartedBehindLatency(lane: Lane): Scenario {
  return {
    name: 'killed for 2 s, answers take 1 s',
    lane,
    hasSpool: false,
    recordsPerSecond: RATE,
    latencyMillis: 1_000,
    seconds: 25,
    isShort: lane === 'own',
    async act({ outage, recovery }) {
      await sleep(10_000);
      await outage(2_000);
      await recovery(40_000);
      await sleep(calmMillis);
    },
    end: 'finish',
    claims: restartClaims(lane),
  };
}

function limited(lane: Lane): Scenario {
  return {
    name: '`max_request_body_size` of 64 KiB',
    lane,
    hasSpool: false,
    recordsPerSecond: RATE,
    limits: { maxRequestBodyBytes: 65_536 },
    seconds: 25,
    isShort: lane === 'own',
    act: async () => void (await sleep(20_000)),
    end: 'finish',
    claims: limitClaims,
  };
}

/** The other lanes send one small request after another, which it never refuses. */
function shortOfMemory(): Scenario {
  return {
    name: '`memory_limiter`',
    lane: 'own',
    hasSpool: false,
    // Fewer are no burden for it.
    recordsPerSecond: 10_000,
    limits: { memoryLimiter: { check_interval: '100ms', limit_mib: 20, spike_limit_mib: 4 } },
    latencyMillis: 1_000,
    seconds: 25,
    isShort: false,
    act: async () => void (await sleep(10_000)),
    end: 'finish',
    claims: refusalClaims,
  };
}

function deployedAfterOutage(lane: Lane, hasSpool: boolean): Scenario {
  return {
    name: 'away 16 s, back 3 s, then SIGTERM',
    lane,
    hasSpool,
    recordsPerSecond: 20,
    seconds: hasSpool ? 35 : 30,
    isShort: lane === 'own' || lane === 'stock' || hasSpool,
    async act({ outage }) {
      await sleep(calmMillis);
      await outage(16_000);
      await sleep(3_000);
    },
    end: 'SIGTERM',
    claims: endClaims(lane, hasSpool),
  };
}

function behindNginx(
  name: string,
  proxy: ProxyPlan,
  act: Scenario['act'],
  claims: readonly Claim[],
  recordsPerSecond = RATE,
): Scenario {
  return {
    name: `nginx: ${name}`,
    lane: 'own',
    hasSpool: false,
    recordsPerSecond,
    proxy,
    seconds: 25,
    isShort: proxy.maxBody !== undefined || proxy.tls === 'of both',
    act,
    end: 'finish',
    claims,
  };
}

const undisturbed = async () => void (await sleep(10_000));

const proxied: readonly Scenario[] = [
  behindNginx('413, `client_max_body_size` of 64 KiB', { maxBody: '64k' }, undisturbed, [...limitClaims]),
  behindNginx(
    '429 with `Retry-After`, one request each 2 s',
    {
      http: 'limit_req_zone $server_port zone=all:1m rate=30r/m;',
      server: '  add_header Retry-After 2 always;',
      location: '    limit_req zone=all;\n    limit_req_status 429;',
    },
    undisturbed,
    refusalClaims,
  ),
  behindNginx(
    '502, the Collector is killed for 10 s',
    {},
    async ({ outage, recovery }) => {
      await sleep(calmMillis);
      await outage(10_000);
      await recovery(30_000);
      await sleep(calmMillis);
    },
    outageClaims(false),
  ),
  behindNginx(
    '504, answers take 3 s of 1 s for a while',
    { location: '    proxy_read_timeout 1s;' },
    async ({ slowness }) => {
      await sleep(calmMillis);
      await slowness(8_000, 3_000);
      await sleep(8_000);
    },
    lateClaims,
  ),
  behindNginx(
    'idle connections are closed after 1 s, a record each 1.5 s',
    { server: '  keepalive_timeout 1s;' },
    async () => void (await sleep(20_000)),
    idleClaims,
    2 / 3,
  ),
  behindNginx('two upstreams, one of them dead', { hasDeadUpstream: true }, undisturbed, refusalClaims),
  behindNginx('TLS', { tls: 'of the server' }, undisturbed, idleClaims),
  behindNginx('TLS with a client certificate', { tls: 'of both' }, undisturbed, idleClaims),
  behindNginx(
    '401, the bearer token is another one, and known 4 s later',
    { hasToken: true },
    async ({ rotation }) => {
      await sleep(calmMillis);
      await rotation(4_000);
      await sleep(8_000);
    },
    refusalClaims,
  ),
];

export const scenarios: readonly Scenario[] = [
  ...[2, 20, 60].flatMap((seconds) =>
    [false, true].flatMap((hasSpool) => ours.map((lane) => killed(lane, seconds, hasSpool))),
  ),
  ...ours.map(restartedBehindLatency),
  // The limit of gRPC is in whole MiB, which a request of ours does not reach.
  ...ours.filter((lane) => lane !== 'grpc').map(limited),
  shortOfMemory(),
  ...LANES.map((lane) => deployedAfterOutage(lane, false)),
  deployedAfterOutage('grpc', true),
  ...proxied,
];
