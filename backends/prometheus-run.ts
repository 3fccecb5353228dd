/** Three services through an outage, with a Prometheus that scrapes them and one that they send OTLP to. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withTemporaryDirectory } from '../scripts/tools.ts';
import { ownPort } from '../src/testing/own-port.ts';
import { TestCollector } from '../src/testing/test-collector.ts';
import { MeteredProcess } from './metered-process.ts';
import { panelQueries, variableQueries } from './ops-files.ts';
import { JOB, METRICS_EVERY_MILLIS, type MeteredPlan } from './prometheus-plan.ts';
import { PrometheusServer, type Sample } from './prometheus-server.ts';

const POLL_MILLIS = 500;
const ROUNDING = 1e-9;
const HEALTHY_MILLIS = 12_000;
const MAX_OUTAGE_MILLIS = 60_000;
const MAX_RETURN_MILLIS = 60_000;

/** What each service is there for. */
const SERVICES = {
  /** Loses records before anybody can scrape it, and none afterwards. */
  early: { burstRecords: 1_000, recordsPerSecond: 5, options: { maxQueueSize: 400 } },
  /** Fills a small queue. */
  steady: { recordsPerSecond: 400, options: { maxQueueBytes: 1024 ** 2 } },
  /** Fills a small spool by half, and is killed. */
  spooling: { recordsPerSecond: 400, options: {} },
} as const;
const SPOOL_BYTES = 3 * 1024 ** 2;

const LOST_EARLY = 'SpillwayRecordsLost early';
const WHILE_ALL_LIVE = [
  'SpillwayRecordsLost steady',
  'SpillwayBreakerOpen early',
  'SpillwayBreakerOpen steady',
  'SpillwayBreakerOpen spooling',
  'SpillwayCollectorDown *',
  'SpillwayQueueFilling steady',
  'SpillwayRecordsOld early',
  'SpillwayRecordsOld steady',
  'SpillwayRecordsOld spooling',
  'SpillwaySpoolFilling spooling',
  'SpillwaySpoolFullWithinAnHour spooling',
];
const GONE = 'SpillwayProcessGoneWithRecordsOnDisk spooling';

/** A Prometheus, and what it has to show. */
export interface Way {
  readonly name: string;
  readonly binary: string;
  readonly takesOtlp: boolean;
  /** Names that the docs give to the metrics on this way. */
  readonly names: readonly string[];
}

/** @returns what did not hold, in words. */
export function playOutage(ways: readonly Way[], say: (text: string) => void): Promise<string[]> {
  return withTemporaryDirectory(async (directory) => {
    const problems: string[] = [];
    const stops: (() => Promise<unknown>)[] = [];
    try {
      const collector = await TestCollector.start();
      stops.push(() => collector.stop());
      const targets = await Promise.all(
        Object.keys(SERVICES).map(async (instance) => ({ instance, port: await ownPort() })),
      );
      const servers = await Promise.all(
        ways.map(async (way, index) => {
          const home = join(directory, `prometheus-${index}`);
          await mkdir(home);
          const scraped = way.takesOtlp ? [] : targets;
          const { binary, takesOtlp } = way;
          const server = await PrometheusServer.start(binary, home, {
            job: JOB,
            targets: scraped,
            takesOtlp,
          });
          stops.push(() => server.stop());
          return { way, server };
        }),
      );
      const otlpServer = servers.find(({ way }) => way.takesOtlp)?.server;
      const start = async ({ instance, port }: (typeof targets)[number], burst = true) => {
        const { options, ...rest } = SERVICES[instance as keyof typeof SERVICES];
        const spool = { directory: join(directory, 'spool'), maxBytes: SPOOL_BYTES };
        const plan: MeteredPlan = {
          name: instance,
          logsUrl: collector.logsUrl,
          metricsPort: port,
          ...(otlpServer && { metricsUrl: otlpServer.otlpMetricsUrl }),
          ...rest,
          ...(!burst && { burstRecords: 0 }),
          options: instance === 'spooling' ? { ...options, spool } : options,
        };
        const service = await MeteredProcess.start(plan);
        stops.push(() => service.kill());
        return service;
      };

      const seen = servers.map(() => new Set<string>());
      /** Until each Prometheus has said so, or for so long. */
      const watch = async (
        maxMillis: number,
        isDone: (firing: ReadonlySet<string>, way: number) => boolean,
      ) => {
        const deadline = performance.now() + maxMillis;
        for (;;) {
          const firing = await Promise.all(servers.map(({ server }) => server.firing()));
          for (const [way, names] of firing.entries()) for (const name of names) seen[way]?.add(name);
          if (firing.every(isDone) || performance.now() > deadline) return firing;
          await sleep(POLL_MILLIS);
        }
      };
      const expect = (when: string, expected: readonly string[], allowed: readonly string[] = []) => {
        for (const [way, names] of seen.entries()) {
          const missing = expected.filter((name) => !names.has(name));
          const others = [...names].filter((name) => !expected.includes(name) && !allowed.includes(name));
          const where = `${ways[way]?.name}, ${when}`;
          if (missing.length > 0) problems.push(`${where}: no alert ${missing.join(', ')}`);
          if (others.length > 0) problems.push(`${where}: false alerts ${others.join(', ')}`);
          names.clear();
        }
      };

      const [early, steady, spooling] = (await Promise.all(targets.map((target) => start(target)))) as [
        MeteredProcess,
        MeteredProcess,
        MeteredProcess,
      ];
      await watch(HEALTHY_MILLIS, () => false);
      expect('all is well, but for a loss before the first scrape', [LOST_EARLY]);

      say('the collector goes');
      await collector.become('dead');
      await watch(MAX_OUTAGE_MILLIS, (_, way) => WHILE_ALL_LIVE.every((name) => seen[way]?.has(name)));
      for (const { way, server } of servers) problems.push(...(await checkPanels(way.name, server)));
      await spooling.kill();
      await watch(MAX_OUTAGE_MILLIS, (firing) => firing.has(GONE));
      expect('an outage', [...WHILE_ALL_LIVE, GONE], [LOST_EARLY]);

      say('the collector is back, and the process that was killed too');
      await collector.become('well');
      const again = await start(targets[2] as (typeof targets)[number], false);
      const last = await watch(MAX_RETURN_MILLIS, (firing) => firing.size === 0);
      for (const [way, firing] of last.entries()) {
        if (firing.size > 0) problems.push(`${ways[way]?.name}: still alerts ${[...firing].join(', ')}`);
      }
      for (const service of [early, steady, again]) service.stopEmitting();
      await sleep(4 * METRICS_EVERY_MILLIS);
      for (const { way, server } of servers) {
        problems.push(...(await checkNames(way, server)), ...(await checkAccount(way.name, server)));
      }
      if (servers.length > 1) problems.push(...(await checkSame(servers)));
      return problems;
    } finally {
      await Promise.all(stops.map((stop) => stop()));
    }
  });
}

/** Each query of the dashboard has something to show in an outage. */
async function checkPanels(way: string, server: PrometheusServer): Promise<string[]> {
  const problems: string[] = [];
  for (const { where, expr } of [...panelQueries(), ...variableQueries()]) {
    const samples = await server.query(expr).catch((error) => String(error));
    if (samples.length === 0) problems.push(`${way}: the panel '${where}' shows nothing: ${expr}`);
    if (typeof samples === 'string') problems.push(`${way}: the panel '${where}': ${samples}`);
  }
  return problems;
}

/** A histogram is three names. */
const seriesNames = (name: string, all: ReadonlySet<string>): string[] =>
  all.has(name) ? [name] : ['_bucket', '_count', '_sum'].map((suffix) => name + suffix);

async function checkNames({ name: way, names }: Way, server: PrometheusServer): Promise<string[]> {
  const all = await server.metricNames();
  const expected = new Set(names.flatMap((name) => seriesNames(name, all)));
  const ours = [...all].filter((name) => /^(spillway|otel_sdk)_/.test(name));
  return [
    ...[...expected].filter((name) => !all.has(name)).map((name) => `${way}: no metric ${name}`),
    ...ours.filter((name) => !expected.has(name)).map((name) => `${way}: the docs know no metric ${name}`),
  ];
}

/** Where a process lived all the time and has nothing left, its own numbers account for each record. */
async function checkAccount(way: string, server: PrometheusServer): Promise<string[]> {
  const problems: string[] = [];
  for (const instance of ['early', 'steady']) {
    const total = async (metric: string) =>
      (await server.query(`sum(${metric}{instance="${instance}"})`))[0]?.value ?? Number.NaN;
    const [offered, exported, dropped] = await Promise.all([
      total('spillway_records_offered_total'),
      total('otel_sdk_exporter_log_exported_total'),
      total('spillway_records_dropped_total'),
    ]);
    if (offered === undefined || offered !== (exported ?? 0) + (dropped ?? 0)) {
      problems.push(
        `${way}: ${instance} was offered ${offered}, of which ${exported} and ${dropped} are accounted for`,
      );
    }
  }
  return problems;
}

/** Both have the same values of the same metrics with the same labels, units in the names apart. */
async function checkSame(servers: readonly { way: Way; server: PrometheusServer }[]): Promise<string[]> {
  const [first, second] = await Promise.all(
    servers.map(async ({ server }) => valuesOf(await server.query(`{__name__=~"(spillway|otel_sdk)_.+"}`))),
  );
  if (first === undefined || second === undefined) return [];
  const problems: string[] = [];
  for (const key of new Set([...first.keys(), ...second.keys()])) {
    const [one, other] = [first.get(key) ?? Number.NaN, second.get(key) ?? Number.NaN];
    // Sums of seconds are summed in another order.
    if (Math.abs(one - other) <= ROUNDING) continue;
    problems.push(`not the same both ways: ${key}: ${one} and ${other}`);
  }
  return problems;
}

function valuesOf(samples: readonly Sample[]): Map<string, number> {
  return new Map(
    samples.map(({ metric, value }) => {
      const { __name__: name = '', otel_scope_name: _, otel_scope_version: __, ...labels } = metric;
      const bare = name.replace(/_(seconds|bytes)(?=$|_bucket$|_count$|_sum$)/, '');
      return [`${bare}${JSON.stringify(Object.entries(labels).sort())}`, value];
    }),
  );
}
