/** Answers of real servers that are not what a collector answers: pages, echoes, compressed ones, endless ones. */

import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type OtlpLogExporterOptions, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import { concealed, secretsOf, secretsOfAuthorization } from '../../src/otlp/secrets.ts';
import { encodeResponse } from '../../src/testing/responses.ts';
import { diagLines } from '../support/diag-lines.ts';
import { type Answer, type HttpSink, startProxy, startSink } from '../support/http-sink.ts';
import { otlpPipeline } from '../support/otlp-pipeline.ts';
import { record } from '../support/records.ts';

const MIB = 1024 * 1024;
const PROTOBUF = 'application/x-protobuf';
const PARTIAL = encodeResponse('protobuf', { rejected: 2, message: 'too old' });

async function sinkThat(answer: Answer): Promise<HttpSink> {
  const sink = await startSink();
  sink.answer = answer;
  return sink;
}

async function exportTo(url: string, options: OtlpLogExporterOptions = {}): Promise<Error | undefined> {
  const exporter = new SpillwayOtlpLogExporter({ url, ...options });
  onTestFinished(() => exporter.shutdown());
  return new Promise((resolve) => exporter.export([record()], ({ error }) => resolve(error)));
}

test('a web page with status 200 delivers nothing: the records wait, and the failure names its address and content type', async () => {
  const page = '<html><head><title>Hotel Wi-Fi</title></head><body>Sign in</body></html>';
  const sink = await sinkThat((response) => response.setHeader('content-type', 'text/html').end(page));
  const pipeline = otlpPipeline(
    { logsUrl: `${sink.origin}/v1/logs` },
    { scheduledDelayMillis: 0, retry: { initialDelayMillis: 1, maxDelayMillis: 5 }, breaker: false },
  );
  const emitted = pipeline.emit(10);
  await pipeline.until(({ exports }) => exports.failures >= 1);
  expect(pipeline.stats).toMatchObject({ exported: 0 });
  expect(pipeline.stats.exports.lastError).toContain(
    `HTTP 200 OK from ${sink.origin}/v1/logs (no answer of OTLP, text/html): Hotel Wi-Fi`,
  );
  sink.answer = (response) => response.end();
  await pipeline.settled();
  expect(pipeline.stats).toMatchObject({ exported: emitted });
});

describe('compressed answers', () => {
  test.each<[string, string, (bytes: Uint8Array) => Buffer]>([
    ['gzip', 'gzip', gzipSync],
    ['deflate', 'deflate', deflateSync],
    ['brotli', 'br', brotliCompressSync],
  ])(
    'an answer compressed with %s is read although nobody asked for compression',
    async (_, encoding, compress) => {
      const lines = diagLines();
      const sink = await sinkThat((response) =>
        response
          .writeHead(200, { 'content-encoding': encoding, 'content-type': PROTOBUF })
          .end(compress(PARTIAL)),
      );
      expect(await exportTo(sink.origin)).toBeUndefined();
      expect(lines).toEqual([expect.stringContaining('rejected 2 of 1 records: too old')]);
    },
  );

  test('a compressed answer that cannot be decompressed still counts by its status', async () => {
    const sink = await sinkThat((response) =>
      response.writeHead(200, { 'content-encoding': 'snappy', 'content-type': PROTOBUF }).end(PARTIAL),
    );
    expect(await exportTo(sink.origin)).toBeUndefined();
    sink.answer = (response) => response.writeHead(503, { 'content-encoding': 'gzip' }).end('not gzip');
    expect((await exportTo(sink.origin))?.message).toBe(`HTTP 503 Service Unavailable from ${sink.origin}/`);
  });

  const bomb = gzipSync(Buffer.alloc(96 * MIB));
  test.each([200, 503])(
    'a decompression bomb with status %i is cut off at maxResponseBytes',
    async (status) => {
      const sink = await sinkThat((response) =>
        response.writeHead(status, { 'content-encoding': 'gzip', 'content-type': PROTOBUF }).end(bomb),
      );
      const before = process.memoryUsage().rss;
      const error = await exportTo(sink.origin);
      expect(error?.message).toContain('(an answer longer than maxResponseBytes)');
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
    },
  );
});

test('an endless answer is cut off at maxResponseBytes, its records are not sent again, and its beginning is reported', async () => {
  const sink = await sinkThat((response) => {
    const chunk = Buffer.alloc(16 * 1024, 'no ');
    const write = () => {
      while (!response.destroyed) if (!response.write(chunk)) return void response.once('drain', write);
    };
    write();
  });
  const pipeline = otlpPipeline(
    { logsUrl: sink.origin },
    { scheduledDelayMillis: 0, otlp: { maxResponseBytes: 100_000 } },
  );
  pipeline.emit(1);
  await pipeline.until(({ dropped }) => dropped.rejected === 1);
  expect(sink.requests).toHaveLength(1);
  expect(pipeline.stats.exports.lastError).toContain('(an answer longer than maxResponseBytes): no no no');
});

describe('credentials', () => {
  const headers = {
    authorization: 'Bearer t0k3n-"with<quotes>&more',
    'x-api-key': 'k3y+with/signs=',
    'x-tenant': 'north',
  };
  const parts = ['t0k3n', 'k3y+with', 'k3y%2Bwith', 'north', 'hunter2', 'query-secret', 'aHVudGVy'];

  function expectNone(text: string): void {
    for (const part of parts) expect(text).not.toContain(part);
  }

  const echoes: [string, Answer][] = [
    [
      'as text',
      (response, { headers, path }) =>
        response.writeHead(401, { 'content-type': 'text/plain' }).end(`${path} ${JSON.stringify(headers)}`),
    ],
    [
      'in JSON',
      (response, { headers, path }) =>
        response
          .writeHead(403, { 'content-type': 'application/json' })
          .end(JSON.stringify({ path, ...headers })),
    ],
    [
      'in a page',
      (response, { headers, path }) => {
        const escaped = (text: string) =>
          text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
        const echo = escaped(`${path} ${Object.values(headers).join(' ')}`);
        response.writeHead(200, { 'content-type': 'text/html' }).end(`<html><title>${echo}</title>`);
      },
    ],
    [
      'in the name of the status',
      (response, { headers }) => response.writeHead(400, `no ${headers.authorization}`).end(),
    ],
    [
      'encoded for a URL',
      (response, { headers, path }) =>
        response
          .writeHead(500)
          .end([path, ...Object.values(headers)].map((part) => encodeURIComponent(String(part))).join('&')),
    ],
    [
      'in part',
      (response, { headers }) =>
        response.writeHead(500).end(`no: ${String(headers.authorization).slice(0, 18)}`),
    ],
    [
      'in a partial success',
      (response, { headers }) => {
        const message = `no ${headers.authorization} ${headers['x-api-key']}`;
        response
          .writeHead(200, { 'content-type': PROTOBUF })
          .end(encodeResponse('protobuf', { rejected: 1, message }));
      },
    ],
    [
      'in the content type',
      (response, { headers }) =>
        response
          .writeHead(200, { 'content-type': `text/html-${String(headers['x-api-key'])}` })
          .end(Buffer.from([0])),
    ],
  ];

  test.each(echoes)(
    'credentials that a server repeats %s appear in no message, statistics or health',
    async (_, answer) => {
      const lines = diagLines('info');
      const sink = await sinkThat(answer);
      const url = `${sink.origin.replace('//', '//user:hunter2@')}/v1/logs?key=query-secret`;
      // A header of one's own goes before the credentials of the URL.
      for (const chosen of [headers, { 'x-api-key': headers['x-api-key'], 'x-tenant': 'north' }]) {
        const pipeline = otlpPipeline(
          { logsUrl: url },
          { scheduledDelayMillis: 0, breaker: { failureThreshold: 1 }, otlp: { headers: chosen } },
        );
        pipeline.emit(1);
        await pipeline.until(({ exports, inFlight }) => exports.attempts >= 1 && inFlight.records === 0);
        expectNone(JSON.stringify(pipeline.stats));
        expectNone(JSON.stringify(pipeline.processor.health()));
        for (const cause of pipeline.causes) expectNone(String(cause));
        const error = await exportTo(url, { headers: chosen });
        expectNone(String(error));
      }
      expect(lines.length).toBeGreaterThan(0);
      expectNone(lines.join('\n'));
    },
  );

  test('credentials of a proxy appear in no message, whatever the proxy answers', async () => {
    const sink = await startSink();
    const proxy = await startProxy(sink.port);
    proxy.connectAnswer = 'HTTP/1.1 407 hunter2 aHVudGVyMjpodW50ZXIy\r\ncontent-length: 0\r\n\r\n';
    const env = { HTTPS_PROXY: proxy.urlWith('hunter2:hunter2@') };
    const transport = new HttpTransport(resolveOtlpConfig({ url: 'https://collector.test' }, env));
    onTestFinished(() => transport.close());
    const error = await transport
      .post(Buffer.from('x'), new AbortController().signal)
      .catch((error) => error);
    expect(error.message).toMatch(/through the proxy http:\/\/127\.0\.0\.1:\d+: the proxy answers 407 … …$/);
  });

  test('credentials are recognised by their beginnings, and values too short to be secrets are left as they are', () => {
    const secrets = secretsOf(new URL('https://c.test/?a=no&b=p%20q%20r'), {
      'x-debug': '1',
      token: '0123456789abc',
    });
    expect(concealed('no 1, p q r, p%20q%20r, 012345678, 0123456', secrets)).toBe('no 1, …, …, …, 0123456');
    expect([...secretsOfAuthorization('Basic YTpiOmM=')]).toEqual(['YTpiOmM=', 'a:b:c', 'a', 'b:c']);
    expect([...secretsOfAuthorization('token-alone')]).toEqual(['token-alone']);
    expect(concealed('x'.repeat(100), secretsOfAuthorization(undefined))).toBe('x'.repeat(100));
  });
});
