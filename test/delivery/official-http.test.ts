/** What is special to the official OTLP/HTTP exporters behind the processor: retries and a time of their own. */

import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPLogExporter as OlderExporter } from 'exporter-logs-otlp-http-0.2xx';
import { describe, expect, test } from 'vitest';
import type { SpillwayOptions } from '../../src/index.ts';
import type { Reply, TestCollector } from '../../src/testing/index.ts';
import { httpExporter, IMPATIENT_MILLIS } from '../support/http-exporters.ts';
import { expectReceived, LivePipeline } from '../support/live-pipeline.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';

const BATCH_RECORDS = 64;

function pipelineTo(
  collector: TestCollector,
  options: Partial<SpillwayOptions> = {},
  exporterMillis = IMPATIENT_MILLIS,
): LivePipeline {
  const exporter = httpExporter('protobuf', collector.logsUrl, exporterMillis);
  return new LivePipeline({ exporter, maxExportBatchSize: BATCH_RECORDS, ...options });
}

const retryAfter = (value: string) => ({ headers: { 'retry-after': value } });

interface Refusal extends Omit<Extract<Reply, { kind: 'status' }>, 'kind'> {
  what?: string;
  /** Whether the exporter's own retry, inside its timeout, gets the batch through. */
  retriedByExporter?: boolean;
}

// The exporter's first retry of its own takes at least 0.8 s without Retry-After; it gets two seconds where
// it is meant to succeed.
const refusals: Refusal[] = [
  { status: 503, what: 'a second', retryAfterSeconds: 1, retriedByExporter: true },
  {
    status: 429,
    what: 'a date',
    retryAfterSeconds: 1,
    retryAfterForm: 'date',
    retriedByExporter: true,
  },
  { status: 503, what: '0', retryAfterSeconds: 0, retriedByExporter: true },
  { status: 503, what: 'a negative number', ...retryAfter('-5'), retriedByExporter: true },
  { status: 503, what: 'words', ...retryAfter('later, please'), retriedByExporter: true },
  { status: 429, what: 'one beyond its timeout', retryAfterSeconds: 3_600 },
  { status: 503, what: 'a date beyond its timeout', ...retryAfter('Fri, 01 Jan 2100 00:00:00 GMT') },
];

describe('a batch refused once with a status (and as Retry-After)', () => {
  const named = refusals.map((refusal) => ({
    name: `${refusal.status}${refusal.what ? ` (${refusal.what})` : ''}`,
    refusal,
  }));
  test.each(named)('a batch that is refused once with $name arrives once', async ({ refusal }) => {
    const { what: _, retriedByExporter = false, ...reply } = refusal;
    const collector = await collectorWith();
    await collector.script({ kind: 'status', ...reply });
    const pipeline = pipelineTo(collector, {}, retriedByExporter ? 2_000 : IMPATIENT_MILLIS);
    const emitted = pipeline.emit(BATCH_RECORDS * 2);
    await pipeline.settled();
    expect(pipeline.stats).toMatchObject({
      exported: emitted,
      exports: retriedByExporter ? { attempts: 2, failures: 0 } : { attempts: 3, failures: 1 },
    });
    expectReceived(collector.ids, { to: emitted });
    expect(collector.account().answers).toEqual({ 200: 2, [refusal.status]: 1 });
  });
});

test('an exporter that outlasts exportTimeoutMillis is not called again while it is still at it', async () => {
  const collector = await collectorWith();
  await collector.become({ latencyMillis: 150 });
  const options = { exportTimeoutMillis: 20, maxExportBatchSize: 10, maxConcurrentExports: 1 };
  const pipeline = pipelineTo(collector, options, 2_000);
  const emitted = pipeline.emit(25);
  await pipeline.settled();
  expect(collector.account()).toMatchObject({ requests: 3, peakConcurrentRequests: 1 });
  expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 3, failures: 0 } });
  expectReceived(collector.ids, { to: emitted });
});

test.each([
  ['JSON', JsonExporter],
  ['JSON of 0.2xx', OlderExporter],
  ['protobuf', ProtobufExporter],
])(
  'requests of the official exporter for %s go side by side on real sockets, and none beyond its limit',
  async (_, Exporter) => {
    const collector = await collectorWith();
    await collector.become({ latencyMillis: 15 });
    const exporter = new Exporter({ url: collector.logsUrl, concurrencyLimit: 3 });
    const pipeline = new LivePipeline({ exporter, maxExportBatchSize: BATCH_RECORDS });
    const emitted = pipeline.emit(30 * BATCH_RECORDS);
    await pipeline.settled();
    expect(collector.account()).toMatchObject({ requests: 30, peakConcurrentRequests: 3 });
    expect(pipeline.stats).toMatchObject({ exported: emitted, exports: { attempts: 30, failures: 0 } });
    expectReceived(collector.ids, { to: emitted });
  },
);
