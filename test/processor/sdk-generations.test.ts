/** The processor in the LoggerProvider of each generation in use: it must make no difference which one that is. */

import { setTimeout as sleep } from 'node:timers/promises';
import { context, logs, SeverityNumber } from '@opentelemetry/api';
import { logs as logsOf2xx } from '@opentelemetry/api-logs';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import * as sdk3 from '@opentelemetry/sdk-logs';
import { OTLPLogExporter as OTLPLogExporterOf2xx } from 'exporter-logs-otlp-http-0.2xx';
import * as sdk2xx from 'sdk-logs-0.2xx';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { AnyLogRecordExporter, DropEvent, DropReason } from '../../src/index.ts';
import { SpillwayLogRecordProcessor } from '../../src/index.ts';
import { TestCollector } from '../../src/testing/index.ts';
import { everyField, FIELDS } from '../support/every-field.ts';
import { IMPATIENT_MILLIS } from '../support/http-exporters.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { expectLaw } from '../support/records.ts';

type Sdk = Pick<
  typeof sdk3,
  'LoggerProvider' | 'InMemoryLogRecordExporter' | 'SimpleLogRecordProcessor' | 'BatchLogRecordProcessor'
>;

interface Generation {
  readonly name: string;
  readonly sdk: Sdk;
  readonly otlpExporter: (url: string, timeoutMillis?: number) => AnyLogRecordExporter;
  readonly logs: typeof logs;
}

/** The types of the two differ in names and in `unknown`; what is used of them here does not. */
const generations: Generation[] = [
  {
    name: 'sdk-logs 3.x',
    sdk: sdk3,
    otlpExporter: (url, timeoutMillis = 10_000) => new OTLPLogExporter({ url, timeoutMillis }),
    logs,
  },
  {
    name: 'sdk-logs 0.2xx',
    sdk: sdk2xx as unknown as Sdk,
    otlpExporter: (url, timeoutMillis = 10_000) =>
      new OTLPLogExporterOf2xx({ url, timeoutMillis }) as unknown as AnyLogRecordExporter,
    logs: logsOf2xx as unknown as typeof logs,
  },
];

afterEach(() => {
  logs.disable();
  logsOf2xx.disable();
  context.disable();
});

describe.each(generations)('$name', ({ sdk, otlpExporter, logs: logsApi }) => {
  type Options = Partial<ConstructorParameters<typeof SpillwayLogRecordProcessor>[0]>;

  /** Ours beside stock processors in one provider, so that both get the same records. */
  function pipeline(
    exporter: AnyLogRecordExporter,
    options: Options = {},
    ...stock: sdk3.LogRecordProcessor[]
  ) {
    const processor = new SpillwayLogRecordProcessor({ exporter, memoryLimit: false, ...options });
    const provider = new sdk.LoggerProvider({
      // As a detector that asks the cloud provider: known some time after the first records.
      resource: resourceFromAttributes({ 'service.name': 'shop', 'host.id': sleep(20, 'i-1') }),
      logRecordLimits: { attributeCountLimit: 12, attributeValueLengthLimit: 64 },
      processors: [...stock, processor],
    });
    onTestFinished(async () => {
      await provider.shutdown();
      expectLaw(processor.stats());
    });
    return { processor, provider };
  }

  async function collector() {
    const started = await TestCollector.start({ identity: 'body' });
    onTestFinished(() => started.stop());
    return started;
  }

  function emitAll(provider: Pick<typeof logs, 'getLogger'>): void {
    const loggers = [
      provider.getLogger('orders', '1.2.3', { schemaUrl: 'https://example.com/schema' }),
      provider.getLogger('payments'),
    ];
    for (const record of everyField) for (const logger of loggers) logger.emit(record);
  }

  /** A snapshot has null for an attribute that is undefined: both are the empty value, and the disk gives back null. */
  function withNulls(attributes: object): object {
    return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, value ?? null]));
  }

  test('records reach an exporter equal in every field to those of the stock processor', async () => {
    const [theirs, ours] = [new sdk.InMemoryLogRecordExporter(), new sdk.InMemoryLogRecordExporter()];
    const simple = new sdk.SimpleLogRecordProcessor({ exporter: theirs });
    const { processor, provider } = pipeline(ours, {}, simple);
    emitAll(provider);
    await provider.forceFlush();
    const [expected, actual] = [theirs.getFinishedLogRecords(), ours.getFinishedLogRecords()];
    expect(actual).toHaveLength(everyField.length * 2);
    expect(expected).toHaveLength(everyField.length * 2);
    for (const [index, record] of actual.entries()) {
      for (const field of FIELDS) {
        const theirField = expected[index]?.[field];
        expect(record[field], `${field} of record ${index}`).toEqual(
          field === 'attributes' ? withNulls(theirField as object) : theirField,
        );
      }
      // Serialisers group by identity.
      expect(record.resource).toBe(expected[index]?.resource);
      expect(record.instrumentationScope).toBe(expected[index]?.instrumentationScope);
    }
    expect(actual.at(-1)?.droppedAttributesCount).toBe(8);
    expect(processor.stats()).toMatchObject({ offered: actual.length, exported: actual.length });
  });

  test('records reach a collector over OTLP/HTTP as those of the stock processor do', async () => {
    const [theirs, ours] = [await collector(), await collector()];
    const batch = new sdk.BatchLogRecordProcessor({ exporter: otlpExporter(theirs.logsUrl) as never });
    const { processor, provider } = pipeline(otlpExporter(ours.logsUrl), {}, batch);
    emitAll(provider);
    await provider.forceFlush();
    expect(ours.records).toHaveLength(everyField.length * 2);
    expect(ours.records).toEqual(theirs.records);
    expect(ours.records[0]?.resource).toMatchObject({ 'service.name': 'shop', 'host.id': 'i-1' });
    expect(processor.stats()).toMatchObject({ exported: everyField.length * 2, exports: { attempts: 1 } });
  });

  test('what the application changes after emit does not change what is delivered', async () => {
    const exporter = new sdk.InMemoryLogRecordExporter();
    const { provider } = pipeline(exporter);
    const body = { step: 'before', list: [1] };
    const attributes = { step: 'before', map: { list: [1] } };
    provider.getLogger('test').emit({ body, attributes });
    body.step = 'after';
    body.list.push(2);
    attributes.step = 'after';
    attributes.map.list.push(2);
    await provider.forceFlush();
    const [record] = exporter.getFinishedLogRecords();
    expect(record?.body).toEqual({ step: 'before', list: [1] });
    expect(record?.attributes).toEqual({ step: 'before', map: { list: [1] } });
  });

  test.each([Symbol('severity'), { valueOf: () => Symbol('severity') }, () => 9, 9n, 'INFO'])(
    'logging with %s as the severity does not throw, and the record is accounted for',
    async (severityNumber) => {
      const exporter = new sdk.InMemoryLogRecordExporter();
      const processor = new SpillwayLogRecordProcessor({
        exporter,
        protectSeverity: SeverityNumber.ERROR,
        shed: { above: 0 },
        gapMarker: false,
      });
      const logger = new sdk.LoggerProvider({ processors: [processor] }).getLogger('test');
      logger.emit({ body: 'odd', severityNumber: severityNumber as never });
      logger.emit({ body: 'after it', severityNumber: SeverityNumber.ERROR });
      await processor.shutdown();
      const stats = processor.stats();
      expectLaw(stats);
      expect(stats.offered).toBe(2);
      expect(stats.exported + stats.dropped.unserializable).toBe(2);
    },
  );

  test('the provider registered in the logs API of its generation gets what loggers from there emit', async () => {
    const { logsUrl, ids } = await collector();
    const { provider } = pipeline(otlpExporter(logsUrl));
    logsApi.setGlobalLoggerProvider(provider);
    const logger = logsApi.getLogger('test');
    for (let index = 0; index < 1_000; index++) logger.emit({ body: `record ${index}` });
    await provider.forceFlush();
    expect([...ids.keys()]).toEqual(Array.from({ length: 1_000 }, (_, index) => `record ${index}`));
    expect(new Set(ids.values())).toEqual(new Set([1]));
  });

  test('shutdown of the provider includes the flush; what is emitted after it the SDK itself discards', async () => {
    const { logsUrl, ids } = await collector();
    const { processor, provider } = pipeline(otlpExporter(logsUrl));
    const logger = provider.getLogger('test');
    logger.emit({ body: 'before' });
    await provider.shutdown();
    logger.emit({ body: 'after' });
    expect([...ids.keys()]).toEqual(['before']);
    expect(processor.stats()).toMatchObject({ offered: 1, exported: 1 });
    expect(processor.health().status).toBe('ok');
  });

  test('a collector that is gone loses nothing while it is: the records wait, and arrive when it is back', async () => {
    const target = await collector();
    const retry = { initialDelayMillis: 5, maxDelayMillis: 20 };
    const exporter = otlpExporter(target.logsUrl, IMPATIENT_MILLIS);
    const { processor, provider } = pipeline(exporter, { retry, breaker: false });
    await target.become('dead');
    const logger = provider.getLogger('test');
    for (let index = 0; index < 100; index++) logger.emit({ body: `record ${index}` });
    await expect(processor.forceFlush({ timeoutMillis: 50 })).rejects.toMatchObject({
      // Which of the two depends on whether the next attempt would have been in time.
      code: expect.stringMatching(/^ERR_SPILLWAY_(FLUSH_TIMEOUT|UNAVAILABLE)$/),
    });
    expectLaw(processor.stats());
    await target.become('well');
    await provider.forceFlush();
    expect(target.ids.size).toBe(100);
    expect(processor.stats()).toMatchObject({ exported: 100, offered: 100 });
  });

  test('enabled() of a logger is true, whatever would be refused, so that it can be counted', async () => {
    const { provider, processor } = pipeline(new sdk.InMemoryLogRecordExporter(), {
      maxQueueSize: 1,
      shed: { above: 0, belowSeverity: SeverityNumber.INFO },
    });
    const logger = provider.getLogger('test');
    logger.emit({ severityNumber: SeverityNumber.INFO });
    expect(logger.enabled({ severityNumber: SeverityNumber.DEBUG })).toBe(true);
    await processor.shutdown();
    expect(logger.enabled({ severityNumber: SeverityNumber.DEBUG })).toBe(true);
    expect(processor.enabled()).toBe(true);
  });

  describe('what is refused is offered and dropped with its reason, told to onDrop and in the log', () => {
    const SECOND = 1_000;
    const situations: [DropReason, Options, (stage: Stage) => Promise<unknown> | undefined, number][] = [
      [
        'shed',
        { maxQueueSize: 10, shed: { above: 0.1, belowSeverity: SeverityNumber.ERROR } },
        ({ emit }) => void emit(2, SeverityNumber.ERROR),
        SeverityNumber.WARN,
      ],
      [
        'memory_limit',
        { memoryLimit: { softRatio: 0.8, hardRatio: 0.9 } },
        (stage) => {
          stage.memoryUseRatio = 0.95;
          return stage.clock.advance(SECOND);
        },
        SeverityNumber.ERROR,
      ],
      [
        'already_shutdown',
        {},
        ({ clock, processor }) => Promise.all([processor.shutdown(), clock.advance(SECOND)]),
        SeverityNumber.ERROR,
      ],
    ];

    interface Stage {
      readonly processor: SpillwayLogRecordProcessor;
      readonly clock: ManualClock;
      memoryUseRatio: number;
      emit(count: number, severityNumber: SeverityNumber): void;
    }

    test.each(situations)(
      'a record that is refused as %s is offered and dropped with its reason, reported to onDrop and in the log',
      async (reason, options, refuse, severityNumber) => {
        const exporter = new sdk.InMemoryLogRecordExporter();
        const told: DropEvent[] = [];
        const clock = new ManualClock();
        const onDrop = (event: DropEvent) => told.push(event);
        const processor = new SpillwayLogRecordProcessor(
          { exporter, memoryLimit: false, onDrop, ...options },
          { clock, memoryUseRatio: () => stage.memoryUseRatio },
        );
        const provider = new sdk.LoggerProvider({ processors: [processor] });
        const logger = provider.getLogger('test');
        const emit = (count: number, severityNumber: SeverityNumber) => {
          for (let index = 0; index < count; index++) logger.emit({ body: index, severityNumber });
        };
        const stage: Stage = { processor, clock, memoryUseRatio: 0, emit };
        emit(1, SeverityNumber.INFO);
        await clock.advance(SECOND);
        await refuse(stage);
        const { offered } = processor.stats();
        emit(1_000, severityNumber);
        expectLaw(processor.stats());
        expect(processor.stats().offered).toBe(offered + 1_000);
        expect(processor.stats().dropped).toMatchObject({ [reason]: 1_000 });
        await clock.settle();
        expect(told).toEqual([{ reason, records: 1_000 }]);

        // What comes after the end is no gap in the log.
        if (reason === 'already_shutdown') return;
        stage.memoryUseRatio = 0;
        await clock.advance(11 * SECOND);
        emit(1, SeverityNumber.FATAL);
        await clock.advance(SECOND);
        await clock.advance(SECOND);
        const markers = exporter
          .getFinishedLogRecords()
          .filter(({ eventName }) => eventName === 'spillway.gap');
        expect(markers.map(({ attributes }) => attributes)).toMatchObject([
          { 'spillway.gap.records': 1_000, [`spillway.gap.reason.${reason}`]: 1_000 },
        ]);
        expectLaw(processor.stats());
        await Promise.all([processor.shutdown(), clock.advance(SECOND)]);
      },
    );
  });

  test('what an exporter logs, before its first wait or after it, is dropped as self and feeds no loop', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const memory = new sdk.InMemoryLogRecordExporter();
    const talkative: AnyLogRecordExporter = {
      export: async (records, done) => {
        provider.getLogger('exporter').emit({ body: 'sending' });
        await new Promise(setImmediate);
        provider.getLogger('exporter').emit({ body: 'sent' });
        memory.export(records, done);
      },
      shutdown: () => memory.shutdown(),
    };
    const { provider, processor } = pipeline(talkative, { maxExportBatchSize: 1 });
    const logger = provider.getLogger('test');
    logger.emit({ body: 'one' });
    logger.emit({ body: 'two' });
    await provider.forceFlush();
    expect(memory.getFinishedLogRecords().map(({ body }) => body)).toEqual(['one', 'two']);
    expect(processor.stats()).toMatchObject({ offered: 6, exported: 2, dropped: { self: 4 } });
  });
});
