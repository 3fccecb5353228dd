/** docs/log-backend.md, played: its application, its queries, and the store away while a service logs. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceProcess } from '../real-collector/service-process.ts';
import { root, run, withTemporaryDirectory } from '../scripts/tools.ts';
import { VictoriaLogs } from './victoria-logs.ts';

const PAGE = join(root, 'docs/log-backend.md');
const APPLICATION = 'examples/query/app.cjs';
const RATE = 500;
const CALM_MILLIS = 3_000;
const AWAY_MILLIS = 4_000;
/** For a second. */
const SMALL_QUEUE_BYTES = 128 * 1024;
const SECOND_SERVICE = 10_000_000;
/** What has been stored is found after a second or so. */
const MAX_SEARCH_MILLIS = 20_000;
const POLL_MILLIS = 250;

interface Printed {
  readonly msg: string;
  readonly level: number;
  readonly err?: { readonly message: string };
  readonly [name: string]: unknown;
}

/** pino's levels, as OpenTelemetry has severities. */
const SEVERITIES: Readonly<Record<number, string>> = { 20: '5', 30: '9', 40: '13', 50: '17' };

/** @returns what did not hold, in words. */
export function playLogBackend(binary: string): Promise<string[]> {
  return withTemporaryDirectory(async (directory) => {
    const store = await VictoriaLogs.start(binary, join(directory, 'store'));
    try {
      return [
        ...(await checkApplication(store)),
        ...(await checkOutage(store)),
        ...(await checkQueries(store)),
      ];
    } finally {
      await store.stop();
    }
  });
}

/** Each line that pino has printed is found by its message, with all its fields. */
async function checkApplication(store: VictoriaLogs): Promise<string[]> {
  const { status, stdout, output } = await run(
    process.execPath,
    ['--import', 'otel-spillway/register', APPLICATION],
    {
      env: {
        OTEL_SERVICE_NAME: 'shop',
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: store.logsUrl,
        OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'VL-Stream-Fields=service.name',
      },
    },
  );
  if (status !== 0) return [`the application ended with ${status}: ${output}`];
  const printed = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Printed);
  const problems = printed.length === 4 ? [] : [`the application has printed ${printed.length} lines`];
  await found(store, '{service.name="shop"}', printed.length);
  for (const { level, time: _, pid: __, hostname: ___, msg, err, ...fields } of printed) {
    const [entry] = await store.query(`{service.name="shop"} _msg:="${msg}"`);
    const expected = {
      _stream: '{service.name="shop"}',
      severity_number: SEVERITIES[level],
      ...(err && { 'exception.message': err.message }),
      ...flattened(fields),
    };
    for (const [name, value] of Object.entries(expected)) {
      if (entry?.[name] !== value) problems.push(`'${msg}' has ${name} ${entry?.[name]} instead of ${value}`);
    }
  }
  return problems;
}

function flattened(fields: object, prefix = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(flattened(value, `${prefix}${name}.`))
        : [[`${prefix}${name}`, String(value)]],
    ),
  );
}

/** Each query of the page has an answer. */
async function checkQueries(store: VictoriaLogs): Promise<string[]> {
  const page = await readFile(PAGE, 'utf8');
  const table = page.slice(page.indexOf('## Queries'));
  const queries = Array.from(table.matchAll(/^\| `(.+?)` +\| [^|]+\|$/gm), ([, query = '']) =>
    query.replaceAll('\\|', '|'),
  );
  const problems = queries.length >= 5 ? [] : [`the page has ${queries.length} queries`];
  for (const query of queries) {
    if ((await store.query(query)).length === 0) problems.push(`no answer: ${query}`);
  }
  return problems;
}

/** Of a service with room for it nothing is missing; what one without has lost is what the store says is missing. */
async function checkOutage(store: VictoriaLogs): Promise<string[]> {
  const plan = { lane: 'own', url: store.logsUrl, recordsPerSecond: RATE } as const;
  const services = [
    await ServiceProcess.start(plan),
    await ServiceProcess.start({ ...plan, firstRecord: SECOND_SERVICE, maxQueueBytes: SMALL_QUEUE_BYTES }),
  ] as const;
  await sleep(CALM_MILLIS);
  await store.stop();
  await sleep(AWAY_MILLIS);
  await store.restart();
  await sleep(CALM_MILLIS);
  const [roomy, small] = await Promise.all([services[0].finish(), services[1].finish()]);
  const dropped = Object.values(small.stats?.dropped ?? {}).reduce((sum, records) => sum + records, 0);
  const due = roomy.emitted + small.emitted - dropped;
  const entries = await found(store, '"request.id":*', due);
  const ids = new Set(entries.map((entry) => entry['request.id'] ?? ''));
  const ofSmall = [...ids].filter((id) => id >= `r-${1_000_000_000 + SECOND_SERVICE}`).length;
  await found(store, 'event_name:spillway.gap', 1);
  const [gap] = await store.query('event_name:spillway.gap | stats sum(spillway.gap.records) lost');
  console.log(
    `the store was away for ${AWAY_MILLIS / 1_000} s: with room ${roomy.emitted} logged, ${ids.size - ofSmall} stored; ` +
      `without ${small.emitted} logged, ${ofSmall} stored, ${gap?.lost} said to be missing; ${entries.length - ids.size} twice`,
  );
  const problems: string[] = [];
  if (ids.size - ofSmall !== roomy.emitted) problems.push('a service with room for it has lost records');
  if (ofSmall + dropped !== small.emitted) problems.push('records are lost without a word');
  if (dropped === 0 || gap?.lost !== String(dropped)) {
    problems.push(`${dropped} are missing, and the store says ${gap?.lost}`);
  }
  if (entries.length !== ids.size) problems.push(`${entries.length - ids.size} records are stored twice`);
  return problems;
}

async function found(store: VictoriaLogs, query: string, count: number): Promise<Record<string, string>[]> {
  const deadline = performance.now() + MAX_SEARCH_MILLIS;
  for (;;) {
    const entries = await store.query(query);
    if (entries.length >= count || performance.now() > deadline) return entries;
    await sleep(POLL_MILLIS);
  }
}
