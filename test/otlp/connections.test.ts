/** The connections that requests are made on: kept, given up, replaced, and bounded in number and in time. */

import type { Socket } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../src/common/clock.ts';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport, RequestSlots } from '../../src/otlp/http-transport.ts';
import type { OtlpLogExporterOptions } from '../../src/otlp/options.ts';
import type { OtlpResponse, PostOptions } from '../../src/otlp/transport.ts';
import { diagLines } from '../support/diag-lines.ts';
import { SERVER_TLS, startProxy, startSink, startTcp } from '../support/http-sink.ts';
import { otlpPipeline } from '../support/otlp-pipeline.ts';
import { until } from '../support/until.ts';

const BODY = Buffer.from('a batch of log records');
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
/** Longer than any limit that a server has for a connection to count as idle. */
const IDLE_MILLIS = 1_000;

afterEach(() => vi.restoreAllMocks());

function transportTo(
  url: string,
  options: OtlpLogExporterOptions = {},
  env: Record<string, string> = {},
): HttpTransport {
  const transport = new HttpTransport(resolveOtlpConfig({ url, ...options }, env));
  onTestFinished(() => transport.close());
  return transport;
}

function post(transport: HttpTransport, options: PostOptions = {}): Promise<OtlpResponse> {
  return transport.post(BODY, new AbortController().signal, options);
}

async function errorOf(promise: Promise<unknown>): Promise<NodeJS.ErrnoException> {
  return promise.then(
    () => expect.unreachable('it did not fail'),
    (error) => error,
  );
}

const realNow = systemClock.now;

/** Has the clock of the exporter go so much ahead of the real one. */
function pass(millis: number): void {
  vi.spyOn(systemClock, 'now').mockImplementation(() => realNow() + millis);
}

/** Answers the first request of each connection, and does with a second one on it what the test says. */
async function serverWithIdleConnections(onSecond: (socket: Socket) => void) {
  const server = { url: '', connections: 0, requests: 0 };
  const { port } = await startTcp((socket) => {
    server.connections++;
    let requests = 0;
    socket.on('data', () => {
      server.requests++;
      if (++requests === 1) socket.write(OK);
      else onSecond(socket);
    });
  });
  server.url = `http://127.0.0.1:${port}`;
  return server;
}

describe('idle connections', () => {
  test.each<[string, (socket: Socket) => void]>([
    ['reset', (socket) => socket.resetAndDestroy()],
    ['closed', (socket) => socket.destroy()],
    ['ended', (socket) => socket.end()],
  ])(
    'an idle connection that is %s as the next request is sent is replaced, and the request is sent again',
    async (_, treat) => {
      const server = await serverWithIdleConnections(treat);
      const transport = transportTo(server.url);
      await post(transport);
      pass(IDLE_MILLIS);
      expect(await post(transport)).toMatchObject({ status: 200 });
      expect(server).toMatchObject({ connections: 2, requests: 3 });
    },
  );

  test('an idle connection that the server closed costs neither a failure nor a warning, and every record arrives', async () => {
    const lines = diagLines();
    const server = await serverWithIdleConnections((socket) => socket.resetAndDestroy());
    const pipeline = otlpPipeline({ logsUrl: server.url }, { scheduledDelayMillis: 0 });
    pipeline.emit(1);
    await pipeline.settled();
    pass(IDLE_MILLIS);
    pipeline.emit(1);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({ exported: 2, exports: { attempts: 2, failures: 0 } });
    expect(server.requests).toBe(3);
    expect(lines).toEqual([]);
  });

  test('an idle connection that the server closed takes along those that have been idle as long', async () => {
    const sink = await startSink();
    const transport = transportTo(sink.origin);
    await Promise.all([post(transport), post(transport), post(transport)]);
    pass(IDLE_MILLIS);
    const [first] = sink.sockets;
    sink.answer = (response) => {
      sink.answer = (again) => again.end();
      response.socket?.resetAndDestroy();
    };
    expect(first?.destroyed).toBe(false);
    expect(await post(transport)).toMatchObject({ status: 200 });
    await until(() => sink.sockets.size === 1, 'the others are gone');
    expect(sink.connections).toBe(4);
  });

  test('a request fails when the connection that replaced an idle one is closed as well', async () => {
    let connections = 0;
    const { port } = await startTcp((socket) => {
      connections++;
      socket.once('data', () => {
        if (connections > 1) return void socket.destroy();
        socket.write(OK);
        socket.once('data', () => socket.destroy());
      });
    });
    const transport = transportTo(`http://127.0.0.1:${port}`);
    await post(transport);
    pass(IDLE_MILLIS);
    expect(await errorOf(post(transport))).toMatchObject({ code: 'ECONNRESET' });
    expect(connections).toBe(2);
  });
});

describe('requests that the server may have worked on', () => {
  test('a request is not sent again when its connection was in use a moment ago', async () => {
    const server = await serverWithIdleConnections((socket) => socket.resetAndDestroy());
    const transport = transportTo(server.url);
    await post(transport);
    expect((await errorOf(post(transport))).code).toBe('ECONNRESET');
    expect(server.requests).toBe(2);
  });

  test.each<[string, (socket: Socket) => void]>([
    ['a piece of an answer came', (socket) => socket.end('HTTP/1.1 20')],
    ['an interim answer came', (socket) => socket.end('HTTP/1.1 103 Early Hints\r\n\r\n')],
    [
      'the connection held for a while',
      (socket) => {
        pass(3 * IDLE_MILLIS);
        socket.destroy();
      },
    ],
  ])('a request is not sent again when %s', async (_, treat) => {
    const server = await serverWithIdleConnections(treat);
    const transport = transportTo(server.url);
    await post(transport);
    pass(IDLE_MILLIS);
    expect((await errorOf(post(transport))).code).toBe('ECONNRESET');
    expect(server).toMatchObject({ connections: 1, requests: 2 });
  });
});

describe('fresh connections', () => {
  test('a request for a fresh connection gets one, idle connections are given up, and the fresh one is kept', async () => {
    const sink = await startSink();
    const transport = transportTo(sink.origin);
    await Promise.all([post(transport), post(transport)]);
    expect(sink.connections).toBe(2);
    await post(transport, { freshConnection: true });
    expect(sink.connections).toBe(3);
    await until(() => sink.sockets.size === 1, 'the idle ones are gone');
    await post(transport);
    expect(sink.connections).toBe(3);
  });

  test('a request for a fresh connection leaves connections in use alone', async () => {
    const sink = await startSink();
    const hanging: (() => void)[] = [];
    sink.answer = (response) => void hanging.push(() => response.end());
    const transport = transportTo(sink.origin, { concurrencyLimit: 2 });
    const busy = post(transport);
    await until(() => hanging.length === 1, 'the first request is there');
    sink.answer = (response) => response.end();
    expect(await post(transport, { freshConnection: true })).toMatchObject({ status: 200 });
    hanging[0]?.();
    expect(await busy).toMatchObject({ status: 200 });
    expect(sink.connections).toBe(2);
  });
});

describe('the time for a connection', () => {
  const soon = { connectTimeoutMillis: 60 };
  const failure = { code: 'ETIMEDOUT', message: expect.stringMatching(/: no connection within 60 ms$/) };

  test('the time for a connection bounds the handshake of TLS', async () => {
    const { port, open } = await startTcp((socket) => socket.resume());
    const transport = transportTo(`https://127.0.0.1:${port}`);
    expect(await errorOf(post(transport, soon))).toMatchObject(failure);
    await until(() => open.size === 0, 'the connection is gone');
  });

  test('the time for a connection bounds the tunnel through a proxy', async () => {
    const sink = await startSink(SERVER_TLS);
    const proxy = await startProxy(sink.port);
    proxy.onConnect = () => {};
    const transport = transportTo('https://collector.test', {}, { HTTPS_PROXY: proxy.urlWith() });
    expect(await errorOf(post(transport, soon))).toMatchObject(failure);
    await transport.close();
    await until(() => proxy.openConnections === 0, 'every connection is gone');
  });

  test('the time for a connection bounds the answer neither on a new connection nor on a kept one', async () => {
    const sink = await startSink();
    sink.answer = (response) => void setTimeout(() => response.end(), 120);
    const transport = transportTo(sink.origin);
    expect(await post(transport, soon)).toMatchObject({ status: 200 });
    expect(await post(transport, soon)).toMatchObject({ status: 200 });
    expect(sink.connections).toBe(1);
  });
});

test('the time that loading modules takes is not taken from the first request', async () => {
  const sink = await startSink();
  sink.answer = (response) => void setTimeout(() => response.end(), 60);
  const load = process.getBuiltinModule;
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(((name: 'node:http') => {
    const until = performance.now() + 200;
    while (performance.now() < until);
    return load(name);
  }) as typeof process.getBuiltinModule);
  expect(await post(transportTo(sink.origin, { timeoutMillis: 150 }))).toMatchObject({ status: 200 });
});

test('a server that never reads holds up neither a request beyond its timeout nor its connection', async () => {
  const { port, open } = await startTcp((socket) => socket.pause());
  const transport = transportTo(`http://127.0.0.1:${port}`, { timeoutMillis: 100 });
  const error = await errorOf(transport.post(Buffer.alloc(32 * 1024 * 1024), new AbortController().signal));
  expect(error.code).toBe('ETIMEDOUT');
  for (const socket of open) socket.resume();
  await until(() => open.size === 0, 'the connection is gone');
});

test('an answer that comes before the request was read counts, and ends the connection', async () => {
  const { port, open } = await startTcp((socket) => {
    socket.once('data', () => socket.pause().write('HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n'));
  });
  const transport = transportTo(`http://127.0.0.1:${port}`, { timeoutMillis: 5_000 });
  const large = transport.post(Buffer.alloc(32 * 1024 * 1024), new AbortController().signal);
  expect(await large).toMatchObject({ status: 413 });
  for (const socket of open) socket.resume();
  await until(() => open.size === 0, 'the connection is gone');
});

test('request slots are given in the order in which they were asked for, but not to those who have given up', async () => {
  const slots = new RequestSlots(1);
  const never = new AbortController().signal;
  const abort = new AbortController();
  const order: string[] = [];
  expect(slots.take(never)).toBeUndefined();
  const waiting = [
    slots.take(never)?.then(() => order.push('second')),
    slots.take(abort.signal)?.catch((reason) => order.push(reason)),
    slots.take(never)?.then(() => order.push('third')),
  ];
  abort.abort('gave up');
  slots.release();
  slots.release();
  await Promise.all(waiting);
  expect(order.toSorted()).toEqual(['gave up', 'second', 'third']);
  expect(order.indexOf('second')).toBeLessThan(order.indexOf('third'));
  slots.release();
  expect(slots.take(never)).toBeUndefined();
  expect(slots.take(never)).toBeInstanceOf(Promise);
});
