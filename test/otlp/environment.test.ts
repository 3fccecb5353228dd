/** The environment of the OTLP exporter as the OpenTelemetry specification has it, also where the official exporter differs. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import type { OtlpLogExporterOptions } from '../../src/otlp/options.ts';
import { diagLines } from '../support/diag-lines.ts';
import { startSink } from '../support/http-sink.ts';

describe('an environment variable with one of several words', () => {
  test.each(['gzip', 'GZIP', ' Gzip '])('may be in capitals: compression %j is gzip', (compression) => {
    const lines = diagLines();
    expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_COMPRESSION: compression }).compression).toBe('gzip');
    expect(lines).toEqual([]);
  });

  test.each(['HTTP/PROTOBUF', ' http/Protobuf '])(
    'may be in capitals: protocol %j is the one that is spoken, and nothing is said',
    (protocol) => {
      const lines = diagLines();
      resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
      expect(lines).toEqual([]);
    },
  );
});

describe('the time a request may take', () => {
  test.each<[string, OtlpLogExporterOptions, string]>([
    ['0 in the environment is no limit', {}, '0'],
    ['0 as an option is no limit, whatever the environment says', { timeoutMillis: 0 }, '500'],
  ])('%s', (_, options, variable) => {
    const lines = diagLines();
    const { timeoutMillis } = resolveOtlpConfig(options, { OTEL_EXPORTER_OTLP_TIMEOUT: variable });
    expect(timeoutMillis).toBe(Number.POSITIVE_INFINITY);
    expect(lines).toEqual([]);
  });

  test('0 waits for an answer that takes its time', async () => {
    const sink = await startSink();
    sink.answer = (response) => void setTimeout(() => response.end(), 100);
    const transport = new HttpTransport(resolveOtlpConfig({ url: sink.origin, timeoutMillis: 0 }, {}));
    onTestFinished(() => transport.close());
    const response = await transport.post(Buffer.from('a batch'), new AbortController().signal);
    expect(response.status).toBe(200);
  });

  test('0 for logs goes before the time for every signal', () => {
    const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '150', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '0' };
    expect(resolveOtlpConfig({}, env).timeoutMillis).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([2_147_483_647, 86_400_001])(
    '%d ms are taken, by the environment and by the option',
    (millis) => {
      const lines = diagLines();
      expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_TIMEOUT: String(millis) }).timeoutMillis).toBe(
        millis,
      );
      expect(resolveOtlpConfig({ timeoutMillis: millis }, {}).timeoutMillis).toBe(millis);
      expect(lines).toEqual([]);
    },
  );

  test.each(['-1', 'soon', 'Infinity'])('%j is reported and ignored', (millis) => {
    const lines = diagLines();
    expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_TIMEOUT: millis }).timeoutMillis).toBe(10_000);
    expect(lines).toEqual([expect.stringContaining('OTEL_EXPORTER_OTLP_TIMEOUT')]);
  });
});

describe('headers of the environment', () => {
  test.each<[list: string, headers: Record<string, string>, which: string]>([
    ['a=1,secret', { a: '1' }, 'number 2 of it'],
    ['a=1,x=%zz', { a: '1' }, 'number 2 of it'],
    ['%zz=secret,a=1', { a: '1' }, 'number 1 of it'],
    ['authorization: Basic secret==,a=1', { a: '1' }, 'number 1 of it'],
    ['=secret,a=1,,b', { a: '1' }, 'number 1, 4 of it'],
  ])('%j: what cannot be decoded is reported once, by its place', (list, headers, which) => {
    const lines = diagLines();
    expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: list }).headers()).toEqual(headers);
    expect(lines).toEqual([expect.stringContaining('OTEL_EXPORTER_OTLP_HEADERS')]);
    expect(lines[0]).toContain(which);
    expect(lines[0]).not.toContain('secret');
  });

  test.each(['', ' ', ',', 'a=1, ,', 'a=1;meta=2,b='])('%j has nothing to report', (list) => {
    const lines = diagLines();
    resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: list }).headers();
    expect(lines).toEqual([]);
  });
});

describe('the endpoint for every signal', () => {
  test.each([
    ['http://c.test/base?key=value', 'http://c.test/base/v1/logs?key=value'],
    ['http://c.test?key=a/b', 'http://c.test/v1/logs?key=a/b'],
    ['http://c.test/base/?key=value', 'http://c.test/base/v1/logs?key=value'],
    ['http://c.test/base#part', 'http://c.test/base/v1/logs'],
    ['http://user:pa%20ss@c.test/a//', 'http://user:pa%20ss@c.test/a//v1/logs'],
  ])('%s: the path of logs is appended to its path, and its query stays', (endpoint, url) => {
    expect(resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).url.href).toBe(url);
  });
});

describe('a header name with a line break', () => {
  test('is not repeated as it is in the error of an option', () => {
    const headers = { 'x-a\r\nforged: line\u2028\u202e': '1' };
    const thrown = errorOf(() => resolveOtlpConfig({ headers }, {}));
    expect(thrown).toMatchObject({ code: 'ERR_SPILLWAY_OPTION' });
    expect(String(thrown)).toContain('x-a forged: line');
    expect(String(thrown)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
  });

  test('is not repeated in a warning of the environment', () => {
    const lines = diagLines();
    resolveOtlpConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: 'x-a%0d%0aforged=1' });
    expect(lines).toEqual([expect.stringContaining('number 1 of it')]);
    expect(lines[0]).not.toMatch(/\p{Cc}|forged/u);
  });

  test('is not repeated as it is in the error of a function', async () => {
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
