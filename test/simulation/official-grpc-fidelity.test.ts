/** The model of the official gRPC exporter, and of its channel, beside the real one: the same errors, attempts and times. */

import { createServer as createHttp2Server } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Collector } from '../../simulation/network/collector.ts';
import { officialGrpcExporter } from '../../simulation/network/official-grpc.ts';
import type { Weather } from '../../simulation/network/weather.ts';
import { classify } from '../../src/delivery/classify.ts';
import type { AnyLogRecordExporter } from '../../src/index.ts';
import { GrpcCollector, type GrpcReply } from '../support/grpc-collector.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { record } from '../support/records.ts';

const RECORDS = ['p1-0', 'p1-1'].map((body) => record({ body })) as never;

type Result = Parameters<Parameters<AnyLogRecordExporter['export']>[1]>[0];

interface Told {
  readonly code: unknown;
  readonly message: string | undefined;
  readonly details: string | undefined;
  readonly outcome: object;
}

function told({ error }: Result): Told {
  const { code, message, details } = (error ?? {}) as { code?: unknown; message?: string; details?: string };
  // How long a call waited for what is in its details, and so are addresses and dates.
  const plain = (text: string | undefined) =>
    text
      ?.replace(/127\.0\.0\.1:\d+/g, 'ADDRESS')
      .replace(/ \(\d{4}-\S+Z\)/, '')
      .replace(/(Deadline exceeded).*/, '$1')
      .replace(/(Last error: ).*?(\. Resolution)/, '$1…$2');
  const { kind, retryAfterMillis } = classify(error) as { kind: string; retryAfterMillis?: number };
  return { code, message: plain(message), details: plain(details), outcome: { kind, retryAfterMillis } };
}

function exported(exporter: AnyLogRecordExporter): Promise<Result> {
  return new Promise((resolve) => exporter.export(RECORDS, resolve));
}

function realExporter(url: string, timeoutMillis = 10_000): AnyLogRecordExporter {
  const exporter = new OTLPLogExporter({ url, timeoutMillis }) as never as AnyLogRecordExporter;
  onTestFinished(() => exporter.shutdown());
  return exporter;
}

class Model {
  readonly clock = new ManualClock();
  readonly collector: Collector;
  readonly exporter: AnyLogRecordExporter;

  constructor(weather: Weather, timeoutMillis = 10_000) {
    this.collector = new Collector(this.clock, weather);
    this.exporter = officialGrpcExporter(this.collector, { id: 'p1', clock: this.clock }, { timeoutMillis });
  }

  async told(millis = 20): Promise<Told> {
    const result = exported(this.exporter);
    await this.clock.advance(millis);
    return told(await result);
  }
}

const ANSWERS: [Weather, GrpcReply][] = [
  [{ kind: 'healthy' }, 'accept'],
  [{ kind: 'partial-success', share: 0.5 }, 'accept'],
  [
    { kind: 'memory-limit', bytes: 1, drainBytesPerSecond: 1 },
    { code: 14, details: 'data refused due to high memory usage' },
  ],
  [
    { kind: 'memory-limit', bytes: 1, drainBytesPerSecond: 1, status: 429, retryAfterSeconds: 7 },
    { code: 8, details: 'data refused due to high memory usage', retryDelayMillis: 7_000 },
  ],
  [
    { kind: 'rate-limit', requestsPerMinute: 1, burst: 0, status: 429, retryAfterSeconds: 30 },
    { code: 8, details: 'sending queue is full', retryDelayMillis: 30_000 },
  ],
  [
    { kind: 'poison', every: 1 },
    { code: 3, details: 'proto: illegal wireType 7' },
  ],
  [
    { kind: 'failing', status: 500 },
    { code: 13, details: 'Permanent error: not delivered' },
  ],
];

test.each(ANSWERS)(
  'the simulated gRPC exporter reports %j as the real one does, after one attempt',
  async (weather, reply) => {
    const server = await GrpcCollector.start();
    server.reply = () => reply;
    const model = new Model(weather);
    expect(await model.told()).toEqual(told(await exported(realExporter(server.url))));
    expect(model.collector.requests).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  },
);

test('the simulated gRPC exporter reports a request above the limit of the server as the real one does', async () => {
  const server = await GrpcCollector.start({ maxReceiveBytes: 16 });
  const limited: Weather = { kind: 'size-limit', bytes: 16, how: '413' };
  const asReal = told(await exported(realExporter(server.url)));
  const asModel = await new Model(limited).told();
  // The Collector is in Go, which words it thus; the server of the test is not.
  expect(asModel.details).toMatch(/^grpc: received message larger than max \(\d+ vs\. 16\)$/);
  expect(asReal.details).toMatch(/^Received message larger than max \(\d+ vs 16\)$/);
  expect(asModel).toMatchObject({ code: asReal.code, outcome: asReal.outcome });
});

test('the simulated gRPC exporter reports a call that is not answered in time as the real one does', async () => {
  const server = await GrpcCollector.start();
  server.reply = () => 'hang';
  const asReal = told(await exported(realExporter(server.url, 100)));
  expect(await new Model({ kind: 'hang', takes: true }, 100).told(100)).toEqual(asReal);
  expect(await new Model({ kind: 'black-hole' }, 100).told(100)).toEqual(asReal);
});

test('the simulated gRPC exporter reports a connection lost during a call as the real one does', async () => {
  const server = createHttp2Server();
  let socket: Socket | undefined;
  server.on('connection', (connected: Socket) => {
    socket = connected.on('error', () => {});
  });
  server.on('sessionError', () => {});
  const hasArrived = new Promise((resolve) =>
    server.on('stream', (stream) => resolve(stream.on('error', () => {}))),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const result = exported(realExporter(`http://127.0.0.1:${port}`));
  await hasArrived;
  socket?.resetAndDestroy();
  const asReal = told(await result);
  const model = new Model({ kind: 'healthy', latencyMillis: 1_000 });
  const modelResult = exported(model.exporter);
  await model.clock.advance(10);
  model.collector.weather = { kind: 'down' };
  await model.clock.advance(1);
  const asModel = told(await modelResult);
  expect(asModel).toMatchObject({ code: asReal.code, outcome: asReal.outcome });
  expect(asReal).toMatchObject({ code: 14 });
});

/** Accepts each connection and ends it immediately: for a channel an address that cannot be connected to. */
class Door {
  readonly openedAt: number[] = [];
  #server: Server | undefined;
  port = 0;

  async start(): Promise<void> {
    const server = createServer((socket: Socket) => {
      this.openedAt.push(Date.now());
      socket.on('error', () => {}).destroy();
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.port = (server.address() as { port: number }).port;
    onTestFinished(() => this.stop());
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }
}

const STEP_MILLIS = 50;

/** Fake time stands still while a real socket works: each attempt may be some steps late. */
function expectTimes(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, millis] of expected.entries()) {
    expect(Math.abs((actual[index] as number) - millis), `time ${index}`).toBeLessThanOrEqual(
      6 * STEP_MILLIS,
    );
  }
}

test('the simulated gRPC channel reconnects after a failure when the real one does, and fails calls immediately until then', async () => {
  const door = new Door();
  await door.start();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  // Neither channel's back-off deviates.
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  onTestFinished(() => void vi.restoreAllMocks());
  const exporter = realExporter(`http://127.0.0.1:${door.port}`);
  const model = new Model({ kind: 'wrong-address', how: 400 });
  const startedAt = Date.now();
  const modelStartedAt = model.clock.now();
  const asReal: [number, Told][] = [];
  const asModel: [number, Told][] = [];
  let isCalled = false;
  for (let millis = 0; millis < 18_000; millis += STEP_MILLIS) {
    if (millis % 3_000 === 0) {
      void exported(exporter).then((result) => asReal.push([Date.now() - startedAt, told(result)]));
      void exported(model.exporter).then((result) =>
        asModel.push([model.clock.now() - modelStartedAt, told(result)]),
      );
      // The first call loads what the client is made of.
      if (!isCalled) await new Promise((resolve) => setImmediate(resolve));
      isCalled = true;
    }
    await model.clock.advance(STEP_MILLIS);
    for (let turns = 0; turns < 6; turns++) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(STEP_MILLIS);
    for (let turns = 0; turns < 6; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
  const attempts = door.openedAt.map((at) => at - startedAt);
  // After 1, 1.6, 2.56, 4.096 and 6.5536 s.
  expectTimes(attempts, [0, 1_000, 2_600, 5_160, 9_256, 15_810]);
  expectTimes(
    model.collector.connects.map(({ at }) => at - modelStartedAt),
    attempts,
  );
  expect(asModel).toHaveLength(6);
  expect(asModel.map(([, result]) => result)).toEqual(asReal.map(([, result]) => result));
  expectTimes(
    asModel.map(([millis]) => millis),
    asReal.map(([millis]) => millis),
  );
  expect(asModel[0]?.[1]).toMatchObject({ code: 14, outcome: { kind: 'retryable' } });
});

test('the simulated gRPC exporter makes a new connection after six timeouts in a row, as the real one does', async () => {
  const server = await GrpcCollector.start();
  server.reply = () => 'hang';
  const exporter = realExporter(server.url, 60);
  const peers = new Set<unknown>();
  const model = new Model({ kind: 'hang', takes: true }, 60);
  for (let call = 0; call < 7; call++) {
    const client = () => (exporter as never as Shape)._delegate._transport._client;
    await Promise.all([exported(exporter), model.told(70)]);
    peers.add(client());
  }
  // The sixth let go of its client; the seventh made another.
  expect(peers.size).toBe(3);
  expect(peers.has(undefined)).toBe(true);
  expect(model.collector.connects).toHaveLength(2);
});

interface Shape {
  readonly _delegate: {
    readonly _timeout: number;
    readonly _promiseQueue: { readonly _concurrencyLimit: number };
    readonly _transport: {
      readonly _client: unknown;
      readonly _parameters: {
        readonly address: string;
        readonly grpcName: string;
        readonly grpcPath: string;
      };
    };
  };
}

test('the simulated gRPC exporter has the fields by which the real one is recognised', () => {
  const shapeOf = (exporter: unknown): object => {
    const { _transport, _timeout, _promiseQueue } = (exporter as Shape)._delegate;
    return {
      name: (exporter as object).constructor.name,
      transport: _transport.constructor.name,
      timeout: _timeout,
      limit: _promiseQueue._concurrencyLimit,
      ..._transport._parameters,
    };
  };
  const { grpcName, grpcPath, address, name, transport, timeout, limit } = shapeOf(
    new OTLPLogExporter(),
  ) as Record<string, unknown>;
  expect(shapeOf(new Model({ kind: 'healthy' }).exporter)).toEqual({
    grpcName,
    grpcPath,
    address,
    name,
    transport,
    timeout,
    limit,
  });
});
