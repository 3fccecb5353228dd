/** The exporter's configuration: its options, and the environment side by side with the official exporter. */

import { diag } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Environment } from '../../src/common/validation.ts';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import type { OtlpLogExporterOptions } from '../../src/otlp/options.ts';
import {
  fixture,
  fixturePath,
  type HttpSink,
  type Received,
  SERVER_TLS,
  startSink,
} from '../support/http-sink.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

const warnings: string[] = [];

beforeEach(() => {
  warnings.length = 0;
  const ignore = () => {};
  const warn = (message: string) => void warnings.push(message);
  diag.setLogger({ error: ignore, warn, info: ignore, debug: ignore, verbose: ignore });
});
afterEach(() => {
  diag.disable();
  vi.unstubAllEnvs();
});

type Options = Pick<OtlpLogExporterOptions, 'url' | 'headers' | 'compression' | 'timeoutMillis'>;

/** @returns why it failed, or undefined. */
function sendOfficially(env: Environment, options: Options = {}): Promise<unknown> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const exporter = new OTLPLogExporter(options as ConstructorParameters<typeof OTLPLogExporter>[0]);
  vi.unstubAllEnvs();
  return new Promise((resolve) => {
    exporter.export([record()], ({ error }) => resolve(error));
  });
}

async function sendOurs(env: Environment, options: Options = {}): Promise<unknown> {
  try {
    const transport = new HttpTransport(resolveOtlpConfig(options, env));
    try {
      await transport.post(Buffer.from('a batch'), new AbortController().signal);
    } finally {
      await transport.close();
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What the collector sees of a request, without what two HTTP clients may do differently. */
function comparable({ method, path, headers }: Received): unknown {
  const {
    'user-agent': _agent,
    'content-length': _length,
    'transfer-encoding': _transfer,
    connection: _connection,
    ...rest
  } = headers;
  return { method, path, headers: rest };
}

async function expectSameRequest(sink: HttpSink, env: Environment, options: Options = {}): Promise<Received> {
  sink.requests.length = 0;
  expect(await sendOfficially(env, options)).toBeUndefined();
  expect(await sendOurs(env, options)).toBeUndefined();
  const [official, ours] = sink.requests;
  if (official === undefined || ours === undefined) throw new Error('a request is missing');
  expect(sink.requests).toHaveLength(2);
  expect(comparable(ours)).toEqual(comparable(official));
  expect(official.headers['transfer-encoding']).toBe('chunked');
  expect(ours.headers['content-length']).toBe(String(ours.body.length));
  return ours;
}

describe('the environment as the official exporter reads it', () => {
  const paths = ['', '/', '/base', '/base/', '/b%20c', '/ä', '/a//', '/v1/logs'];
  const endpointWith = (...more: string[]) =>
    fc.record({
      credentials: fc.constantFrom('', '', 'user:pa%20ss@', 'user@'),
      path: fc.constantFrom(...paths, ...more),
    });
  const pair = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('x-a', 'X-B', 'api-key', 'Authorization', 'x%2Dc', ' x-d '),
        fc.constantFrom('1', 'a b', '%20z%3D', 'Basic dXNlcjpwYXNz==', '', ' padded ', '%C3%A9', '1;meta=2'),
      )
      .map((parts) => parts.join('=')),
    fc.constantFrom('', ' ', '=', 'x-e', '=1', 'x-f=', 'x-g=%zz', '%zz=1', ';', 'x-h=1=2'),
  );
  const headers = fc.option(fc.array(pair, { maxLength: 5 }).map((pairs) => pairs.join(',')));
  const compression = fc.option(fc.constantFrom('none', 'gzip', ' gzip ', 'br', '', ' '));

  test('any combination of endpoints, headers and compressions makes the same request as the official exporter', async () => {
    const sink = await startSink();
    const environment = fc
      .record({
        generic: endpointWith(),
        logs: fc.option(fc.oneof(endpointWith('/base?key=value'), fc.constantFrom('no url', ' '))),
        headers,
        logsHeaders: headers,
        compression,
        logsCompression: compression,
      })
      .map(({ generic, logs, ...rest }): Environment => {
        const url = (of: { credentials: string; path: string }) =>
          `http://${of.credentials}127.0.0.1:${sink.port}${of.path}`;
        return {
          OTEL_EXPORTER_OTLP_ENDPOINT: url(generic),
          OTEL_EXPORTER_OTLP_LOGS_ENDPOINT:
            logs === null || typeof logs === 'string' ? (logs ?? '') : url(logs),
          OTEL_EXPORTER_OTLP_HEADERS: rest.headers ?? '',
          OTEL_EXPORTER_OTLP_LOGS_HEADERS: rest.logsHeaders ?? '',
          OTEL_EXPORTER_OTLP_COMPRESSION: rest.compression ?? '',
          OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: rest.logsCompression ?? '',
        };
      });
    await fc.assert(
      fc.asyncProperty(environment, async (env) => void (await expectSameRequest(sink, env))),
      runs(15),
    );
  });

  interface Case extends Options {
    logsEndpoint?: string;
    headersVariable?: string;
    logsHeadersVariable?: string;
    compressionVariable?: string;
    expected?: Partial<Received>;
  }
  test.each<[string, (origin: string) => Case]>([
    ['the generic endpoint gets the path of logs', () => ({ expected: { path: '/v1/logs' } })],
    [
      'the endpoint for logs is used as it is',
      (origin) => ({ logsEndpoint: `${origin}/other`, expected: { path: '/other' } }),
    ],
    [
      'the option url wins over both endpoints',
      (origin) => ({
        logsEndpoint: `${origin}/other`,
        url: `${origin}/third?a=b`,
        expected: { path: '/third?a=b' },
      }),
    ],
    ['a URL without a path requests /', (origin) => ({ url: origin, expected: { path: '/' } })],
    [
      'the option compression wins over the environment',
      () => ({ compressionVariable: 'gzip', compression: 'none' }),
    ],
    [
      'headers of options and environment are merged',
      () => ({ headersVariable: 'a=1,b=1,c=1', logsHeadersVariable: 'b=2', headers: { c: '3', d: '3' } }),
    ],
    [
      'headers can come from a function',
      () => ({ headersVariable: 'a=1', headers: async () => ({ a: '2', b: '2' }) }),
    ],
    [
      'the content type cannot be overridden',
      () => ({ headersVariable: 'content-type=text/plain', headers: { 'Content-Type': 'text/html' } }),
    ],
    [
      'the content encoding cannot be overridden',
      () => ({ headersVariable: 'Content-Encoding=br', compression: 'gzip' }),
    ],
    [
      'a header can be undefined',
      () => ({ headersVariable: 'a=1', headers: { a: undefined as unknown as string, b: '1' } }),
    ],
    ['a header can be a number', () => ({ headers: { a: 7 as unknown as string } })],
    ['the host can be chosen', () => ({ headers: { host: 'collector.test' } })],
  ])('%s, as with the official exporter', async (_, make) => {
    const sink = await startSink();
    const { logsEndpoint, headersVariable, logsHeadersVariable, compressionVariable, expected, ...options } =
      make(sink.origin);
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.origin,
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: logsEndpoint ?? '',
      OTEL_EXPORTER_OTLP_HEADERS: headersVariable ?? '',
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: logsHeadersVariable ?? '',
      OTEL_EXPORTER_OTLP_COMPRESSION: compressionVariable ?? '',
    };
    expect(await expectSameRequest(sink, env, options)).toMatchObject(expected ?? {});
  });

  test.each<[string, Environment]>([
    ['the timeout for logs', { OTEL_EXPORTER_OTLP_TIMEOUT: '60000', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '150' }],
    ['the generic timeout', { OTEL_EXPORTER_OTLP_TIMEOUT: ' 150 ' }],
    ['a timeout written as a float', { OTEL_EXPORTER_OTLP_TIMEOUT: '1.5e2' }],
    [
      'the generic timeout, where the one for logs is no number,',
      { OTEL_EXPORTER_OTLP_TIMEOUT: '150', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: 'soon' },
    ],
  ])('%s bounds a request, as with the official exporter', async (_, timeout) => {
    const sink = await startSink();
    sink.answer = () => {};
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.origin, ...timeout };
    const startedAt = performance.now();
    const errors = await Promise.all([sendOfficially(env), sendOurs(env)]);
    expect(errors).toEqual([expect.any(Error), expect.any(Error)]);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(resolveOtlpConfig({}, env).timeoutMillis).toBe(150);
  });

  const trusted = { OTEL_EXPORTER_OTLP_CERTIFICATE: fixturePath('server.pem') };
  const client = {
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: fixturePath('client.pem'),
    OTEL_EXPORTER_OTLP_CLIENT_KEY: fixturePath('client-key.pem'),
  };
  test.each<[string, Environment, boolean]>([
    ['a client and a server that trust each other are connected', { ...trusted, ...client }, true],
    ['a server that is not trusted is refused', client, false],
    ['a client without a certificate is refused', trusted, false],
    [
      'a client certificate for logs wins over the generic one',
      {
        ...trusted,
        ...client,
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'none.pem',
        OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE: fixturePath('client.pem'),
      },
      true,
    ],
    [
      'a server that only the generic certificate trusts is refused',
      { ...trusted, ...client, OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE: fixturePath('client.pem') },
      false,
    ],
    [
      'a server is refused where the certificate for logs is a missing file',
      { ...trusted, ...client, OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE: 'none.pem' },
      false,
    ],
    [
      'a certificate with a relative path is found',
      { ...client, OTEL_EXPORTER_OTLP_CERTIFICATE: 'test/fixtures/tls/server.pem' },
      true,
    ],
  ])('%s, as with the official exporter', async (_, env, isAccepted) => {
    const sink = await startSink({ ...SERVER_TLS, requestCert: true, ca: fixture('client.pem') });
    const all = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.origin, OTEL_EXPORTER_OTLP_TIMEOUT: '1000', ...env };
    const failures = await Promise.all([sendOfficially(all), sendOurs(all)]);
    expect(failures.map((failure) => failure === undefined)).toEqual([isAccepted, isAccepted]);
    expect(sink.requests).toHaveLength(isAccepted ? 2 : 0);
  });
});

describe('the environment beyond the official exporter', () => {
  test('a variable that cannot be used is reported without its value, and the next one counts', () => {
    const config = resolveOtlpConfig(
      {},
      {
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'localhost:4318?secret',
        OTEL_EXPORTER_OTLP_ENDPOINT: ' http://collector.test:4318 ',
        OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: 'secret',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        OTEL_EXPORTER_OTLP_TIMEOUT: 'secret',
        OTEL_EXPORTER_OTLP_HEADERS: 'ok=1,not ok=secret,x=%0Asecret,connection=secret,x2=%E2%82%AC',
        OTEL_EXPORTER_OTLP_CERTIFICATE: 'none.pem',
        HTTP_PROXY: 'socks5://secret@proxy.test',
      },
    );
    expect(config).toMatchObject({ compression: 'gzip', timeoutMillis: 10_000, proxy: undefined });
    expect(config.url.href).toBe('http://collector.test:4318/v1/logs');
    expect(config.headers()).toEqual({ ok: '1' });
    expect(warnings).toHaveLength(8);
    for (const name of [
      'LOGS_ENDPOINT',
      'LOGS_COMPRESSION',
      'TIMEOUT',
      'HEADERS',
      'HTTP_PROXY',
      "'connection'",
    ]) {
      expect(warnings.join('\n')).toContain(name);
    }
    expect(warnings.join('\n')).not.toMatch(/secret/);
  });

  test('logs go to the collector on this machine where neither options nor environment say otherwise', () => {
    const config = resolveOtlpConfig({}, {});
    expect(config).toMatchObject({
      compression: 'none',
      timeoutMillis: 10_000,
      concurrencyLimit: 16,
      userAgent: expect.stringMatching(/^otel-spillway-JavaScript\/\d/),
      tls: {},
      proxy: undefined,
    });
    expect(config.url.href).toBe('http://localhost:4318/v1/logs');
    expect(config.headers()).toEqual({});
    expect(warnings).toEqual([]);
  });

  test.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 1],
    [{ OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json' }, 1],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/protobuf' }, 0],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, 0],
  ])('the environment %j is warned of unless it asks for http/protobuf', (env, count) => {
    resolveOtlpConfig({}, env);
    expect(warnings).toHaveLength(count);
    for (const warning of warnings) expect(warning).toMatch(/PROTOCOL.*http\/protobuf/);
  });

  test.each<[string, Environment]>([
    ['an invalid certificate', { OTEL_EXPORTER_OTLP_CERTIFICATE: fixturePath('README.md') }],
    ['a missing certificate', { OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE: fixturePath('none.pem') }],
    ['an invalid key', { OTEL_EXPORTER_OTLP_CLIENT_KEY: fixturePath('README.md') }],
    [
      'a key of another certificate',
      {
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: fixturePath('client.pem'),
        OTEL_EXPORTER_OTLP_CLIENT_KEY: fixturePath('server-key.pem'),
      },
    ],
  ])('%s fails the construction if the endpoint uses TLS', (_, env) => {
    const refusal = {
      code: 'ERR_SPILLWAY_OPTION',
      message: expect.stringMatching(/files named by OTEL_\S+/),
    };
    const construct = (url: string) => resolveOtlpConfig({ url }, env);
    expect(() => construct('https://collector.test')).toThrow(expect.objectContaining(refusal));
    expect(construct('http://collector.test').tls.current).toEqual({});
    expect(warnings).toEqual([]);
  });
});

describe('the options of the exporter', () => {
  const mixed = { cert: fixture('client.pem'), key: fixture('server-key.pem') };
  test.each<[option: string, what: string, value: unknown]>([
    ['url', 'a number', 7],
    ['url', 'without a scheme', 'localhost:4318'],
    ['url', 'without a scheme but with credentials', 'user:secret@collector.test?secret'],
    ['headers', 'a string', 'a=secret'],
    ['headers', 'an array', ['secret']],
    ['headers', 'with a line break', { a: 'secret\n' }],
    ['headers', 'with an invalid name', { 'a b': 'secret' }],
    ['headers', 'with null', { a: null }],
    ['compression', 'br', 'br'],
    ['timeoutMillis', '-1', -1],
    ['timeoutMillis', '2^31', 2 ** 31],
    ['maxRequestBytes', '1023', 1023],
    ['maxRequestBytes', 'Infinity', Number.POSITIVE_INFINITY],
    ['timeoutMillis', 'Infinity', Number.POSITIVE_INFINITY],
    ['timeoutMillis', 'a string', '100'],
    ['concurrencyLimit', '0', 0],
    ['userAgent', 'with a line break', 'a\nb'],
    ['userAgent', 'a number', 7],
    ['tls', 'a string', 'secret'],
    ['tls', 'null', null],
    ['tls', 'with an invalid ca', { ca: 'secret' }],
    ['tls', 'with an invalid key', { key: 'secret' }],
    ['tls', 'with a key of another certificate', mixed],
  ])('the option %s (%s) is refused by name, and no secret is repeated', (option, _, value) => {
    const options = { url: 'https://collector.test', [option]: value } as OtlpLogExporterOptions;
    let thrown: unknown;
    try {
      resolveOtlpConfig(options, {});
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'ERR_SPILLWAY_OPTION',
      message: expect.stringContaining(`option '${option}'`),
    });
    expect(String(thrown)).not.toContain('secret');
  });

  test('the options must be an object', () => {
    expect(() => resolveOtlpConfig(null as unknown as OtlpLogExporterOptions, {})).toThrow(/an object/);
  });

  test('an unknown option is reported with a warning', () => {
    resolveOtlpConfig({ httpAgentOptions: {} } as OtlpLogExporterOptions, {});
    expect(warnings).toEqual([expect.stringContaining("'httpAgentOptions'")]);
  });

  test('a user agent of the application comes before that of the package', () => {
    expect(resolveOtlpConfig({ userAgent: 'shop/1.0' }, {}).userAgent).toMatch(
      /^shop\/1\.0 otel-spillway-JavaScript\/\d/,
    );
  });

  test('the option tls replaces every certificate file of the environment', async () => {
    const sink = await startSink({ ...SERVER_TLS, requestCert: true, ca: fixture('client.pem') });
    const config = resolveOtlpConfig(
      {
        url: sink.origin,
        tls: { ca: fixture('server.pem'), cert: fixture('client.pem'), key: fixture('client-key.pem') },
      },
      { OTEL_EXPORTER_OTLP_CERTIFICATE: 'none.pem' },
    );
    const transport = new HttpTransport(config);
    onTestFinished(() => transport.close());
    expect(await transport.post(Buffer.from('x'), new AbortController().signal)).toMatchObject({
      status: 200,
    });
    expect(warnings).toEqual([]);
  });
});

describe('the proxy', () => {
  const proxy = { http_proxy: 'http://plain.test:3128', HTTPS_PROXY: 'https://user:p%40ss@secure.test' };
  const inWords = (env: Environment) =>
    Object.entries(env)
      .filter(([name, value]) => (proxy as Environment)[name] !== value)
      .map((variable) => variable.join('='))
      .join(' ') || `${Object.keys(env).length} proxies`;
  const cases: [string, Environment, string | undefined][] = [
    ['http://collector.test', proxy, 'http://plain.test:3128'],
    ['https://collector.test', proxy, 'https://secure.test'],
    ['https://collector.test', { HTTP_PROXY: 'http://plain.test' }, undefined],
    ['http://collector.test', { HTTP_PROXY: 'plain.test:3128' }, 'http://plain.test:3128'],
    ['http://collector.test', { HTTP_PROXY: 'http://plain.test', http_proxy: '' }, undefined],
    ['http://collector.test', { ...proxy, NO_PROXY: '*' }, undefined],
    ['http://collector.test', { ...proxy, NO_PROXY: 'Collector.Test' }, undefined],
    ['http://collector.test', { ...proxy, NO_PROXY: 'other, .test' }, undefined],
    ['http://a.collector.test', { ...proxy, NO_PROXY: '*.collector.test' }, undefined],
    ['http://a.collector.test', { ...proxy, NO_PROXY: 'collector.test' }, undefined],
    ['http://mycollector.test', { ...proxy, NO_PROXY: 'collector.test' }, 'http://plain.test:3128'],
    ['http://collector.test:4318', { ...proxy, NO_PROXY: 'collector.test:4318' }, undefined],
    ['http://collector.test:4318', { ...proxy, NO_PROXY: 'collector.test:80' }, 'http://plain.test:3128'],
    ['http://collector.test', { ...proxy, NO_PROXY: 'collector.test:80' }, undefined],
    ['https://collector.test', { ...proxy, NO_PROXY: 'x collector.test:443' }, undefined],
    ['http://10.1.2.3', { ...proxy, NO_PROXY: '10.0.0.0/8' }, undefined],
    ['http://11.1.2.3', { ...proxy, NO_PROXY: '10.0.0.0/8' }, 'http://plain.test:3128'],
    ['http://11.1.2.3', { ...proxy, NO_PROXY: '10.0.0.0/99,10.0.0.0/,/8' }, 'http://plain.test:3128'],
    ['http://[fd00::1]', { ...proxy, NO_PROXY: 'fd00::/8' }, undefined],
    ['http://[fd00::1]', { ...proxy, NO_PROXY: 'fd00::1' }, undefined],
    ['http://[fd00::1]:4318', { ...proxy, NO_PROXY: '[fd00::1]:4318' }, undefined],
    ['http://localhost:4318', proxy, undefined],
    ['http://127.0.0.1:4318', proxy, undefined],
    ['http://[::1]:4318', proxy, undefined],
    ['http://collector.test', {}, undefined],
  ];
  test.each(cases.map(([url, env, expected]) => [url, inWords(env), expected, env] as const))(
    'the proxy for %s with %s is %s',
    (url, _, expected, env) => {
      expect(resolveOtlpConfig({ url }, env).proxy?.origin).toBe(expected);
      expect(warnings).toEqual([]);
    },
  );

  test('the credentials in the URL of a proxy become its authorization', () => {
    const config = resolveOtlpConfig({ url: 'https://collector.test' }, proxy);
    expect(config.proxy?.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    expect(resolveOtlpConfig({ url: 'http://collector.test' }, proxy).proxy?.authorization).toBeUndefined();
  });
});
