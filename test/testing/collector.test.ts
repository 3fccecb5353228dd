/** The embedded collector, proven against the official OTLP/HTTP exporters: what it counts and what they see of it. */
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import { afterEach, describe, expect, test } from 'vitest';
import { TestCollector } from '../../src/testing/index.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((close) => close()));
});

/** From `@opentelemetry/core`, which is nobody's direct dependency here. */
const ExportResultCode = { SUCCESS: 0, FAILED: 1 };
type ExportResult = Parameters<Parameters<JsonExporter['export']>[1]>[0];

const exporters = { json: JsonExporter, protobuf: ProtobufExporter };

function exporterTo(
  collector: { logsUrl: string },
  { encoding = 'protobuf' as keyof typeof exporters, gzip = false, timeoutMillis = 5_000 } = {},
): JsonExporter {
  const exporter = new exporters[encoding]({
    url: collector.logsUrl,
    timeoutMillis,
    ...(gzip ? { compression: 'gzip' as never } : {}),
  });
  opened.push(() => exporter.shutdown());
  return exporter;
}

/** Real SDK records whose bodies are the numbers `from` to `from + count - 1`. */
function records(count: number, from = 0): ReadableLogRecord[] {
  const memory = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    processors: [new SimpleLogRecordProcessor({ exporter: memory })],
  });
  const logger = provider.getLogger('test-scope');
  for (let n = from; n < from + count; n++) {
    logger.emit({
      body: `record ${n}`,
      severityNumber: 9,
      severityText: 'INFO',
      eventName: 'tested',
      attributes: { n, list: ['a', 1, true], nested: { deep: [1.5] } },
    });
  }
  return memory.getFinishedLogRecords();
}

function send(exporter: JsonExporter, batch: ReadableLogRecord[]): Promise<ExportResult> {
  return new Promise((resolve) => exporter.export(batch, resolve));
}

type Body = NonNullable<RequestInit['body']>;

/** A request without retries, for what the exporters hide. */
async function post(
  collector: TestCollector,
  body: Body,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(collector.logsUrl, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

const oneRecord = JSON.stringify({
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }],
});

describe('what arrives', () => {
  for (const encoding of ['json', 'protobuf'] as const) {
    for (const gzip of [false, true]) {
      test(`every record of the official ${encoding} exporter is counted ${gzip ? 'with' : 'without'} gzip`, async () => {
        const collector = await collectorWith({ keep: 'ids', identity: { attribute: 'n' } });
        const exporter = exporterTo(collector, { encoding, gzip });
        expect((await send(exporter, records(512))).code).toBe(ExportResultCode.SUCCESS);
        expect((await send(exporter, records(88, 512))).code).toBe(ExportResultCode.SUCCESS);

        const stats = await collector.until((now) => now.acknowledged === 600);
        const expected = new Map(Array.from({ length: 600 }, (_, n) => [String(n), 1]));
        expect(collector.ids).toEqual(expected);
        const type = encoding === 'json' ? 'application/json' : 'application/x-protobuf';
        expect(stats).toMatchObject({
          requests: 2,
          records: 600,
          answers: { 200: 2 },
          encodings: { [gzip ? `${type}, gzip` : type]: 2 },
        });
        if (gzip) expect(stats.bytes).toBeLessThan(stats.decodedBytes / 2);
        else expect(stats.bytes).toBe(stats.decodedBytes);
      });
    }
  }

  test('whole records look the same whichever encoding they came in', async () => {
    const collector = await collectorWith({ keep: 'records' });
    const [record] = records(1, 7);
    if (!record) throw new Error('no record');
    await send(exporterTo(collector, { encoding: 'json' }), [record]);
    await send(exporterTo(collector, { encoding: 'protobuf' }), [record]);
    const [fromJson, fromProtobuf] = collector.records;
    expect(fromProtobuf).toEqual(fromJson);
    expect(fromJson).toMatchObject({
      body: 'record 7',
      attributes: { n: 7, list: ['a', 1, true], nested: { deep: [1.5] } },
      severityNumber: 9,
      severityText: 'INFO',
      eventName: 'tested',
      scope: { name: 'test-scope', version: '', attributes: {} },
      resource: { 'service.name': 'shop' },
    });
    expect(BigInt(fromJson?.timeUnixNano ?? 0)).toBeGreaterThan(0n);
  });

  test('a record that arrives twice is counted twice and its id shows it', async () => {
    const collector = await collectorWith({ keep: 'ids' });
    const exporter = exporterTo(collector);
    await send(exporter, records(2));
    await send(exporter, records(1));
    expect(collector.account().records).toBe(3);
    expect([...collector.ids]).toEqual([
      ['record 0', 2],
      ['record 1', 1],
    ]);
  });

  test('a body that is not what it claims to be is answered with 400 and counted as malformed', async () => {
    const collector = await collectorWith();
    const bodies: [string | Uint8Array, Record<string, string>][] = [
      ['{"resourceLogs":', {}],
      ['null', {}],
      [new Uint8Array([0x0a, 0xff, 0x01]), { 'content-type': 'application/x-protobuf' }],
      ['not gzip', { 'content-encoding': 'gzip' }],
    ];
    for (const [body, headers] of bodies) {
      expect((await post(collector, body as Body, headers)).status).toBe(400);
    }
    expect(collector.account()).toMatchObject({ malformed: 4, records: 0, answers: { 400: 4 } });
  });

  test('another path is answered with 404', async () => {
    const collector = await collectorWith();
    expect((await fetch(`${collector.url}/v1/traces`, { method: 'POST', body: '{}' })).status).toBe(404);
  });
});

describe('what the sender sees', () => {
  test('an empty response in the encoding of the request', async () => {
    const collector = await collectorWith();
    const json = await post(collector, oneRecord);
    expect([json.status, json.headers.get('content-type'), await json.text()]).toEqual([
      200,
      'application/json',
      '{}',
    ]);
    const protobuf = await post(collector, '', { 'content-type': 'application/x-protobuf' });
    expect([protobuf.status, (await protobuf.arrayBuffer()).byteLength]).toEqual([200, 0]);
    expect(protobuf.headers.get('content-type')).toBe('application/x-protobuf');
  });

  test.each([400, 401, 500])(
    'status %i fails the export with that code and without a retry',
    async (status) => {
      const collector = await collectorWith({
        keep: 'ids',
        reply: { kind: 'status', status, message: 'no' },
      });
      const result = await send(exporterTo(collector, { encoding: 'json' }), records(3));
      expect(result.code).toBe(ExportResultCode.FAILED);
      expect(result.error).toMatchObject({ code: status, data: expect.stringContaining('"message":"no"') });
      expect(collector.account()).toMatchObject({ requests: 1, records: 0, answers: { [status]: 1 } });
      expect(collector.ids.size).toBe(0);
    },
  );

  test('an error in protobuf is a google.rpc.Status message', async () => {
    const collector = await collectorWith({ reply: { kind: 'status', status: 400, message: 'bad' } });
    const response = await post(collector, '', { 'content-type': 'application/x-protobuf' });
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([8, 3, 18, 3, 0x62, 0x61, 0x64]);
  });

  test.each(['seconds', 'date'] as const)('Retry-After in %s is sent and waited out', async (form) => {
    const collector = await collectorWith();
    const later = { kind: 'status', retryAfterSeconds: 2, retryAfterForm: form } as const;
    await collector.script({ ...later, status: 429 }, { ...later, status: 503 });
    const header = (await post(collector, oneRecord)).headers.get('retry-after') ?? '';
    if (form === 'seconds') expect(header).toBe('2');
    else expect(Math.abs(Date.parse(header) - Date.now() - 2_000)).toBeLessThan(1_500);

    const before = performance.now();
    const result = await send(exporterTo(collector), records(3));
    expect(result.code).toBe(ExportResultCode.SUCCESS);
    // An HTTP date has whole seconds only, so up to one of them is lost.
    expect(performance.now() - before).toBeGreaterThan(form === 'seconds' ? 1_900 : 900);
    expect(collector.account()).toMatchObject({ records: 3, answers: { 429: 1, 503: 1, 200: 1 } });
  });

  test('scripted replies come in order, repeated as asked, and then the standing reply again', async () => {
    const collector = await collectorWith();
    await collector.script(
      { kind: 'status', status: 503, times: 2, headers: { 'x-hint': 'busy' } },
      { kind: 'status', status: 401 },
    );
    const seen: (number | string | null)[] = [];
    for (let n = 0; n < 4; n++) {
      const response = await post(collector, oneRecord);
      seen.push(response.status, response.headers.get('x-hint'));
    }
    expect(seen).toEqual([503, 'busy', 503, 'busy', 401, null, 200, null]);
  });

  test.each([413, 400] as const)(
    'a body over the limit is refused with %i, before compression or after',
    async (status) => {
      const collector = await collectorWith({ maxBodyBytes: 2_000, tooLargeStatus: status });
      for (const gzip of [false, true]) {
        const result = await send(exporterTo(collector, { gzip }), records(512));
        expect(result.error).toMatchObject({ code: status });
        expect((await send(exporterTo(collector, { gzip }), records(1))).code).toBe(ExportResultCode.SUCCESS);
      }
      expect(collector.account()).toMatchObject({ records: 2, answers: { [status]: 2, 200: 2 } });
    },
  );

  test('a request with a poisoned record is refused with 400 and every other one gets through', async () => {
    const collector = await collectorWith({ poisonedIds: ['record 3'] });
    const exporter = exporterTo(collector);
    expect((await send(exporter, records(5))).error).toMatchObject({ code: 400 });
    expect((await send(exporter, records(3))).code).toBe(ExportResultCode.SUCCESS);
    expect(collector.account().records).toBe(3);
  });

  test('a partial success keeps all but the rejected records, and the official exporters call it a success', async () => {
    const collector = await collectorWith({
      keep: 'ids',
      reply: { kind: 'partial', rejected: 2, message: 'too old' },
    });
    for (const encoding of ['json', 'protobuf'] as const) {
      expect((await send(exporterTo(collector, { encoding }), records(5))).code).toBe(
        ExportResultCode.SUCCESS,
      );
    }
    expect([...collector.ids]).toEqual(['record 0', 'record 1', 'record 2'].map((id) => [id, 2]));
    await collector.become({ reply: { kind: 'partial', rejected: 1, message: 'too old' } });
    expect(await (await post(collector, oneRecord)).json()).toEqual({
      partialSuccess: { rejectedLogRecords: 1, errorMessage: 'too old' },
    });
  });

  test('latency is spent on each request by itself, and requests in progress are counted', async () => {
    const collector = await collectorWith({ latencyMillis: 200 });
    const before = performance.now();
    const three = [0, 1, 2].map(() => send(exporterTo(collector), records(1)));
    await collector.until((now) => now.concurrentRequests === 3);
    expect(collector.account().records).toBe(0);
    await Promise.all(three);
    const tookMillis = performance.now() - before;
    expect(tookMillis).toBeGreaterThanOrEqual(190);
    expect(tookMillis).toBeLessThan(600);
    await collector.until((now) => now.concurrentRequests === 0);
    expect(collector.account()).toMatchObject({ records: 3, peakConcurrentRequests: 3 });
  });

  test('a request that hangs runs into the time limit of the exporter', async () => {
    const collector = await collectorWith({ reply: { kind: 'hang' } });
    const sent = send(exporterTo(collector, { timeoutMillis: 300 }), records(4));
    await collector.until((now) => now.answers.hang === 1);
    expect((await sent).code).toBe(ExportResultCode.FAILED);
    expect(collector.account().records).toBe(0);
  });

  test.each([false, true])('a reset before the response fails the export (stored: %s)', async (stored) => {
    const collector = await collectorWith({
      keep: 'ids',
      reply: { kind: 'reset', at: 'before-response', stored },
    });
    const result = await send(exporterTo(collector, { timeoutMillis: 500 }), records(4));
    expect(result.code).toBe(ExportResultCode.FAILED);
    await expect(post(collector, oneRecord)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(collector.account()).toMatchObject({
      records: stored ? 5 : 0,
      acknowledged: 0,
      answers: { reset: 2 },
    });
    expect(collector.ids.size).toBe(stored ? 5 : 0);
  });

  test('a reset in the middle of a 200 response passes for a success with the official exporters', async () => {
    const collector = await collectorWith({ reply: { kind: 'reset', at: 'mid-response' } });
    const result = await send(exporterTo(collector, { timeoutMillis: 500 }), records(4));
    expect(result.code).toBe(ExportResultCode.SUCCESS);
    expect(collector.account()).toMatchObject({ records: 4, acknowledged: 0 });
    const response = await post(collector, oneRecord);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  test('half a response that never goes on runs into the time limit of the exporter', async () => {
    const collector = await collectorWith({ reply: { kind: 'half-response' } });
    const before = performance.now();
    await send(exporterTo(collector, { timeoutMillis: 300 }), records(4));
    expect(performance.now() - before).toBeGreaterThanOrEqual(290);
    expect(collector.account()).toMatchObject({
      records: 4,
      acknowledged: 0,
      answers: { 'half-response': 1 },
    });
  });

  test('refused connections are taken again on the same port', async () => {
    const collector = await collectorWith();
    const exporter = exporterTo(collector, { timeoutMillis: 500 });
    await send(exporter, records(1));
    await collector.become('dead');
    expect((await send(exporter, records(1))).code).toBe(ExportResultCode.FAILED);
    await expect(post(collector, oneRecord)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await collector.become('well');
    expect((await send(exporter, records(1))).code).toBe(ExportResultCode.SUCCESS);
    expect(collector.account().records).toBe(2);
  });

  test('waiting for counts that do not come ends with what they were', async () => {
    const collector = await collectorWith();
    await expect(collector.until((now) => now.records > 0, 20)).rejects.toThrow(/"records":0/);
  });
});

describe('in a child process', () => {
  test('what was stored is known although the child is killed while it answers', async () => {
    const collector = await TestCollector.spawn({
      identity: 'body',
      condition: { kind: 'hang', stored: true },
    });
    opened.push(() => collector.stop());
    const sent = send(exporterTo(collector, { timeoutMillis: 500 }), records(100));
    await collector.until((now) => now.answers.hang === 1);
    await collector.kill();
    expect((await sent).code).toBe(ExportResultCode.FAILED);
    expect(collector.account()).toMatchObject({ records: 100, acknowledged: 0, concurrentRequests: 0 });
    expect(collector.ids.size).toBe(100);
  });

  test.each(['start', 'spawn'] as const)(
    'a collector by %s that is stopped as soon as records are stored tells their sender first',
    async (how) => {
      const collector = await TestCollector[how]({ identity: 'body' });
      opened.push(() => collector.stop());
      const sent = send(exporterTo(collector), records(5));
      await collector.received(5);
      await collector.stop();
      expect((await sent).code).toBe(ExportResultCode.SUCCESS);
    },
  );

  test('a collector is killed, refuses, comes back on the same port and goes on counting', async () => {
    const collector = await TestCollector.spawn({ keep: 'records' });
    opened.push(() => collector.stop());
    const exporter = exporterTo(collector, { timeoutMillis: 500 });
    expect((await send(exporter, records(10))).code).toBe(ExportResultCode.SUCCESS);
    await collector.until((now) => now.acknowledged === 10);
    await collector.kill();
    expect((await send(exporter, records(10))).code).toBe(ExportResultCode.FAILED);
    await expect(collector.become({ latencyMillis: 1 })).rejects.toThrow();
    await collector.restart();
    expect((await send(exporter, records(10, 10))).code).toBe(ExportResultCode.SUCCESS);
    const stats = await collector.until((now) => now.acknowledged === 20);
    expect(stats).toMatchObject({ requests: 2, records: 20, answers: { 200: 2 } });
    expect(collector.records.map((record) => record.attributes.n)).toEqual(records(20).map((_, n) => n));
  });

  test('a collector in a child process obeys like the one in this process', async () => {
    const collector = await TestCollector.spawn();
    opened.push(() => collector.stop());
    const exporter = exporterTo(collector, { timeoutMillis: 500 });
    await collector.script({ kind: 'status', status: 401 });
    expect((await send(exporter, records(1))).error).toMatchObject({ code: 401 });
    await collector.become({ reply: { kind: 'status', status: 500 } });
    expect((await send(exporter, records(1))).error).toMatchObject({ code: 500 });
    await collector.become('dead');
    await expect(post(collector, oneRecord)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await collector.become('well');
    await collector.become('well');
    expect((await send(exporter, records(1))).code).toBe(ExportResultCode.SUCCESS);
  });
});
