/** What records look like that have passed the OTLP adapter, and where they go when nobody says so. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import * as sdk3 from '@opentelemetry/sdk-logs';
import { OTLPLogExporter as OTLPLogExporterOf2xx } from 'exporter-logs-otlp-http-0.2xx';
import * as sdk2xx from 'sdk-logs-0.2xx';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SpillwayLogRecordProcessor } from '../../src/index.ts';
import { diagLines } from '../support/diag-lines.ts';
import { everyField } from '../support/every-field.ts';
import { startSink } from '../support/http-sink.ts';
import {
  accountedFor,
  collectorWith,
  loggerTo,
  ManualPipeline,
  processorTo,
} from '../support/otlp-pipeline.ts';
import { expectLaw } from '../support/records.ts';

const require = createRequire(import.meta.url);

afterEach(() => vi.unstubAllEnvs());

describe('records', () => {
  test('records of several resources and scopes keep theirs, wherever their batches are split', async () => {
    const collector = await collectorWith({ keep: 'records', maxRecords: 5 });
    const processor = processorTo(collector, { maxExportBatchSize: 23 });
    const envelopes = ['shop', 'bank'].flatMap((service) => {
      const resource = resourceFromAttributes({ 'service.name': service });
      const provider = new sdk3.LoggerProvider({ resource, processors: [processor] });
      return ['orders', 'payments', 'users'].map((scope) => ({
        service,
        scope,
        logger: provider.getLogger(scope),
      }));
    });
    const expected = Array.from({ length: 300 }, (_, index) => {
      // In runs and in turns.
      const source = envelopes[
        (index * (index % 100 < 50 ? 1 : 7)) % envelopes.length
      ] as (typeof envelopes)[number];
      source.logger.emit({ body: index });
      return { body: index, scope: source.scope, resource: { 'service.name': source.service } };
    });
    await processor.forceFlush();
    const received = collector.records.map(({ body, scope, resource }) => ({
      body,
      scope: scope.name,
      resource,
    }));
    expect(received.sort((a, b) => Number(a.body) - Number(b.body))).toEqual(expected);
    expect(collector.account().answers[413]).toBeGreaterThan(0);
    expectLaw(processor.stats());
  });

  test('records of a resource whose attributes resolve late arrive with all of them', async () => {
    const collector = await collectorWith({ keep: 'records' });
    const processor = processorTo(collector, { scheduledDelayMillis: 0 });
    const resource = resourceFromAttributes({ 'service.name': 'shop', 'host.id': sleep(50, 'i-1') });
    const logger = new sdk3.LoggerProvider({ resource, processors: [processor] }).getLogger('test');
    logger.emit({ body: 'early' });
    await processor.forceFlush();
    logger.emit({ body: 'late' });
    await processor.forceFlush();
    expect(collector.records.map(({ body, resource }) => [body, resource])).toEqual([
      ['early', { 'service.name': 'shop', 'host.id': 'i-1' }],
      ['late', { 'service.name': 'shop', 'host.id': 'i-1' }],
    ]);
  });

  test('records of a resource whose attributes never resolve arrive after five seconds without them', async () => {
    const collector = await collectorWith({ keep: 'records' });
    const pipeline = new ManualPipeline(collector, { scheduledDelayMillis: 0 });
    const resource = {
      attributes: { 'service.name': 'shop' },
      asyncAttributesPending: true,
      waitForAsyncAttributes: () => new Promise(() => {}),
    };
    pipeline.emit(1, { resource });
    await pipeline.clock.advance(4_999);
    expect(pipeline.stats.inFlight.records).toBe(1);
    expect(collector.account().requests).toBe(0);
    await pipeline.clock.advance(1);
    await pipeline.until(({ exported }) => exported === 1);
    expect(collector.records[0]?.resource).toEqual({ 'service.name': 'shop' });
  });

  test('records arrive as they were logged, whatever the application changes in body and attributes afterwards', async () => {
    const collector = await collectorWith({ keep: 'records' });
    const processor = processorTo(collector);
    const body = { step: 'before', list: [1], bytes: new Uint8Array([1, 2]) };
    const attributes: Record<string, unknown> = { step: 'before', map: { list: [1] } };
    loggerTo(processor).emit({ body, attributes: attributes as never });
    body.step = 'after';
    body.list.push(2);
    body.bytes[0] = 9;
    attributes.step = 'after';
    (attributes.map as { list: number[] }).list.push(2);
    attributes.more = true;
    await processor.forceFlush();
    expect(collector.records).toMatchObject([
      {
        body: { step: 'before', list: [1], bytes: Buffer.from([1, 2]) },
        attributes: { step: 'before', map: { list: [1] } },
      },
    ]);
    expect(collector.records[0]?.attributes).not.toHaveProperty('more');
  });

  test.each<[string, typeof resourceFromAttributes]>([
    ['3.x', resourceFromAttributes],
    [
      '2.x',
      createRequire(require.resolve('sdk-logs-0.2xx'))('@opentelemetry/resources').resourceFromAttributes,
    ],
  ])(
    'the attributes of a pending resource of @opentelemetry/resources %s are read without a message',
    async (_, from) => {
      const lines = diagLines();
      const collector = await collectorWith({ keep: 'records' });
      const { promise, resolve } = Promise.withResolvers<string>();
      const exporter = new sdk3.InMemoryLogRecordExporter();
      const directory = mkdtempSync(join(tmpdir(), 'otel-spillway-'));
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
      const processors = [
        processorTo(collector),
        ...[false as const, { directory, mode: 'always' as const }].map((spool) =>
          accountedFor(new SpillwayLogRecordProcessor({ exporter, memoryLimit: false, spool })),
        ),
      ];
      const provider = new sdk3.LoggerProvider({
        resource: from({ 'service.name': 'shop', 'host.id': promise }).merge(
          from({ 'service.name': 'overridden', 'host.name': 'h' }),
        ),
        processors,
      });
      provider.getLogger('test').emit({ body: 'early' });
      for (const processor of processors) expect(processor.stats().offered).toBe(1);
      resolve('i-1');
      await provider.forceFlush();
      expect(lines).toEqual([]);
      const resource = { 'service.name': 'overridden', 'host.name': 'h', 'host.id': 'i-1' };
      expect(collector.records[0]?.resource).toEqual(resource);
      const exported = exporter.getFinishedLogRecords().map((item) => item.resource.attributes);
      expect(exported).toEqual([resource, resource]);
    },
  );

  type Sdk = Pick<typeof sdk3, 'LoggerProvider' | 'BatchLogRecordProcessor'>;
  test.each<[string, Sdk, (url: string) => sdk3.LogRecordExporter]>([
    ['3.x', sdk3, (url) => new OTLPLogExporter({ url })],
    [
      '0.2xx',
      sdk2xx as unknown as Sdk,
      (url) => new OTLPLogExporterOf2xx({ url }) as unknown as sdk3.LogRecordExporter,
    ],
  ])(
    'records of sdk-logs %s arrive equal to those of the official exporter',
    async (_, sdk, officialExporter) => {
      const [theirs, ours] = [
        await collectorWith({ keep: 'records' }),
        await collectorWith({ keep: 'records' }),
      ];
      const processor = processorTo(ours);
      const provider = new sdk.LoggerProvider({
        resource: resourceFromAttributes({
          'service.name': 'shop',
          'process.pid': 7,
          'process.command_args': ['a', 'b'],
        }),
        logRecordLimits: { attributeCountLimit: 12, attributeValueLengthLimit: 64 },
        processors: [
          new sdk.BatchLogRecordProcessor({ exporter: officialExporter(theirs.logsUrl) }),
          processor as never,
        ],
      });
      onTestFinished(() => provider.shutdown());
      const loggers = [
        provider.getLogger('orders', '1.2.3', { schemaUrl: 'https://example.com/schema' }),
        provider.getLogger('payments'),
      ];
      for (const record of everyField) for (const logger of loggers) logger.emit(record);
      await provider.forceFlush();
      expect(ours.records).toHaveLength(everyField.length * 2);
      expect(ours.records).toEqual(theirs.records);
      expect(ours.account().encodings).toEqual({ 'application/x-protobuf': 1 });
    },
  );
});

describe('defaults', () => {
  test('records go where OTEL_EXPORTER_OTLP_ENDPOINT points if there are no options', async () => {
    const collector = await collectorWith();
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url);
    vi.stubEnv('OTEL_EXPORTER_OTLP_COMPRESSION', 'gzip');
    const processor = accountedFor(new SpillwayLogRecordProcessor());
    loggerTo(processor).emit({ body: 'by default' });
    await processor.forceFlush();
    expect([...collector.ids.keys()]).toEqual(['by default']);
    expect(collector.account().encodings).toEqual({ 'application/x-protobuf, gzip': 1 });
  });

  test('headers for logs in the environment are sent if there are no options', async () => {
    const sink = await startSink();
    vi.stubEnv('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', `${sink.origin}/tenant/logs`);
    vi.stubEnv('OTEL_EXPORTER_OTLP_LOGS_HEADERS', 'x-tenant=a%20b');
    const processor = accountedFor(new SpillwayLogRecordProcessor());
    loggerTo(processor).emit({ body: 'by default' });
    await processor.forceFlush();
    expect(sink.requests).toMatchObject([{ path: '/tenant/logs', headers: { 'x-tenant': 'a b' } }]);
  });
});
