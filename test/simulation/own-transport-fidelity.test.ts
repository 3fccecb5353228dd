/** The model of the own transport beside the real one: the same answers, to the same requests, are told the same. */

import { expect, test } from 'vitest';
import { Collector } from '../../simulation/network/collector.ts';
import { type OwnTransportOptions, SimulatedTransport } from '../../simulation/network/own-transport.ts';
import { HEALTHY, type Weather } from '../../simulation/network/weather.ts';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import { outcomeOf } from '../../src/otlp/response.ts';
import type { OtlpResponse, OtlpTransport } from '../../src/otlp/transport.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { encodedRequest } from '../support/simulated-network.ts';
import { until } from '../support/until.ts';
import { WeatheredServer } from '../support/weathered-server.ts';

/** What is silent is given up after so long; what is not must not be, on a busy machine either. */
const SILENCE_MILLIS = 300;
const TIMEOUT_MILLIS = 10_000;
const REQUEST = encodedRequest(['p1-0', 'p1-1', 'p1-2', 'p1-3']);
const NEVER = new AbortController().signal;

type Told = { response: object } | { error: object };

/** Where a port and an address would tell the two apart, they are taken out. */
async function told(post: Promise<OtlpResponse>): Promise<Told> {
  try {
    const { endpoint, body, status, statusText = '', retryAfter, contentType, extent = 'whole' } = await post;
    const response = { status, statusText, retryAfter, contentType, extent };
    expect(endpoint).toMatch(/^http:.*\/v1\/logs$/);
    const { kind } = outcomeOf({ ...response, body }, () => 0);
    // Of half a body it does not matter how much of it was read.
    const isCut = body.length === 3;
    return { response: { ...response, body: isCut ? '' : Buffer.from(body).toString('base64'), kind } };
  } catch (error) {
    const { message, code, cause } = error as Error & { code?: string; cause?: { code?: string } };
    return { error: { message: withoutAddresses(message), code: codeOf(code), cause: codeOf(cause?.code) } };
  }
}

function withoutAddresses(message: string): string {
  return message
    .replace(/http:\S+\/v1\/logs/, 'URL')
    .replace(/127\.0\.0\.1:\d+/, 'ADDRESS')
    .replace(/(URL: ).*(other side closed|socket hang up|ECONNRESET|terminated).*/, '$1RESET');
}

/** What clients call a connection that ended differs from one to the next, and matters to nobody. */
function codeOf(code: string | undefined): string | undefined {
  return code === 'UND_ERR_SOCKET' ? 'ECONNRESET' : code;
}

function realTransport(url: string, options: OwnTransportOptions = {}): HttpTransport {
  return new HttpTransport(resolveOtlpConfig({ timeoutMillis: TIMEOUT_MILLIS, ...options, url }, {}));
}

interface Simulated {
  readonly clock: ManualClock;
  readonly collector: Collector;
  readonly transport: SimulatedTransport;
}

function simulated(weather: Weather, options: OwnTransportOptions = {}): Simulated {
  const clock = new ManualClock();
  const collector = new Collector(clock, weather);
  const plan = { timeoutMillis: TIMEOUT_MILLIS, ...options };
  return { clock, collector, transport: new SimulatedTransport(collector, { id: 'p1', clock }, plan) };
}

const WEATHERS: Weather[] = [
  { kind: 'healthy' },
  { kind: 'partial-success', share: 0.5 },
  { kind: 'rate-limit', requestsPerMinute: 1, burst: 0, status: 429, retryAfterSeconds: 30 },
  { kind: 'rate-limit', requestsPerMinute: 1, burst: 0, status: 503 },
  { kind: 'memory-limit', bytes: 1, drainBytesPerSecond: 1 },
  { kind: 'size-limit', bytes: 1, how: '413' },
  { kind: 'size-limit', bytes: 1, how: '400-said' },
  { kind: 'size-limit', bytes: 1, how: '400-unsaid' },
  { kind: 'size-limit', bytes: 1, how: '500' },
  { kind: 'wrong-address', how: 400 },
  { kind: 'wrong-address', how: 404 },
  { kind: 'wrong-address', how: 'html-200' },
  { kind: 'credentials-expired', status: 401 },
  { kind: 'failing', status: 500 },
  { kind: 'failing', status: 504 },
  { kind: 'poison', every: 2 },
  { kind: 'hang', takes: true },
  { kind: 'reset', takes: false },
  { kind: 'half-answer', status: 200, end: 'reset' },
  { kind: 'half-answer', status: 503, end: 'reset' },
  { kind: 'half-answer', status: 200, end: 'hang' },
];

test.each(WEATHERS)('the simulated transport reports %j as the real one does', async (weather) => {
  const server = await WeatheredServer.start(weather);
  const isSilent = weather.kind === 'hang' || (weather.kind === 'half-answer' && weather.end === 'hang');
  const options = isSilent ? { timeoutMillis: SILENCE_MILLIS } : {};
  const real = realTransport(server.url, options);
  const model = simulated(weather, options);
  const modelPost = told(model.transport.post(REQUEST, NEVER));
  await model.clock.advance(SILENCE_MILLIS + 10);
  expect(await modelPost).toEqual(await told(real.post(REQUEST, NEVER)));
  await real.close();
});

test('the simulated transport reports a refused connection as the real one does', async () => {
  const server = await WeatheredServer.start(HEALTHY);
  const real = realTransport(server.url);
  await server.sink.stop();
  const model = simulated({ kind: 'down' });
  const modelPost = told(model.transport.post(REQUEST, NEVER));
  await model.clock.advance(1);
  expect(await modelPost).toEqual(await told(real.post(REQUEST, NEVER)));
  await real.close();
});

/** The same steps with both, and what each tells. */
async function both(
  weather: Weather,
  options: OwnTransportOptions,
  steps: (transport: OtlpTransport, requests: (count: number) => Promise<void>) => Promise<unknown>,
): Promise<{ real: unknown; model: unknown }> {
  const server = await WeatheredServer.start(weather);
  const transport = realTransport(server.url, options);
  const real = await steps(transport, (count) => until(() => server.requests >= count, `${count} requests`));
  await transport.close();
  const model = simulated(weather, options);
  const judged = () => model.collector.requests.filter(({ answer }) => answer !== '').length;
  const modelSteps = steps(model.transport, (count) => until(() => judged() >= count, `${count} requests`));
  let isOver = false;
  void modelSteps.finally(() => {
    isOver = true;
  });
  while (!isOver) await model.clock.advance(1);
  return { real, model: await modelSteps };
}

test('the simulated transport fails an aborted request with the reason of its signal, as the real one does', async () => {
  const { real, model } = await both({ kind: 'hang', takes: false }, {}, async (transport, requests) => {
    const controller = new AbortController();
    const post = told(transport.post(REQUEST, controller.signal));
    await requests(1);
    controller.abort(new Error('not wanted any more'));
    return [await post, await told(transport.post(REQUEST, controller.signal))];
  });
  expect(model).toEqual(real);
});

test('the simulated transport fails requests under way and later ones when it is closed, as the real one does', async () => {
  const { real, model } = await both({ kind: 'hang', takes: false }, {}, async (transport, requests) => {
    const post = told(transport.post(REQUEST, NEVER));
    await requests(1);
    await transport.close();
    return [await post, await told(transport.post(REQUEST, NEVER))];
  });
  expect(model).toEqual(real);
});

test('the simulated transport treats half an answer that is closed or aborted as the real one does', async () => {
  const half: Weather = { kind: 'half-answer', status: 503, end: 'hang' };
  const { real, model } = await both(half, {}, async (transport, requests) => {
    const controller = new AbortController();
    const aborted = told(transport.post(REQUEST, controller.signal));
    const closed = told(transport.post(REQUEST, NEVER));
    await requests(2);
    // What there is of the answer is in the client's socket: some turns, and it has been read.
    for (let turns = 0; turns < 200; turns++) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error('not wanted any more'));
    await transport.close();
    return [await aborted, await closed];
  });
  expect(model).toEqual(real);
});

test('the simulated transport makes as many connections as the real one, within the same limit', async () => {
  const sent = async (transport: OtlpTransport): Promise<void> => {
    await transport.post(REQUEST, NEVER);
    await transport.post(REQUEST, NEVER);
    await Promise.all(Array.from({ length: 5 }, () => transport.post(REQUEST, NEVER)));
  };
  const server = await WeatheredServer.start(HEALTHY);
  const real = realTransport(server.url, { concurrencyLimit: 3 });
  await sent(real);
  const model = simulated(HEALTHY, { concurrencyLimit: 3 });
  const modelSent = sent(model.transport);
  await model.clock.advance(100);
  await modelSent;
  expect(model.collector.requests).toHaveLength(server.requests);
  expect(model.collector.connects).toHaveLength(server.sink.connections);
  await real.close();
});
