/** The OTLP exporter's transport against real servers on this machine. */

import { execFile } from 'node:child_process';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import type { OtlpLogExporterOptions } from '../../src/otlp/options.ts';
import type { OtlpResponse } from '../../src/otlp/transport.ts';
import { measuredEnv } from '../support/child-coverage.ts';
import { fixture, SERVER_TLS, startProxy, startSink, startTcp } from '../support/http-sink.ts';
import { until } from '../support/until.ts';

const BODY = Buffer.from('a batch of log records');
/** What a busy machine may add to a bound. */
const SLACK_MILLIS = 1_500;
const DEADLINE_MILLIS = 150;

const processWarnings: Error[] = [];
const remember = (warning: Error) => void processWarnings.push(warning);
beforeAll(() => void process.on('warning', remember));
afterAll(() => {
  process.off('warning', remember);
  expect(processWarnings).toEqual([]);
});

function transportTo(
  url: string,
  options: OtlpLogExporterOptions = {},
  env: Record<string, string> = {},
): HttpTransport {
  const transport = new HttpTransport(resolveOtlpConfig({ url, ...options }, env));
  onTestFinished(() => transport.close());
  return transport;
}

function post(transport: HttpTransport, signal = new AbortController().signal): Promise<OtlpResponse> {
  return transport.post(BODY, signal);
}

async function failureOf(
  promise: Promise<unknown>,
): Promise<{ error: NodeJS.ErrnoException; millis: number }> {
  const startedAt = performance.now();
  try {
    await promise;
  } catch (error) {
    return { error: error as NodeJS.ErrnoException, millis: performance.now() - startedAt };
  }
  throw new Error('it did not fail');
}

describe('requests', () => {
  test('a request carries the bytes, their length and type, and the user agent', async () => {
    const sink = await startSink();
    const transport = transportTo(`${sink.origin}/v1/logs?tenant=a`, { userAgent: 'shop/1.0' });
    const response = await post(transport);
    expect(response).toMatchObject({
      status: 200,
      statusText: 'OK',
      retryAfter: undefined,
      contentType: undefined,
      body: Buffer.alloc(0),
      extent: 'whole',
      endpoint: `${sink.origin}/v1/logs`,
    });
    expect(sink.requests).toHaveLength(1);
    expect(sink.requests[0]).toMatchObject({ method: 'POST', path: '/v1/logs?tenant=a', body: BODY });
    expect(sink.requests[0]?.headers).toEqual({
      host: `127.0.0.1:${sink.port}`,
      connection: 'keep-alive',
      'content-type': 'application/x-protobuf',
      'content-length': String(BODY.length),
      'user-agent': expect.stringMatching(/^shop\/1\.0 otel-spillway-JavaScript\//),
    });
  });

  test('a compressed request decompresses to the bytes', async () => {
    const sink = await startSink();
    await post(transportTo(sink.origin, { compression: 'gzip' }));
    const { headers, body } = sink.requests[0] ?? expect.unreachable();
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': String(body.length) });
    expect(gunzipSync(body)).toEqual(BODY);
  });

  test('consecutive requests reuse a connection, and concurrent ones use no more than the limit', async () => {
    const sink = await startSink();
    sink.answer = (response) => void setTimeout(() => response.end(), 2);
    const transport = transportTo(sink.origin, { concurrencyLimit: 12 });
    for (let index = 0; index < 5; index++) await post(transport);
    expect(sink.connections).toBe(1);
    const responses = await Promise.all(Array.from({ length: 30 }, () => post(transport)));
    expect(responses.map(({ status }) => status)).toEqual(Array(30).fill(200));
    expect(sink.connections).toBe(12);
  });

  test('a request gives back status, body and the headers that matter, whatever they are', async () => {
    const sink = await startSink();
    const transport = transportTo(sink.origin);
    sink.answer = (response) => {
      response
        .writeHead(503, ['retry-after', '7', 'retry-after', '8', 'content-type', 'text/plain'])
        .end('busy');
    };
    expect(await post(transport)).toMatchObject({
      status: 503,
      retryAfter: '7',
      contentType: 'text/plain',
      body: Buffer.from('busy'),
    });
  });

  test('a request is not sent again to the target of a redirect', async () => {
    const sink = await startSink();
    sink.answer = (response) => void response.writeHead(307, { location: `${sink.origin}/other` }).end();
    expect(await post(transportTo(sink.origin))).toMatchObject({ status: 307 });
    expect(sink.requests).toHaveLength(1);
  });

  test('a request sends the headers of a function that is called anew each time', async () => {
    const sink = await startSink();
    let calls = 0;
    const transport = transportTo(sink.origin, {
      headers: () => ({ 'X-Call': String(++calls), Connection: 'close' }),
    });
    await post(transport);
    await post(transport);
    expect(sink.requests.map(({ headers }) => headers['x-call'])).toEqual(['1', '2']);
    expect(sink.requests[0]?.headers.connection).toBe('keep-alive');
  });

  test.each<[string, OtlpLogExporterOptions['headers'], RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no token');
      },
      /'headers' failed: no token/,
    ],
    [
      'rejects',
      async () => {
        throw new Error('no token');
      },
      /'headers' failed: no token/,
    ],
    ['gives no object', () => undefined as never, /'headers' gave no object/],
    [
      'gives what cannot be sent',
      () => ({ 'x-key': 'secret\r\nx: y' }),
      /'headers' gave a header that cannot be sent: 'x-key'/,
    ],
  ])('a request fails, and the next one succeeds, when the header function %s', async (_, fails, message) => {
    const sink = await startSink();
    let isFirst = true;
    const headers = () => {
      if (!isFirst) return { a: '1' };
      isFirst = false;
      return (fails as () => Record<string, string>)();
    };
    const transport = transportTo(sink.origin, { headers });
    const { error } = await failureOf(post(transport));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret');
    expect(await post(transport)).toMatchObject({ status: 200 });
    expect(sink.requests).toHaveLength(1);
  });
});

describe('responses', () => {
  test.each([
    ['just within the limit is read whole', 4 * 1024 * 1024, 4 * 1024 * 1024, undefined],
    ['beyond the limit is cut off and marked as too long', 64 * 1024 * 1024, 4 * 1024 * 1024, undefined],
    ['beyond a chosen limit is cut off and marked as too long', 64 * 1024 * 1024, 64 * 1024, 64 * 1024],
  ])('the body of a response %s', async (_, sentBytes, maxReadBytes, maxResponseBytes) => {
    const sink = await startSink();
    let writtenBytes = 0;
    let first: Socket | null = null;
    sink.answer = (response) => {
      first = response.socket;
      response.writeHead(400);
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const write = () => {
        while (writtenBytes < sentBytes && !response.destroyed) {
          writtenBytes += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    };
    const transport = transportTo(sink.origin, maxResponseBytes === undefined ? {} : { maxResponseBytes });
    const response = await post(transport);
    expect(response.status).toBe(400);
    expect(response.extent).toBe(sentBytes > maxReadBytes ? 'too long' : 'whole');
    expect(response.body.length).toBeLessThanOrEqual(maxReadBytes);
    if (sentBytes <= maxReadBytes) expect(response.body.length).toBe(sentBytes);
    else {
      await until(() => first?.destroyed === true, 'the connection is destroyed');
      expect(writtenBytes).toBeLessThan(sentBytes);
    }
    sink.answer = (again) => again.end();
    expect(await post(transport)).toMatchObject({ status: 200 });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['ends early', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')],
    [
      'is cut off',
      (socket) =>
        void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', () => socket.destroy()),
    ],
    [
      'breaks its encoding',
      (socket) => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n'),
    ],
    [
      'hangs until the deadline',
      (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'),
    ],
  ])('a response whose body %s still has its status', async (_, answer) => {
    const { port } = await startTcp((socket) => socket.once('data', () => answer(socket)));
    // The status has to be there by then, on a busy machine as well.
    const response = await post(transportTo(`http://127.0.0.1:${port}`, { timeoutMillis: SLACK_MILLIS }));
    expect(response).toMatchObject({ status: 200, body: Buffer.from('abc') });
  });

  test('a response does not count after its request was aborted, and its connection is closed', async () => {
    const { port, open } = await startTcp((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')),
    );
    const abort = new AbortController();
    const posted = failureOf(post(transportTo(`http://127.0.0.1:${port}`), abort.signal));
    await until(() => [...open].some((socket) => socket.bytesWritten > 0), 'the head was sent');
    const [socket] = open;
    const reason = new Error('enough');
    abort.abort(reason);
    expect((await posted).error).toBe(reason);
    await until(() => socket?.destroyed === true, 'the connection is destroyed');
  });
});

describe('requests without an answer', () => {
  test('a refused connection keeps its code, and names the endpoint without its secrets', async () => {
    const { port } = await startSink().then(async (sink) => {
      const { port } = sink;
      await sink.stop();
      return { port };
    });
    const { error } = await failureOf(
      post(transportTo(`http://me:secret@127.0.0.1:${port}/v1/logs?key=secret`)),
    );
    expect(error.code).toBe('ECONNREFUSED');
    expect(error.message).toBe(
      `no answer from http://127.0.0.1:${port}/v1/logs: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    expect(error.cause).toBeInstanceOf(Error);
    // Where a name has several addresses, each of them is refused.
    const several = await failureOf(post(transportTo(`http://localhost:${port}`)));
    expect(several.error.code).toBe('ECONNREFUSED');
    expect(several.error.message).toMatch(/: connect ECONNREFUSED \S+:\d+/);
  });

  test.each<[string, (socket: Socket) => void]>([
    ['closed', (socket) => socket.destroy()],
    ['reset', (socket) => socket.resetAndDestroy()],
    ['ended', (socket) => socket.end()],
    ['closed after the request', (socket) => socket.once('data', () => socket.destroy())],
    ['reset after the request', (socket) => socket.once('data', () => socket.resetAndDestroy())],
  ])('a connection that is %s fails the request immediately', async (_, treat) => {
    let connections = 0;
    const { port } = await startTcp((socket) => {
      connections++;
      treat(socket);
    });
    const { error } = await failureOf(
      post(transportTo(`http://127.0.0.1:${port}`, { timeoutMillis: 60_000 })),
    );
    expect(error.message).toMatch(/^no answer from /);
    expect(error.code).toMatch(/^(ECONNRESET|EPIPE)$/);
    expect(connections).toBe(1);
  });

  test.each<[string, OtlpLogExporterOptions, string]>([
    ['the server', {}, 'http'],
    ['the handshake of TLS', {}, 'https'],
    ['the function for headers', { headers: () => new Promise<never>(() => {}) }, 'http'],
  ])('a request fails at its deadline when %s hangs', async (_, options, scheme) => {
    const { port, open } = await startTcp((socket) => socket.resume());
    const transport = transportTo(`${scheme}://127.0.0.1:${port}`, {
      timeoutMillis: DEADLINE_MILLIS,
      ...options,
    });
    const { error, millis } = await failureOf(post(transport));
    expect(error).toMatchObject({
      code: 'ETIMEDOUT',
      message: `no answer from ${scheme}://127.0.0.1:${port}/: none within ${DEADLINE_MILLIS} ms`,
    });
    // Less what the making of the request took, which was before anybody looked at a clock.
    expect(millis).toBeGreaterThan(DEADLINE_MILLIS / 2);
    expect(millis).toBeLessThan(DEADLINE_MILLIS + SLACK_MILLIS);
    await transport.close();
    await until(() => open.size === 0, 'every connection is gone');
  });

  test('an abort cancels its request and leaves other requests alone', async () => {
    const sink = await startSink();
    const hanging: (() => void)[] = [];
    sink.answer = (response) => void hanging.push(() => response.end());
    const transport = transportTo(sink.origin);
    const abort = new AbortController();
    const aborted = failureOf(post(transport, abort.signal));
    await until(() => sink.requests.length === 1, 'the first request is there');
    const [socket] = sink.sockets;
    const other = post(transport);
    await until(() => sink.requests.length === 2, 'the second request is there');
    const reason = new Error('not wanted any more');
    abort.abort(reason);
    const { error } = await aborted;
    expect(error).toBe(reason);
    await until(() => socket?.destroyed === true, 'the connection is destroyed');
    hanging[1]?.();
    expect(await other).toMatchObject({ status: 200 });
  });

  test('a request whose signal has aborted already is not sent', async () => {
    const sink = await startSink();
    const reason = new Error('too late');
    const { error } = await failureOf(post(transportTo(sink.origin), AbortSignal.abort(reason)));
    expect(error).toBe(reason);
    expect(sink.connections).toBe(0);
  });

  test('a certificate that is not trusted, or has another name, fails the request with its own code', async () => {
    const sink = await startSink(SERVER_TLS);
    const { error } = await failureOf(post(transportTo(sink.origin)));
    expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    const named = transportTo(sink.origin, { tls: { ca: fixture('server.pem'), servername: 'other.test' } });
    expect((await failureOf(post(named))).error.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    const right = transportTo(sink.origin, {
      tls: { ca: fixture('server.pem'), servername: 'collector.test' },
    });
    expect(await post(right)).toMatchObject({ status: 200 });
  });
});

describe('closing', () => {
  test('closing the transport ends requests in any phase and fails those that come later', async () => {
    const { port, open } = await startTcp((socket) => socket.resume());
    const transports = [
      transportTo(`http://127.0.0.1:${port}`),
      transportTo(`https://127.0.0.1:${port}`),
      transportTo(`http://127.0.0.1:${port}`, { headers: () => new Promise<never>(() => {}) }),
    ];
    const posted = transports.map((transport) => failureOf(post(transport)));
    await until(() => open.size === 2, 'connections are made');
    await Promise.all(transports.map((transport) => transport.close()));
    for (const { error } of await Promise.all(posted)) expect(error.message).toMatch(/shut down/);
    await until(() => open.size === 0, 'every connection is gone');
    for (const transport of transports) {
      expect((await failureOf(post(transport))).error.message).toMatch(/shut down/);
      await transport.close();
    }
  });

  test('closing the transport immediately after its construction leaves nothing behind', async () => {
    const sink = await startSink();
    const transport = transportTo(sink.origin);
    const posted = failureOf(post(transport));
    await transport.close();
    expect((await posted).error.message).toMatch(/shut down/);
    expect(sink.connections).toBe(0);
  });

  test('a process ends without closing the transport, and has loaded nothing that it does not use itself', async () => {
    const sink = await startSink();
    const script = new URL('../children/otlp-post.ts', import.meta.url).pathname;
    const startedAt = performance.now();
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, sink.origin], {
      env: measuredEnv(),
      timeout: 15_000,
    });
    expect(JSON.parse(stdout)).toEqual({ status: 200, isFetchLoaded: false });
    expect(stderr).toBe('');
    // An idle connection is kept for 30 s.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

describe('proxies', () => {
  const secret = Buffer.from('me:secret').toString('base64');
  const tls = { ca: fixture('server.pem') };

  test('a TLS request through a proxy goes in a tunnel whose end is verified, over a connection that is reused', async () => {
    const sink = await startSink({ ...SERVER_TLS, requestCert: true, ca: fixture('client.pem') });
    const proxy = await startProxy(sink.port);
    const own = { cert: fixture('client.pem'), key: fixture('client-key.pem') };
    const transport = transportTo(
      'https://collector.test/v1/logs',
      { tls: { ...tls, ...own }, headers: { 'x-a': '1' } },
      { HTTPS_PROXY: proxy.urlWith('me:secret@') },
    );
    for (let index = 0; index < 3; index++) expect(await post(transport)).toMatchObject({ status: 200 });
    expect(sink.requests[2]).toMatchObject({
      path: '/v1/logs',
      body: BODY,
      headers: { host: 'collector.test', 'x-a': '1' },
    });
    expect(sink.requests[2]?.headers).not.toHaveProperty('proxy-authorization');
    expect(proxy.asked[0]).toEqual({
      line: 'CONNECT collector.test:443',
      authorization: `Basic ${secret}`,
    });
    expect(proxy.asked.length).toBeLessThanOrEqual(2);
    await transport.close();
    await until(() => proxy.openConnections === 0 && sink.sockets.size === 0, 'every connection is gone');
  });

  test('a tunnel through a proxy ends at the certificate of the collector, not of the proxy', async () => {
    const sink = await startSink(SERVER_TLS);
    const proxy = await startProxy(sink.port);
    const transport = transportTo('https://other.test', { tls }, { HTTPS_PROXY: proxy.urlWith() });
    const { error } = await failureOf(post(transport));
    expect(error.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('a request without TLS is passed on by the proxy as it is', async () => {
    const sink = await startSink();
    const proxy = await startProxy(sink.port);
    const transport = transportTo(
      'http://collector.test:4318/v1/logs?a=b',
      {},
      { HTTP_PROXY: proxy.urlWith('me:secret@') },
    );
    for (let index = 0; index < 3; index++) expect(await post(transport)).toMatchObject({ status: 200 });
    expect(sink.requests[0]).toMatchObject({ body: BODY, headers: { host: 'collector.test:4318' } });
    expect(proxy.asked[0]).toEqual({
      line: 'POST http://collector.test:4318/v1/logs?a=b',
      authorization: `Basic ${secret}`,
    });
    expect(proxy.connections).toBeLessThanOrEqual(2);
  });

  test.each<[string, (proxy: Awaited<ReturnType<typeof startProxy>>) => void, RegExp]>([
    [
      'refuses',
      (proxy) => {
        proxy.connectAnswer = 'HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n';
      },
      /407/,
    ],
    [
      'hangs up',
      (proxy) => {
        proxy.onConnect = (socket) => socket.end();
      },
      /socket hang up/,
    ],
    [
      'resets',
      (proxy) => {
        proxy.onConnect = (socket) => socket.resetAndDestroy();
      },
      /ECONNRESET/,
    ],
    [
      'answers garbage',
      (proxy) => {
        proxy.onConnect = (socket) => socket.end('garbage\r\n\r\n');
      },
      /no answer from/,
    ],
  ])('a proxy that %s fails the request immediately, after one attempt', async (_, arrange, message) => {
    const sink = await startSink(SERVER_TLS);
    const proxy = await startProxy(sink.port);
    arrange(proxy);
    const transport = transportTo(
      'https://collector.test',
      { tls },
      { HTTPS_PROXY: proxy.urlWith('me:secret@') },
    );
    const { error, millis } = await failureOf(post(transport));
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`through the proxy ${proxy.urlWith()}: `);
    expect(error.message).not.toContain('secret');
    expect(millis).toBeLessThan(SLACK_MILLIS);
    await failureOf(post(transport));
    expect(proxy.asked).toHaveLength(2);
  });

  test('a proxy that hangs fails the request at its deadline, and works when that ends', async () => {
    const sink = await startSink(SERVER_TLS);
    const proxy = await startProxy(sink.port);
    proxy.onConnect = () => {};
    const transport = transportTo(
      'https://collector.test',
      { tls, timeoutMillis: DEADLINE_MILLIS, concurrencyLimit: 1 },
      { HTTPS_PROXY: proxy.urlWith() },
    );
    expect((await failureOf(post(transport))).error.code).toBe('ETIMEDOUT');
    proxy.onConnect = undefined;
    const deadline = performance.now() + 5_000;
    let status: number | undefined;
    while (status === undefined && performance.now() < deadline) {
      status = await post(transport).then(
        (response) => response.status,
        () => undefined,
      );
    }
    expect(status).toBe(200);
    await transport.close();
    await until(() => proxy.openConnections === 0 && sink.sockets.size === 0, 'every connection is gone');
  });

  test('a request that NO_PROXY exempts does not go through the proxy', async () => {
    const sink = await startSink();
    const proxy = await startProxy(sink.port);
    await post(transportTo(sink.origin, {}, { HTTP_PROXY: proxy.urlWith(), NO_PROXY: '127.0.0.1' }));
    expect(proxy.connections).toBe(0);
    expect(sink.requests).toHaveLength(1);
  });
});
