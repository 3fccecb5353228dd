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

describe('answers that point to a mistake of set-up', () => {
  test.each<[status: number, whatToDo: RegExp]>([
    [404, /OTEL_EXPORTER_OTLP_ENDPOINT .*v1\/logs is appended/],
    [405, /OTEL_EXPORTER_OTLP_ENDPOINT .*v1\/logs is appended/],
    [401, /credentials.*OTEL_EXPORTER_OTLP_HEADERS/],
    [403, /credentials.*OTEL_EXPORTER_OTLP_HEADERS/],
    [407, /credentials.*URL of the proxy/],
    [415, /protobuf/],
    [301, /redirects are not followed/],
  ])(
    'an answer with status %d is reported once as a mistake of set-up, with the remedy',
    async (status, whatToDo) => {
      const sink = await startSink();
      sink.answer = (response) => response.writeHead(status, { location: '/secret' }).end();
      const errors = await errorsOfExportsTo(`${sink.origin}/path?key=secret`, {
        headers: { key: 'secret' },
      });
      expect(errors).toEqual([expect.stringMatching(whatToDo)]);
      expect(errors[0]).toContain(`${sink.origin}/path`);
      expect(errors[0]).toContain(String(status));
      expect(errors[0]).not.toContain('secret');
    },
  );

  test.each([200, 400, 408, 413, 429, 500, 503])(
    'an answer with status %d is not reported as a mistake of set-up',
    async (status) => {
      const sink = await startSink();
      sink.answer = (response) => response.writeHead(status).end();
      expect(await errorsOfExportsTo(sink.origin)).toEqual([]);
    },
  );

  test('a web page as an answer is reported once as a mistake of set-up, with the remedy', async () => {
    const sink = await startSink();
    sink.answer = (response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>secret</html>');
    const errors = await errorsOfExportsTo(`${sink.origin}/path`);
    expect(errors).toEqual([expect.stringMatching(/web page.*OTEL_EXPORTER_OTLP_ENDPOINT/)]);
    expect(errors[0]).not.toContain('secret');
  });

  test('an empty answer that calls itself a web page is a success and no mistake of set-up', async () => {
    const sink = await startSink();
    sink.answer = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end();
    expect(await errorsOfExportsTo(sink.origin)).toEqual([]);
  });

  test('two different mistakes of set-up are reported as two errors', async () => {
    const sink = await startSink();
    let requests = 0;
    sink.answer = (response) => response.writeHead(requests++ === 0 ? 401 : 404).end();
    expect(await errorsOfExportsTo(sink.origin)).toEqual([
      expect.stringContaining('401'),
      expect.stringContaining('404'),
    ]);
  });
});

test.each([
  ['Go', 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'],
  [
    'nginx',
    'HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>',
  ],
  ['a TLS alert', Buffer.from('15030300020246', 'hex')],
])(
  'an http: URL to a TLS port, answered by %s, is reported with the advice to write https:',
  async (_, answer) => {
    const port = await serverThat((socket) => void socket.end(answer));
    expect(await errorsOfExportsTo(`http://127.0.0.1:${port}/v1/logs`)).toEqual([
      expect.stringMatching(/speaks TLS: write https: instead of http:/),
    ]);
  },
);

test('an https: URL to a server without TLS is reported with the advice to write http:', async () => {
  const sink = await startSink();
  expect(await errorsOfExportsTo(`https://127.0.0.1:${sink.port}/v1/logs`)).toEqual([
    expect.stringMatching(/does not speak TLS: write http: instead of https:/),
  ]);
});

describe('certificates', () => {
  test('a certificate that is not trusted is reported with the places that name the CA', async () => {
    const sink = await startSink(SERVER_TLS);
    expect(await errorsOfExportsTo(sink.origin)).toEqual([
      expect.stringMatching(/certificate .*OTEL_EXPORTER_OTLP_CERTIFICATE.*tls\.ca/),
    ]);
  });

  test('a certificate for another name is reported as such', async () => {
    const sink = await startSink(SERVER_TLS);
    const tls = { ca: fixture('server.pem'), servername: 'other.test' };
    expect(await errorsOfExportsTo(sink.origin, { tls })).toEqual([
      expect.stringMatching(/certificate .*another name.*tls\.servername/),
    ]);
  });

  test('a missing client certificate is reported with the variable that names it', async () => {
    const sink = await startSink({ ...SERVER_TLS, requestCert: true, ca: fixture('client.pem') });
    expect(await errorsOfExportsTo(sink.origin, { tls: { ca: fixture('server.pem') } })).toEqual([
      expect.stringMatching(/OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE/),
    ]);
  });
});

test('an error of TLS that can have any cause is not reported as a mistake of set-up', () => {
  const errors = diagErrors();
  const mistakes = new SetUpMistakes(new URL('https://collector.test/v1/logs'));
  mistakes.failed(Object.assign(new Error('write EPROTO internal error'), { code: 'EPROTO' }));
  expect(errors).toEqual([]);
});

test.each([
  [
    'wants credentials',
    'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n',
    /credentials .*URL of the proxy/,
  ],
  ['leads nowhere', 'HTTP/1.1 403 Forbidden\r\n\r\n', /NO_PROXY/],
])('a proxy that %s is reported with the remedy', async (_, answer, whatToDo) => {
  const proxy = await startProxy(1);
  proxy.connectAnswer = answer;
  vi.stubEnv('HTTPS_PROXY', proxy.urlWith('user:secret@'));
  onTestFinished(() => void vi.unstubAllEnvs());
  const errors = await errorsOfExportsTo('https://collector.test/v1/logs');
  expect(errors).toEqual([expect.stringMatching(whatToDo)]);
  expect(errors[0]).not.toContain('secret');
});

describe('gRPC ports', () => {
  test('a gRPC port is recognised by HTTP/2 and reported with the port of OTLP over HTTP', async () => {
    const port = await listening(createHttp2Server().on('sessionError', () => {}));
    expect(await errorsOfExportsTo(`http://127.0.0.1:${port}/v1/logs`)).toEqual([
      expect.stringMatching(/HTTP\/2.*gRPC.*4318/),
    ]);
  });

  test.each([
    ['suspected of gRPC after an answer that is not HTTP', { code: 'HPE_INVALID_CONSTANT' }, 1],
    ['suspected of gRPC after a connection is closed', { code: 'ECONNRESET' }, 1],
    ['not suspected of gRPC when nobody listens', { code: 'ECONNREFUSED' }, 0],
    ['not suspected of gRPC when no answer comes in time', { code: 'ETIMEDOUT' }, 0],
  ])('the port 4317 is %s', (_, cause, count) => {
    const errors = diagErrors();
    const mistakes = new SetUpMistakes(new URL('http://collector.test:4317/v1/logs'));
    for (let attempt = 0; attempt < 3; attempt++) mistakes.failed(new Error('no answer', { cause }));
    expect(errors).toHaveLength(count);
    for (const error of errors) expect(error).toMatch(/4317.*gRPC.*4318/);
  });
});

test('the port 4317 is not suspected of gRPC after it has answered in HTTP once', () => {
  const errors = diagErrors();
  const mistakes = new SetUpMistakes(new URL('http://collector.test:4317/v1/logs'));
  mistakes.answered({ status: 200, body: Buffer.alloc(0) } as never, true);
  mistakes.failed(Object.assign(new Error('no answer'), { code: 'ECONNRESET' }));
  expect(errors).toEqual([]);
});

test.each(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND'])(
  'the network error %s is not reported as a mistake of set-up',
  (code) => {
    const errors = diagErrors();
    const mistakes = new SetUpMistakes(new URL('http://collector.test:4318/v1/logs'));
    mistakes.failed(Object.assign(new Error('no answer'), { code }));
    expect(errors).toEqual([]);
  },
);

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
