/** SpillwayOtlpLogExporter as any LogRecordExporter is used: behind the stock processors of both generations, and called by hand. */

import { diag } from '@opentelemetry/api';
import * as sdk3 from '@opentelemetry/sdk-logs';
import * as sdk2xx from 'sdk-logs-0.2xx';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { type OtlpLogExporterOptions, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { diagLines } from '../support/diag-lines.ts';
import { startSink } from '../support/http-sink.ts';
import { expectReceived } from '../support/live-pipeline.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';
import { record } from '../support/records.ts';
import { until } from '../support/until.ts';

type Sdk = Pick<
  typeof sdk3,
  'LoggerProvider' | 'InMemoryLogRecordExporter' | 'SimpleLogRecordProcessor' | 'BatchLogRecordProcessor'
>;
type ExportResult = Parameters<Parameters<SpillwayOtlpLogExporter['export']>[1]>[0];
type Target = { readonly logsUrl: string };

const SUCCESS = { code: 0 };
const FAILED = 1;

const generations: [name: string, sdk: Sdk][] = [
  ['sdk-logs 3.x', sdk3],
  ['sdk-logs 0.2xx', sdk2xx as unknown as Sdk],
];
const processors = ['BatchLogRecordProcessor', 'SimpleLogRecordProcessor'] as const;

afterEach(() => diag.disable());

function exporterTo({ logsUrl }: Target, options: OtlpLogExporterOptions = {}): SpillwayOtlpLogExporter {
  const exporter = new SpillwayOtlpLogExporter({ url: logsUrl, ...options });
  onTestFinished(() => exporter.shutdown());
  return exporter;
}

/** Records whose bodies are numbered from `from` on. */
function records(count: number, from = 0) {
  return Array.from({ length: count }, (_, index) => record({ body: String(from + index) }));
}

function exported(exporter: SpillwayOtlpLogExporter, batch = records(3)): Promise<ExportResult> {
  return new Promise((resolve) => exporter.export(batch, resolve));
}

describe.each(generations)('%s', (generation, sdk) => {
  describe.each(processors)('%s', (processor) => {
    function loggerTo(exporter: SpillwayOtlpLogExporter) {
      const provider = new sdk.LoggerProvider({ processors: [new sdk[processor]({ exporter })] });
      onTestFinished(() => provider.shutdown());
      const logger = provider.getLogger('test');
      let emitted = 0;
      const emit = (count: number) => {
        for (let index = 0; index < count; index++) logger.emit({ body: String(emitted++) });
        return emitted;
      };
      return { provider, emit };
    }

    test(`an exporter behind a ${processor} of ${generation} delivers each record once, and the flush waits for it`, async () => {
      const collector = await collectorWith({ latencyMillis: 10 });
      const exporter = exporterTo(collector);
      const { provider, emit } = loggerTo(exporter);
      const emitted = emit(200);
      await provider.forceFlush();
      await exporter.forceFlush();
      expectReceived(collector.ids, { to: emitted });
    });

    test(`an exporter behind a ${processor} of ${generation} reports a refusal after one attempt and goes on`, async () => {
      const lines = diagLines();
      const collector = await collectorWith();
      await collector.script({ kind: 'status', status: 503, message: 'not today' });
      const exporter = exporterTo(collector);
      const { provider, emit } = loggerTo(exporter);
      emit(1);
      await provider.forceFlush();
      await exporter.forceFlush();
      await until(() => lines.length > 0, 'a report of the failure');
      expect(lines.join()).toContain(`HTTP 503 Service Unavailable from ${collector.logsUrl}: not today`);
      expect(lines.join()).toContain('"code":"503"');
      const emitted = emit(1);
      await provider.forceFlush();
      await exporter.forceFlush();
      expectReceived(collector.ids, { from: 1, to: emitted });
      expect(collector.account().requests).toBe(2);
    });

    test(`an exporter is shut down with its ${processor} of ${generation} after everything emitted has arrived`, async () => {
      const collector = await collectorWith({ latencyMillis: 20 });
      const { provider, emit } = loggerTo(exporterTo(collector));
      const emitted = emit(20);
      await provider.shutdown();
      expectReceived(collector.ids, { to: emitted });
      emit(1);
      expect(collector.ids.size).toBe(emitted);
    });
  });
});

describe('failed exports', () => {
  test.each([301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504])(
    'a failed export has the status %i as the code of its error',
    async (status) => {
      const collector = await collectorWith({ reply: { kind: 'status', status, message: 'not today' } });
      const result = await exported(exporterTo(collector));
      expect(result).toMatchObject({ code: FAILED, error: { code: status } });
      expect(result.error).toBeInstanceOf(Error);
      expect(result.error?.message).toContain('not today');
      // Whoever calls it decides what is tried again.
      expect(collector.account().requests).toBe(1);
    },
  );

  test('a failed export has the code of the network error', async () => {
    const collector = await collectorWith();
    await collector.become('dead');
    expect(await exported(exporterTo(collector))).toMatchObject({
      code: FAILED,
      error: { code: 'ECONNREFUSED' },
    });
  });

  test('an export that runs into its timeout says so and closes the connection', async () => {
    const collector = await collectorWith({ reply: { kind: 'hang' } });
    expect(await exported(exporterTo(collector, { timeoutMillis: 50 }))).toMatchObject({
      code: FAILED,
      error: { code: 'ETIMEDOUT' },
    });
    await collector.until(({ concurrentRequests }) => concurrentRequests === 0);
  });

  test('a failed export does not affect the next one', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'reset', at: 'before-response' }, { kind: 'status', status: 500 });
    const exporter = exporterTo(collector);
    const results = [await exported(exporter), await exported(exporter), await exported(exporter)];
    expect(results.map(({ code }) => code)).toEqual([FAILED, FAILED, 0]);
    expectReceived(collector.ids, { to: 3 });
  });
});

describe('partial successes', () => {
  test('a partial success makes the export succeed, and the rejected records are reported with the reason', async () => {
    const lines = diagLines();
    const collector = await collectorWith();
    await collector.script({ kind: 'partial', rejected: 2, message: 'no room for two' });
    expect(await exported(exporterTo(collector))).toEqual(SUCCESS);
    expect(lines).toEqual([expect.stringMatching(/2 .*: no room for two/)]);
  });

  test('a partial success makes the export succeed even if the diag logger throws', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'partial', rejected: 2 });
    const exporter = exporterTo(collector);
    const warn = () => {
      throw new Error('the logger of a test');
    };
    diag.setLogger({ error() {}, warn, info() {}, debug() {}, verbose() {} });
    expect(await exported(exporter)).toEqual(SUCCESS);
  });

  test('a partial success that rejected nothing is reported as well', async () => {
    const lines = diagLines();
    const collector = await collectorWith();
    await collector.script({ kind: 'partial', rejected: 0, message: 'x is deprecated' });
    const exporter = exporterTo(collector);
    expect(await exported(exporter)).toEqual(SUCCESS);
    expect(lines).toEqual([expect.stringContaining('x is deprecated')]);
    await exported(exporter);
    expect(lines).toHaveLength(1);
  });
});

describe('exports', () => {
  test('concurrent exports all succeed over no more connections than concurrencyLimit', async () => {
    const collector = await collectorWith({ latencyMillis: 10 });
    const exporter = exporterTo(collector, { concurrencyLimit: 3 });
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) => exported(exporter, records(10, index * 10))),
    );
    expect(results).toEqual(results.map(() => SUCCESS));
    expectReceived(collector.ids, { to: 120 });
    expect(collector.account()).toMatchObject({ requests: 12, peakConcurrentRequests: 3 });
    expect(collector.account().connections).toBe(3);
  });

  test('an export sends the records as they were when it was called', async () => {
    const collector = await collectorWith({ keep: 'records' });
    const attributes = { step: 'before' };
    const result = exported(exporterTo(collector), [record({ body: 'one', attributes })]);
    attributes.step = 'after';
    expect(await result).toEqual(SUCCESS);
    expect(collector.records).toMatchObject([{ body: 'one', attributes: { step: 'before' } }]);
  });

  test('a value that cannot be read costs an export that value and none of the other records', async () => {
    const collector = await collectorWith({ keep: 'records' });
    const hostile = {
      get trap() {
        throw new Error('a trap');
      },
    };
    const batch = [...records(2), record({ body: 'odd', attributes: { hostile } })];
    expect(await exported(exporterTo(collector), batch)).toEqual(SUCCESS);
    expect(collector.records.map(({ body }) => body)).toEqual(['0', '1', 'odd']);
  });

  test('an export of no records is a success', async () => {
    const collector = await collectorWith();
    expect(await exported(exporterTo(collector), [])).toEqual(SUCCESS);
    expect(collector.account().records).toBe(0);
  });
});

describe('forceFlush', () => {
  test('forceFlush waits for every export begun before it, successful or not', async () => {
    const collector = await collectorWith({ latencyMillis: 30 });
    await collector.script({ kind: 'accept' }, { kind: 'status', status: 500 });
    const exporter = exporterTo(collector);
    const codes: number[] = [];
    for (const batch of [records(1), records(1, 1)]) exporter.export(batch, ({ code }) => codes.push(code));
    await exporter.forceFlush();
    expect(codes.sort()).toEqual([0, FAILED]);
  });

  test('forceFlush resolves when nothing is under way', async () => {
    await expect(exporterTo(await collectorWith()).forceFlush()).resolves.toBeUndefined();
  });

  test('forceFlush is not stopped by a callback that throws, which is reported', async () => {
    const lines = diagLines();
    const collector = await collectorWith();
    const exporter = exporterTo(collector);
    exporter.export(records(1), () => {
      throw new Error('the callback of a test');
    });
    await exporter.forceFlush();
    expect(lines).toEqual([expect.stringContaining('the callback of a test')]);
    expect(await exported(exporter, records(1, 1))).toEqual(SUCCESS);
    expectReceived(collector.ids, { to: 2 });
  });
});

describe('shutdown', () => {
  test('shutdown waits for exports under way and then closes the connections', async () => {
    const sink = await startSink();
    sink.answer = (response) => void setTimeout(() => response.end(), 30);
    const exporter = exporterTo({ logsUrl: `${sink.origin}/v1/logs` });
    const result = exported(exporter);
    await exporter.shutdown();
    expect(await result).toEqual(SUCCESS);
    await until(() => sink.sockets.size === 0, 'every connection is closed');
    expect(sink.connections).toBe(1);
  });

  test('an export after the shutdown fails without a request', async () => {
    const collector = await collectorWith();
    const exporter = exporterTo(collector);
    await exporter.shutdown();
    expect(await exported(exporter)).toMatchObject({
      code: FAILED,
      error: { code: 'ERR_SPILLWAY_SHUTDOWN' },
    });
    await exporter.forceFlush();
    expect(collector.account().requests).toBe(0);
  });

  test('shutdown can be called again, concurrently or later', async () => {
    const exporter = exporterTo(await collectorWith());
    await exported(exporter);
    await expect(Promise.all([exporter.shutdown(), exporter.shutdown()])).resolves.toEqual([
      undefined,
      undefined,
    ]);
    await expect(exporter.shutdown()).resolves.toBeUndefined();
  });
});
