/** The model of the official HTTP exporters beside the real one: the same results, attempts and times. */

import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Collector } from '../../simulation/network/collector.ts';
import { officialHttpExporter } from '../../simulation/network/official-http.ts';
import { HEALTHY, type Weather } from '../../simulation/network/weather.ts';
import { classify } from '../../src/delivery/classify.ts';
import type { AnyLogRecordExporter } from '../../src/index.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { record } from '../support/records.ts';
import { WeatheredServer } from '../support/weathered-server.ts';

const RECORDS = ['p1-0', 'p1-1', 'p1-2', 'p1-3'].map((body) => record({ body })) as never;
/** Real time that passes during an exchange with a real server: fake clocks stand still then. */
const SLACK_MILLIS = 15;

interface Told {
  readonly code: number;
  readonly error: object | undefined;
  readonly kind: string;
  readonly attempts: number;
  /** From the call to the result. */
  readonly millis: number;
}

type Result = Parameters<Parameters<AnyLogRecordExporter['export']>[1]>[0];

function told({ code, error }: Result, attempts: number, millis: number): Told {
  const { name, message, code: errorCode, data } = (error ?? {}) as Record<string, unknown>;
  const said = String(message).replace(/127\.0\.0\.1:\d+/, 'ADDRESS');
  // How Node words a connection that ended depends on who ended it how.
  const words = errorCode === 'ECONNRESET' ? 'RESET' : said;
  return {
    code,
    error: error && { name, message: words, code: errorCode, data },
    kind: classify(error).kind,
    attempts,
    millis,
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  // Neither the exporter's back-off nor the model's deviates.
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Lets the real exporter work, and its timers fire one after another as soon as nothing else is going on. */
async function real(url: string, timeoutMillis: number, attempts: () => number): Promise<Told> {
  const exporter = new OTLPLogExporter({ url, timeoutMillis });
  const startedAt = Date.now();
  let result: Result | undefined;
  exporter.export(RECORDS, (given) => {
    result = given;
  });
  for (let turns = 0; result === undefined && turns < 20_000; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (vi.getTimerCount() > 0) vi.advanceTimersToNextTimer();
  }
  return told(result as Result, attempts(), Date.now() - startedAt);
}

async function model(script: readonly Weather[], timeoutMillis: number): Promise<Told> {
  const clock = new ManualClock();
  const collector = new Collector(clock, script[0] ?? HEALTHY);
  const exporter = officialHttpExporter(collector, { id: 'p1', clock }, { timeoutMillis });
  const startedAt = clock.now();
  let result: Result | undefined;
  exporter.export(RECORDS, (given) => {
    result = given;
  });
  while (result === undefined) {
    await clock.advance(5);
    // One weather for each request.
    const judged = collector.requests.filter(({ answer }) => answer !== '').length;
    const next = script[Math.min(judged, script.length - 1)] as Weather;
    if (next !== collector.weather) collector.weather = next;
  }
  return told(result, collector.requests.length, clock.now() - startedAt);
}

function limited(status: 429 | 503, retryAfterSeconds?: number): Weather {
  const delay = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  return { kind: 'rate-limit', requestsPerMinute: 1, burst: 0, status, ...delay };
}

const failing: Weather = { kind: 'failing', status: 503 };
const reset: Weather = { kind: 'reset', takes: false };

const SCRIPTS: [name: string, script: Weather[]][] = [
  ['success', [HEALTHY]],
  ['a partial success', [{ kind: 'partial-success', share: 0.5 }]],
  ['a web page', [{ kind: 'wrong-address', how: 'html-200' }]],
  ['400', [{ kind: 'size-limit', bytes: 1, how: '400-said' }]],
  ['401', [{ kind: 'credentials-expired', status: 401 }]],
  ['404', [{ kind: 'wrong-address', how: 404 }]],
  ['408', [{ kind: 'failing', status: 408 }]],
  ['413', [{ kind: 'size-limit', bytes: 1, how: '413' }]],
  ['500', [{ kind: 'failing', status: 500 }]],
  ['502, then success', [{ kind: 'failing', status: 502 }, HEALTHY]],
  ['503 three times, then success', [failing, failing, failing, HEALTHY]],
  ['503 for ever', [failing]],
  ['503, then 400', [failing, { kind: 'size-limit', bytes: 1, how: '400-unsaid' }]],
  ['429 for ever, with a requested delay of nothing', [limited(429, 0)]],
  ['429 with a requested delay of 3 s, then success', [limited(429, 3), HEALTHY]],
  ['503 with a requested delay of 3 s, for ever', [limited(503, 3)]],
  ['429 with a requested delay beyond its own time', [limited(429, 120)]],
  ['a reset, then success', [reset, HEALTHY]],
  ['a reset for ever', [reset]],
  ['half of a success, then a reset', [{ kind: 'half-answer', status: 200, end: 'reset' }]],
  ['half of a failure, then a reset', [{ kind: 'half-answer', status: 503, end: 'reset' }]],
];

test.each(SCRIPTS)(
  'the simulated HTTP exporter reports "%s" as the real one does, after equal attempts and time',
  async (_, script) => {
    const server = await WeatheredServer.start(...script);
    const asReal = await real(server.url, 10_000, () => server.requests);
    const asModel = await model(script, 10_000);
    expect({ ...asModel, millis: 0 }).toEqual({ ...asReal, millis: 0 });
    expect(Math.abs(asModel.millis - asReal.millis)).toBeLessThan(asReal.attempts * SLACK_MILLIS);
  },
);

test('the simulated HTTP exporter reports a refused connection as the real one does', async () => {
  const server = await WeatheredServer.start(HEALTHY);
  const { url } = server;
  await server.sink.stop();
  const asReal = await real(url, 10_000, () => 5);
  const asModel = await model([{ kind: 'down' }], 10_000);
  expect({ ...asModel, millis: 0 }).toEqual({ ...asReal, millis: 0 });
  expect(Math.abs(asModel.millis - asReal.millis)).toBeLessThan(5 * SLACK_MILLIS);
});

test.each<Weather>([
  { kind: 'hang', takes: true },
  { kind: 'half-answer', status: 200, end: 'hang' },
])(
  'the simulated HTTP exporter gives up the silence of $kind after its timeout, as the real one does',
  async (weather) => {
    vi.useRealTimers();
    const server = await WeatheredServer.start(weather);
    const exporter = new OTLPLogExporter({ url: server.url, timeoutMillis: 200 });
    const result = await new Promise<Result>((resolve) => exporter.export(RECORDS, resolve));
    const asModel = await model([weather], 200);
    expect(asModel).toMatchObject(told(result, server.requests, asModel.millis));
    expect(asModel.millis).toBeGreaterThanOrEqual(200);
    expect(asModel.millis).toBeLessThan(200 + SLACK_MILLIS);
  },
);

test('the simulated HTTP exporter lets only the kernel bound a connection that is not made, as the real one does', async () => {
  vi.useRealTimers();
  // A name that is never resolved is a connection that is never made.
  const httpAgentOptions = { lookup: () => {} } as never;
  const exporter = new OTLPLogExporter({ url: 'http://nowhere.test/', timeoutMillis: 50, httpAgentOptions });
  let isTold = false;
  exporter.export(RECORDS, () => {
    isTold = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(isTold).toBe(false);
  const asModel = await model([{ kind: 'black-hole' }], 50);
  expect(asModel).toMatchObject({ attempts: 1, error: { code: 'ETIMEDOUT' } });
  expect(asModel.millis).toBeGreaterThan(120_000);
});

test('the simulated HTTP exporter refuses more than 30 concurrent exports, as the real one does', async () => {
  vi.useRealTimers();
  const server = await WeatheredServer.start({ kind: 'hang', takes: false });
  const clock = new ManualClock();
  const exporters: AnyLogRecordExporter[] = [
    new OTLPLogExporter({ url: server.url, timeoutMillis: 200 }) as never,
    officialHttpExporter(new Collector(clock, { kind: 'hang', takes: false }), { id: 'p1', clock }),
  ];
  const results = exporters.map((exporter) => {
    const refused: Result[] = [];
    for (let exports = 0; exports < 31; exports++) exporter.export(RECORDS, (result) => refused.push(result));
    return refused.map((result) => told(result, 1, 0));
  });
  expect(results[1]).toEqual(results[0]);
  expect(results[1]).toMatchObject([{ code: 1, error: { message: 'Concurrent export limit reached' } }]);
  await exporters[0]?.forceFlush?.();
});

test('the simulated HTTP exporter ends its exports before flush and shutdown do, and sends later ones, as the real one does', async () => {
  const flushed = async (exporter: AnyLogRecordExporter, requests: () => number): Promise<unknown[]> => {
    const seen: unknown[] = [];
    exporter.export(RECORDS, ({ code }) => seen.push(`told ${code}`));
    await exporter.forceFlush?.();
    seen.push('flushed', requests());
    await exporter.shutdown();
    exporter.export(RECORDS, ({ code }) => seen.push(`told ${code}`));
    await exporter.forceFlush?.();
    seen.push(requests());
    return seen;
  };
  const server = await WeatheredServer.start(failing, HEALTHY);
  const realExporter = new OTLPLogExporter({ url: server.url });
  const asReal = flushed(realExporter as never, () => server.requests);
  let isOver = false;
  void asReal.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    if (vi.getTimerCount() > 0) vi.advanceTimersToNextTimer();
  }
  vi.useRealTimers();
  const clock = new ManualClock();
  const collector = new Collector(clock, failing);
  const asModel = flushed(
    officialHttpExporter(collector, { id: 'p1', clock }),
    () => collector.requests.length,
  );
  await clock.advance(500);
  collector.weather = HEALTHY;
  await clock.advance(2_000);
  expect(await asModel).toEqual(await asReal);
});

test('the simulated HTTP exporter has the fields by which the real one is recognised', () => {
  const clock = new ManualClock();
  const asModel = officialHttpExporter(new Collector(clock), { id: 'p1', clock });
  const asReal = new OTLPLogExporter({ url: 'http://127.0.0.1:1/v1/logs' });
  expect(shapeOf(asModel)).toEqual(shapeOf(asReal));
});

function shapeOf(exporter: object): object {
  const { _delegate } = exporter as { _delegate: Delegate };
  const { _transport, _timeout, _promiseQueue } = _delegate;
  return {
    name: exporter.constructor.name,
    delegate: _delegate.constructor.name,
    transport: _transport.constructor.name,
    inner: _transport._transport.constructor.name,
    url: typeof _transport._transport._parameters.url,
    compression: _transport._transport._parameters.compression,
    timeout: _timeout,
    limit: _promiseQueue._concurrencyLimit,
  };
}

interface Delegate {
  readonly _timeout: number;
  readonly _promiseQueue: { readonly _concurrencyLimit: number };
  readonly _transport: {
    readonly _transport: { readonly _parameters: { readonly url: string; readonly compression: string } };
  };
}
