/** Mistakes of set-up: recognised by what comes back, said once as an error of `diag`, with what to do. */

import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type DiagLogger, diag } from '@opentelemetry/api';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type OtlpLogExporterOptions, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { SetUpMistakes } from '../../src/otlp/setup-mistakes.ts';
import { fixture, SERVER_TLS, startProxy, startSink } from '../support/http-sink.ts';
import { record } from '../support/records.ts';

/** Messages of the level error alone. */
function diagErrors(): string[] {
  const errors: string[] = [];
  const ignore = () => {};
  const logger: DiagLogger = {
    error: (message) => void errors.push(message),
    warn: ignore,
    info: ignore,
    debug: ignore,
    verbose: ignore,
  };
  diag.setLogger(logger);
  onTestFinished(() => diag.disable());
  return errors;
}

/** A server that speaks with sockets: what it says when it has heard something. */
async function serverThat(speaks: (socket: Socket) => void): Promise<number> {
  return listening(
    createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => speaks(socket));
    }),
  );
}

async function listening(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** Two exports, so that what is said twice is seen. */
async function errorsOfExportsTo(url: string, options: OtlpLogExporterOptions = {}): Promise<string[]> {
  const errors = diagErrors();
  const exporter = new SpillwayOtlpLogExporter({ url, timeoutMillis: 5_000, ...options });
  onTestFinished(() => exporter.shutdown());
  for (let attempt = 0; attempt < 2; attempt++) {
    await new Promise<void>((resolve) => exporter.export([record()] as never, () => resolve()));
  }
  return errors;
}

describe('an answer that speaks of a mistake of set-up is an error, once, with what to do', () => {
  test.each<[status: number, whatToDo: RegExp]>([
    [404, /OTEL_EXPORTER_OTLP_ENDPOINT .*v1\/logs is appended/],
    [405, /OTEL_EXPORTER_OTLP_ENDPOINT .*v1\/logs is appended/],
    [401, /credentials.*OTEL_EXPORTER_OTLP_HEADERS/],
    [403, /credentials.*OTEL_EXPORTER_OTLP_HEADERS/],
    [407, /credentials.*URL of the proxy/],
    [415, /protobuf/],
    [301, /redirects are not followed/],
  ])('HTTP %d', async (status, whatToDo) => {
    const sink = await startSink();
    sink.answer = (response) => response.writeHead(status, { location: '/secret' }).end();
    const errors = await errorsOfExportsTo(`${sink.origin}/path?key=secret`, { headers: { key: 'secret' } });
    expect(errors).toEqual([expect.stringMatching(whatToDo)]);
    expect(errors[0]).toContain(`${sink.origin}/path`);
    expect(errors[0]).toContain(String(status));
    expect(errors[0]).not.toContain('secret');
  });

  test.each([200, 400, 408, 413, 429, 500, 503])('HTTP %d is none', async (status) => {
    const sink = await startSink();
    sink.answer = (response) => response.writeHead(status).end();
    expect(await errorsOfExportsTo(sink.origin)).toEqual([]);
  });

  test('a web page, with whatever status', async () => {
    const sink = await startSink();
    sink.answer = (response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>secret</html>');
    const errors = await errorsOfExportsTo(`${sink.origin}/path`);
    expect(errors).toEqual([expect.stringMatching(/web page.*OTEL_EXPORTER_OTLP_ENDPOINT/)]);
    expect(errors[0]).not.toContain('secret');
  });

  test('an empty answer that calls itself a web page is none: it is a success', async () => {
    const sink = await startSink();
    sink.answer = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end();
    expect(await errorsOfExportsTo(sink.origin)).toEqual([]);
  });

  test('two mistakes are two errors', async () => {
    const sink = await startSink();
    let requests = 0;
    sink.answer = (response) => response.writeHead(requests++ === 0 ? 401 : 404).end();
    expect(await errorsOfExportsTo(sink.origin)).toEqual([
      expect.stringContaining('401'),
      expect.stringContaining('404'),
    ]);
  });
});

describe('http: to a port of TLS', () => {
  test.each([
    ['Go', 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'],
    [
      'nginx',
      'HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>',
    ],
    ['an alert of TLS', Buffer.from('15030300020246', 'hex')],
  ])('%s: says to write https:', async (_, answer) => {
    const port = await serverThat((socket) => void socket.end(answer));
    expect(await errorsOfExportsTo(`http://127.0.0.1:${port}/v1/logs`)).toEqual([
      expect.stringMatching(/speaks TLS: write https: instead of http:/),
    ]);
  });
});

test('https: to a server without TLS: says to write http:', async () => {
  const sink = await startSink();
  expect(await errorsOfExportsTo(`https://127.0.0.1:${sink.port}/v1/logs`)).toEqual([
    expect.stringMatching(/does not speak TLS: write http: instead of https:/),
  ]);
});

describe('certificates', () => {
  test('one that is not trusted: says where the CA is named', async () => {
    const sink = await startSink(SERVER_TLS);
    expect(await errorsOfExportsTo(sink.origin)).toEqual([
      expect.stringMatching(/certificate .*OTEL_EXPORTER_OTLP_CERTIFICATE.*tls\.ca/),
    ]);
  });

  test('one for another name: says so', async () => {
    const sink = await startSink(SERVER_TLS);
    const tls = { ca: fixture('server.pem'), servername: 'other.test' };
    expect(await errorsOfExportsTo(sink.origin, { tls })).toEqual([
      expect.stringMatching(/certificate .*another name.*tls\.servername/),
    ]);
  });

  test('one of the client that is missing: says where it is named', async () => {
    const sink = await startSink({ ...SERVER_TLS, requestCert: true, ca: fixture('client.pem') });
    expect(await errorsOfExportsTo(sink.origin, { tls: { ca: fixture('server.pem') } })).toEqual([
      expect.stringMatching(/OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE/),
    ]);
  });
});

test('an error of TLS that may be about anything is none', () => {
  const errors = diagErrors();
  const mistakes = new SetUpMistakes(new URL('https://collector.test/v1/logs'));
  mistakes.failed(Object.assign(new Error('write EPROTO internal error'), { code: 'EPROTO' }));
  expect(errors).toEqual([]);
});

describe('a proxy', () => {
  test.each([
    [
      'wants credentials',
      'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n',
      /credentials .*URL of the proxy/,
    ],
    ['leads nowhere', 'HTTP/1.1 403 Forbidden\r\n\r\n', /NO_PROXY/],
  ])('that %s: says what to do', async (_, answer, whatToDo) => {
    const proxy = await startProxy(1);
    proxy.connectAnswer = answer;
    vi.stubEnv('HTTPS_PROXY', proxy.urlWith('user:secret@'));
    onTestFinished(() => void vi.unstubAllEnvs());
    const errors = await errorsOfExportsTo('https://collector.test/v1/logs');
    expect(errors).toEqual([expect.stringMatching(whatToDo)]);
    expect(errors[0]).not.toContain('secret');
  });
});

describe('a gRPC port', () => {
  test('is recognised by HTTP/2: says which port OTLP over HTTP has', async () => {
    const port = await listening(createHttp2Server().on('sessionError', () => {}));
    expect(await errorsOfExportsTo(`http://127.0.0.1:${port}/v1/logs`)).toEqual([
      expect.stringMatching(/HTTP\/2.*gRPC.*4318/),
    ]);
  });

  test.each([
    ['an answer that is no HTTP', { code: 'HPE_INVALID_CONSTANT' }, 1],
    ['a connection that is closed', { code: 'ECONNRESET' }, 1],
    ['nobody there', { code: 'ECONNREFUSED' }, 0],
    ['no answer in time', { code: 'ETIMEDOUT' }, 0],
  ])('is suspected behind the number 4317: %s', (_, cause, count) => {
    const errors = diagErrors();
    const mistakes = new SetUpMistakes(new URL('http://collector.test:4317/v1/logs'));
    for (let attempt = 0; attempt < 3; attempt++) mistakes.failed(new Error('no answer', { cause }));
    expect(errors).toHaveLength(count);
    for (const error of errors) expect(error).toMatch(/4317.*gRPC.*4318/);
  });
});

test('a server behind the number 4317 that has answered in HTTP once is not suspected', () => {
  const errors = diagErrors();
  const mistakes = new SetUpMistakes(new URL('http://collector.test:4317/v1/logs'));
  mistakes.answered({ status: 200, body: Buffer.alloc(0) } as never, true);
  mistakes.failed(Object.assign(new Error('no answer'), { code: 'ECONNRESET' }));
  expect(errors).toEqual([]);
});

test.each(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND'])('%s is no mistake of set-up', (code) => {
  const errors = diagErrors();
  const mistakes = new SetUpMistakes(new URL('http://collector.test:4318/v1/logs'));
  mistakes.failed(Object.assign(new Error('no answer'), { code }));
  expect(errors).toEqual([]);
});

test('a diag logger that throws does not fail the export', async () => {
  const sink = await startSink();
  sink.answer = (response) => response.writeHead(404).end();
  diag.setLogger({
    error() {
      throw new Error('the host');
    },
    warn() {},
    info() {},
    debug() {},
    verbose() {},
  });
  onTestFinished(() => diag.disable());
  const exporter = new SpillwayOtlpLogExporter({ url: sink.origin });
  onTestFinished(() => exporter.shutdown());
  const error = await new Promise<Error | undefined>((resolve) => {
    exporter.export([record()] as never, (result) => resolve(result.error));
  });
  expect(error).toMatchObject({ code: 404 });
});
