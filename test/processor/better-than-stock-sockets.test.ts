/** Where BatchLogRecordProcessor fails together with the official exporter: both processors against the same real collector. */

import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ScriptedReply, TestCollector } from '../../src/testing/index.ts';
import { runToEnd } from '../support/child-run.ts';
import { httpExporter } from '../support/http-exporters.ts';
import { expectReceived, LivePipeline } from '../support/live-pipeline.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';

const RECORDS = 64;
/** The exporter's default: time enough for retries of its own, had it wanted to make any. */
const EXPORTER_MILLIS = 10_000;

/** Emits one batch through the stock processor and flushes it. Resolves with what the collector has then. */
async function throughStock(collector: TestCollector, bodies: readonly unknown[]): Promise<number> {
  const exporter = httpExporter('json', collector.logsUrl, EXPORTER_MILLIS);
  const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
  onTestFinished(() => provider.shutdown());
  const logger = provider.getLogger('test');
  for (const body of bodies) logger.emit({ body: body as string });
  await provider.forceFlush();
  return collector.account().records;
}

const numbered = Array.from({ length: RECORDS }, (_, index) => String(index));

describe('a batch that is answered once with', () => {
  test.each<[string, ScriptedReply]>([
    ['503 and Retry-After: 30', { kind: 'status', status: 503, retryAfterSeconds: 30 }],
    ['500', { kind: 'status', status: 500 }],
    ['408', { kind: 'status', status: 408 }],
    ['401', { kind: 'status', status: 401 }],
  ])(
    'a batch that is answered once with %s is lost with stock, and arrives with ours',
    async (_, refusal) => {
      const collector = await collectorWith();
      await collector.script(refusal);
      const startedAt = performance.now();
      expect(await throughStock(collector, numbered)).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(1_000);

      await collector.script(refusal);
      const exporter = httpExporter('json', collector.logsUrl, EXPORTER_MILLIS);
      const pipeline = new LivePipeline({ exporter });
      pipeline.emit(RECORDS);
      await pipeline.settled();
      expect(pipeline.stats).toMatchObject({ exported: RECORDS, exports: { attempts: 2, failures: 1 } });
      expectReceived(collector.ids, { to: RECORDS });
    },
  );
});

test('a batch over the collector’s limit is lost with stock, and arrives in pieces with ours', async () => {
  const collector = await collectorWith({ maxRecords: RECORDS / 2 });
  expect(await throughStock(collector, numbered)).toBe(0);
  const pipeline = new LivePipeline({ exporter: httpExporter('json', collector.logsUrl, EXPORTER_MILLIS) });
  pipeline.emit(RECORDS);
  await pipeline.settled();
  expect(pipeline.stats).toMatchObject({ exported: RECORDS, exports: { attempts: 3, failures: 1 } });
  expectReceived(collector.ids, { to: RECORDS });
});

test('one record that cannot be serialised takes its batch along with stock; with ours it arrives too', async () => {
  const collector = await collectorWith();
  const circular: Record<string, unknown> = { name: 'circular' };
  circular.self = circular;
  expect(await throughStock(collector, [...numbered.slice(1), circular])).toBe(0);

  const pipeline = new LivePipeline({ exporter: httpExporter('json', collector.logsUrl, EXPORTER_MILLIS) });
  const provider = new LoggerProvider({ processors: [pipeline.processor] });
  provider.getLogger('test').emit({ body: circular as never });
  pipeline.emit(RECORDS - 1);
  await pipeline.settled();
  expect(pipeline.stats.exported).toBe(RECORDS);
  expect(collector.ids.get('{"name":"circular","self":"[circular]"}')).toBe(1);
  expect(collector.account().records).toBe(RECORDS);
});

test('a partial success cannot be seen behind an official exporter: to both it is a success', async () => {
  const collector = await collectorWith();
  const partial: ScriptedReply = { kind: 'partial', rejected: 10, message: 'too old' };
  await collector.script(partial, partial);
  expect(await throughStock(collector, numbered)).toBe(RECORDS - 10);

  const pipeline = new LivePipeline({ exporter: httpExporter('json', collector.logsUrl, EXPORTER_MILLIS) });
  pipeline.emit(RECORDS);
  await pipeline.settled();
  expect(pipeline.stats).toMatchObject({ exported: RECORDS, dropped: { rejected: 0 } });
  expect(collector.account().records).toBe((RECORDS - 10) * 2);
});

test('what is left in the queue when a process ends is lost with stock, and arrives with ours', async () => {
  const collector = await collectorWith();
  await runToEnd('ending', 'emits and ends, with the stock processor', collector.logsUrl);
  // Two full batches of 100 left by themselves; the last half of one would have waited for company.
  expect(collector.account().records).toBe(200);

  const ours = await collectorWith();
  await runToEnd('ending', 'emits and ends', ours.logsUrl);
  expectReceived(ours.ids, { to: 250 });
});
