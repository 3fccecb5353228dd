/** Certificates and keys in files that change while the process runs. */

import {
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../src/common/clock.ts';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import { diagLines } from '../support/diag-lines.ts';
import { fixture, fixturePath, type HttpSink, SERVER_TLS, startSink } from '../support/http-sink.ts';
import { otlpPipeline } from '../support/otlp-pipeline.ts';

/** After this long without a change, what cannot be used is no longer taken for half of a change. */
const SETTLED_MILLIS = 1_000;

/** Two pairs that a server can be shown, and the name by which it then knows the caller. */
const PAIRS = [
  { cert: 'client.pem', key: 'client-key.pem', caller: 'otel-spillway test client' },
  { cert: 'server.pem', key: 'server-key.pem', caller: 'otel-spillway test server' },
] as const;

let directory = '';
const path = (name: 'ca' | 'cert' | 'key') => join(directory, `${name}.pem`);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'otel-spillway-tls-'));
  copyFileSync(fixturePath('server.pem'), path('ca'));
  put(0);
});
afterEach(() => {
  rmSync(directory, { recursive: true });
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Both files of a pair. */
function put(pair: 0 | 1): void {
  copyFileSync(fixturePath(PAIRS[pair].cert), path('cert'));
  copyFileSync(fixturePath(PAIRS[pair].key), path('key'));
}

function environment(): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_CERTIFICATE: path('ca'),
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: path('cert'),
    OTEL_EXPORTER_OTLP_CLIENT_KEY: path('key'),
  };
}

/** A server that knows both pairs, and the names under which it was called. */
async function startServer(): Promise<{ sink: HttpSink; callers: string[] }> {
  const callers: string[] = [];
  const sink = await startSink({
    ...SERVER_TLS,
    requestCert: true,
    ca: [fixture('client.pem'), fixture('server.pem')],
  });
  sink.answer = (response) => {
    const { subject } = (response.socket as TLSSocket).getPeerCertificate();
    callers.push(String(subject?.CN));
    response.end();
  };
  return { sink, callers };
}

function transportTo(sink: HttpSink): HttpTransport {
  const transport = new HttpTransport(resolveOtlpConfig({ url: sink.origin }, environment()));
  onTestFinished(() => transport.close());
  return transport;
}

const post = (transport: HttpTransport) => transport.post(Buffer.from('x'), new AbortController().signal);

/** The clock of the exporter goes ahead of the real one. */
function pass(millis: number): void {
  const { now, wallNow } = systemClock;
  vi.spyOn(systemClock, 'now').mockImplementation(() => now() + millis);
  vi.spyOn(systemClock, 'wallNow').mockImplementation(() => wallNow() + millis);
}

describe('changed files', () => {
  test('changed certificate files are used for the next request, on a connection of its own', async () => {
    const { sink, callers } = await startServer();
    const transport = transportTo(sink);
    await post(transport);
    await post(transport);
    expect(sink.connections).toBe(1);
    put(1);
    await post(transport);
    expect(sink.connections).toBe(2);
    expect(new Set(callers).size).toBe(2);
    expect(callers[2]).not.toBe(callers[1]);
  });

  test('certificate files that are written with the same bytes or get new times keep the connection', async () => {
    const { sink } = await startServer();
    const transport = transportTo(sink);
    await post(transport);
    put(0);
    await post(transport);
    utimesSync(path('ca'), new Date(), new Date());
    await post(transport);
    expect(sink.connections).toBe(1);
  });

  test('a certificate file that is replaced by one of the same size and times is noticed', async () => {
    const { sink, callers } = await startServer();
    const [time] = [new Date(2_000_000_000)];
    const transport = transportTo(sink);
    for (const name of ['cert', 'key'] as const) utimesSync(path(name), time, time);
    await post(transport);
    for (const name of ['cert', 'key'] as const) {
      copyFileSync(fixturePath(PAIRS[1][name]), `${path(name)}.new`);
      utimesSync(`${path(name)}.new`, time, time);
      renameSync(`${path(name)}.new`, path(name));
    }
    await post(transport);
    expect(new Set(callers).size).toBe(2);
  });

  test('a changed authority file withdraws trust from servers that it no longer names', async () => {
    const { sink } = await startServer();
    const transport = transportTo(sink);
    await post(transport);
    copyFileSync(fixturePath('client.pem'), path('ca'));
    await expect(post(transport)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  test('certificate files are not read again while they look as before', async () => {
    const { sink } = await startServer();
    const transport = transportTo(sink);
    await post(transport);
    pass(10 * SETTLED_MILLIS);
    await post(transport);
    const looks = vi.spyOn(Buffer.prototype, 'equals');
    for (let request = 0; request < 5; request++) await post(transport);
    expect(looks).not.toHaveBeenCalled();
  });
});

test.each<[string, () => void]>([
  ['a truncated certificate', () => truncateSync(path('cert'), 300)],
  ['a truncated authority', () => truncateSync(path('ca'), 300)],
  [
    'a file of authorities with a truncated second one',
    () =>
      writeFileSync(
        path('ca'),
        Buffer.concat([fixture('server.pem'), fixture('client.pem').subarray(0, 300)]),
      ),
  ],
  ['an empty key', () => truncateSync(path('key'), 0)],
  ['an empty authority', () => truncateSync(path('ca'), 0)],
  ['a missing key', () => rmSync(path('key'))],
  ['a key of another certificate', () => copyFileSync(fixturePath('server-key.pem'), path('key'))],
])('%s leaves the former files in use and is reported once, and only if it lasts', async (_, spoil) => {
  const lines = diagLines();
  const { sink, callers } = await startServer();
  const transport = transportTo(sink);
  await post(transport);
  spoil();
  await post(transport);
  expect(lines).toEqual([]);
  pass(2 * SETTLED_MILLIS);
  for (let request = 0; request < 3; request++) await post(transport);
  expect(lines).toEqual([
    expect.stringMatching(
      /^otel-spillway: the files named by OTEL_\S+CERTIFICATE, .* have changed and cannot be used: /,
    ),
  ]);
  expect(lines[0]).not.toMatch(/BEGIN|[A-Za-z0-9+/]{40}/);
  expect(sink.connections).toBe(1);
  copyFileSync(fixturePath('server.pem'), path('ca'));
  put(1);
  await post(transport);
  expect(new Set(callers).size).toBe(2);
  expect(lines).toHaveLength(1);
});

test('certificate files rotated again and again under load, in pieces and one by one, cost no request and no warning', {
  timeout: 20_000,
}, async () => {
  const lines = diagLines();
  const { sink, callers } = await startServer();
  // A busy machine must not make a change of the files last for so long that it would be reported.
  const { now } = systemClock;
  vi.spyOn(systemClock, 'now').mockImplementation(() => now() / 10);
  for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
  const pipeline = otlpPipeline(
    { logsUrl: sink.origin },
    { maxExportBatchSize: 10, scheduledDelayMillis: 0 },
  );
  const emitUntil = async (condition: () => boolean) => {
    while (!condition()) {
      if (pipeline.stats.queued.records < 50) pipeline.emit(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const arrived = async (requests: number) => {
    const enough = sink.requests.length + requests;
    await emitUntil(() => sink.requests.length >= enough);
  };
  const both = Buffer.concat([fixture('client.pem'), fixture('server.pem')]);
  for (let rotation = 1; rotation <= 10; rotation++) {
    const { cert, key, caller } = PAIRS[(rotation % 2) as 0 | 1];
    for (const [name, content] of [
      ['key', fixture(key)],
      ['cert', fixture(cert)],
      ['ca', rotation % 2 === 1 ? both : fixture('server.pem')],
    ] as const) {
      // Cut within a certificate: what ends between two of them is whole.
      writeFileSync(path(name), content.subarray(0, -100));
      await arrived(2);
      writeFileSync(path(name), content);
      await arrived(2);
    }
    await emitUntil(() => callers.at(-1) === caller);
  }
  await pipeline.settled();
  expect(pipeline.stats.exports.failures).toBe(0);
  expect(lines).toEqual([]);
  expect(new Set(callers).size).toBe(2);
  expect(sink.connections).toBeGreaterThanOrEqual(10);
});
