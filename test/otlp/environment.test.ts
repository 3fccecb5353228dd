/** The environment of the OTLP exporter as the OpenTelemetry specification has it, also where the official exporter differs. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import type { OtlpLogExporterOptions } from '../../src/otlp/options.ts';
import { diagLines } from '../support/diag-lines.ts';
import { startSink } from '../support/http-sink.ts';

describe('variables with one of several words', () => {
  test.each(['gzip', 'GZIP', ' Gzip '])(
    'the compression %j of the environment means gzip, whatever its case',
    (compression) => {
      const lines = diagLines();
      expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_COMPRESSION: compression }).compression).toBe('gzip');
      expect(lines).toEqual([]);
    },
  );

  test.each(['HTTP/PROTOBUF', ' http/Protobuf '])(
    'the protocol %j of the environment means http/protobuf, and there is no warning',
    (protocol) => {
      const lines = diagLines();
      resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
      expect(lines).toEqual([]);
    },
  );
});

describe('the timeout of a request', () => {
  test.each<[string, OtlpLogExporterOptions, string]>([
    ['in the environment means no limit', {}, '0'],
    ['as an option means no limit, whatever the environment says', { timeoutMillis: 0 }, '500'],
  ])('a timeout of 0 %s', (_, options, variable) => {
    const lines = diagLines();
    const { timeoutMillis } = resolveOtlpConfig(options, { OTEL_EXPORTER_OTLP_TIMEOUT: variable });
    expect(timeoutMillis).toBe(Number.POSITIVE_INFINITY);
    expect(lines).toEqual([]);
  });

  test('a timeout of 0 waits for an answer that takes its time', async () => {
    const sink = await startSink();
    sink.answer = (response) => void setTimeout(() => response.end(), 100);
    const transport = new HttpTransport(resolveOtlpConfig({ url: sink.origin, timeoutMillis: 0 }, {}));
    onTestFinished(() => transport.close());
    const response = await transport.post(Buffer.from('a batch'), new AbortController().signal);
    expect(response.status).toBe(200);
  });

  test('a timeout of 0 for logs wins over the timeout for every signal', () => {
    const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '150', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '0' };
    expect(resolveOtlpConfig({}, env).timeoutMillis).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([2_147_483_647, 86_400_001])(
    'a timeout of %d ms is accepted from the environment and from the option',
    (millis) => {
      const lines = diagLines();
      expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_TIMEOUT: String(millis) }).timeoutMillis).toBe(
        millis,
      );
      expect(resolveOtlpConfig({ timeoutMillis: millis }, {}).timeoutMillis).toBe(millis);
      expect(lines).toEqual([]);
    },
  );

  test.each(['-1', 'soon', 'Infinity'])(
    'a timeout of %j in the environment is reported and ignored',
    (millis) => {
      const lines = diagLines();
      expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_TIMEOUT: millis }).timeoutMillis).toBe(10_000);
      expect(lines).toEqual([expect.stringContaining('OTEL_EXPORTER_OTLP_TIMEOUT')]);
    },
  );
});

describe('headers of the environment', () => {
  test.each<[list: string, headers: Record<string, string>, which: string]>([
    ['a=1,secret', { a: '1' }, 'number 2 of it'],
    ['a=1,x=%zz', { a: '1' }, 'number 2 of it'],
    ['%zz=secret,a=1', { a: '1' }, 'number 1 of it'],
    ['authorization: Basic secret==,a=1', { a: '1' }, 'number 1 of it'],
    ['=secret,a=1,,b', { a: '1' }, 'number 1, 4 of it'],
  ])(
    'a part of the headers %j that cannot be decoded is reported once, by its position',
    (list, headers, which) => {
      const lines = diagLines();
      expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: list }).headers()).toEqual(headers);
      expect(lines).toEqual([expect.stringContaining('OTEL_EXPORTER_OTLP_HEADERS')]);
      expect(lines[0]).toContain(which);
      expect(lines[0]).not.toContain('secret');
    },
  );

  test.each(['', ' ', ',', 'a=1, ,', 'a=1;meta=2,b='])('the headers %j cause no warning', (list) => {
    const lines = diagLines();
    resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: list }).headers();
    expect(lines).toEqual([]);
  });
});

test.each([
  ['http://c.test/base?key=value', 'http://c.test/base/v1/logs?key=value'],
  ['http://c.test?key=a/b', 'http://c.test/v1/logs?key=a/b'],
  ['http://c.test/base/?key=value', 'http://c.test/base/v1/logs?key=value'],
  ['http://c.test/base#part', 'http://c.test/base/v1/logs'],
  ['http://user:pa%20ss@c.test/a//', 'http://user:pa%20ss@c.test/a//v1/logs'],
])('the endpoint %s keeps its query, and the path of logs is appended to its path', (endpoint, url) => {
  expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).url.href).toBe(url);
});

describe('header names with a line break', () => {
  test('the error of an option does not repeat the line break of a header name', () => {
    const headers = { 'x-a\r\nforged: line\u2028\u202e': '1' };
    const thrown = errorOf(() => resolveOtlpConfig({ headers }, {}));
    expect(thrown).toMatchObject({ code: 'ERR_SPILLWAY_OPTION' });
    expect(String(thrown)).toContain('x-a forged: line');
    expect(String(thrown)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
  });

  test('a warning about the environment does not repeat a header name with a line break', () => {
    const lines = diagLines();
    resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: 'x-a%0d%0aforged=1' });
    expect(lines).toEqual([expect.stringContaining('number 1 of it')]);
    expect(lines[0]).not.toMatch(/\p{Cc}|forged/u);
  });

  test('the error of a header function does not repeat the line break of a header name', async () => {
    const config = resolveOtlpConfig({ headers: () => ({ 'x-a\r\nforged': '1' }) }, {});
    await expect(config.headers()).rejects.toThrow(/'x-a forged'/);
  });
});

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
