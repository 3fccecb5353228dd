/** The processor's metrics as Prometheus sees them: scraped over HTTP from the official exporter. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Harness } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

let server: Server;
let provider: MeterProvider;

beforeEach(async () => {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  provider = new MeterProvider({ readers: [exporter] });
  server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await provider.shutdown();
});

class Scrape {
  readonly lines: readonly string[];

  constructor(text: string) {
    this.lines = text.split('\n');
  }

  /** `name: type unit`, from the comments of every metric of this package. */
  get families(): string[] {
    const comments = (kind: string) =>
      new Map(this.lines.filter((line) => line.startsWith(`# ${kind} `)).map((line) => splitComment(line)));
    const units = comments('UNIT');
    return [...comments('TYPE')]
      .filter(([name]) => name !== 'target_info')
      .map(([name, type]) => `${name}: ${type} ${units.get(name)}`);
  }

  /** The value of the one sample of a metric that has these labels and, the usual ones apart, no others. */
  value(name: string, labels: Record<string, string> = {}): number | undefined {
    const found = this.lines
      .map((line) => /^(\w+)\{(.*)\} (\S+)$/.exec(line))
      .filter((match) => match?.[1] === name && sameLabels(match[2] ?? '', labels));
    expect(found.length, `${name} ${JSON.stringify(labels)}`).toBeLessThanOrEqual(1);
    return found[0] ? Number(found[0][3]) : undefined;
  }
}

const usualLabels = ['otel_component_type', 'otel_component_name', 'otel_scope_name', 'otel_scope_version'];

function splitComment(line: string): [name: string, rest: string] {
  const [, , name = '', ...rest] = line.split(' ');
  return [name, rest.join(' ')];
}

function sameLabels(text: string, wanted: Record<string, string>): boolean {
  const labels = Object.fromEntries(
    [...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
  );
  for (const label of usualLabels) {
    expect(labels[label], `${label} is on every sample`).toBeTruthy();
    delete labels[label];
  }
  return JSON.stringify(Object.entries(labels).sort()) === JSON.stringify(Object.entries(wanted).sort());
}

async function scrape(): Promise<Scrape> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(response.status).toBe(200);
  return new Scrape(await response.text());
}

function metered(options: ConstructorParameters<typeof Harness>[0] = {}): Harness {
  return new Harness({ meterProvider: provider, ...options });
}

test('a scrape shows every metric under the name, type and unit that Prometheus gives it', async () => {
  const h = metered();
  h.exporter.script = [{ fail: httpError(422) }, 'succeed'];
  h.emit();
  await h.advance(1_000);
  h.emit();
  await h.advance(1_000);
  expect((await scrape()).families.sort()).toEqual([
    'otel_sdk_processor_log_processed_total: counter {log_record}',
    'otel_sdk_processor_log_queue_capacity: gauge {log_record}',
    'otel_sdk_processor_log_queue_size: gauge {log_record}',
    'spillway_breaker_state: gauge 1',
    'spillway_breaker_transitions_total: counter {transition}',
    'spillway_delivery_duration: histogram s',
    'spillway_export_duration: histogram s',
    'spillway_oldest_record_age: gauge s',
    'spillway_queue_bytes: gauge By',
    'spillway_queue_limit: gauge By',
    'spillway_records_dropped_total: counter {log_record}',
    'spillway_records_offered_total: counter {log_record}',
    'spillway_spool_bytes: gauge By',
    'spillway_spool_limit: gauge By',
    'spillway_spool_records: gauge {log_record}',
    'spillway_spool_replayed_total: counter {log_record}',
  ]);
  await h.end();
});

test('the samples of a scrape add up as the law does, while records wait, are dropped and are delivered', async () => {
  const h = metered({ maxQueueSize: 20, maxExportBatchSize: 10, maxQueueBytes: 1_000_000 });
  h.exporter.script = ['succeed', 'hang'];
  h.emit(10);
  await h.settle();
  h.emit(10);
  await h.settle();
  h.emit(13);
  await h.advance(500);

  const { queued, inFlight, dropped, exported } = h.stats;
  expect([exported, inFlight.records, queued.records, dropped.queue_full]).toEqual([10, 10, 10, 3]);
  const now = await scrape();
  expect(now.value('otel_sdk_processor_log_queue_size')).toBe(20);
  expect(now.value('otel_sdk_processor_log_queue_capacity')).toBe(20);
  expect(now.value('otel_sdk_processor_log_processed_total')).toBe(20);
  expect(now.value('otel_sdk_processor_log_processed_total', { error_type: 'queue_full' })).toBe(3);
  expect(now.value('spillway_records_dropped_total', { spillway_drop_reason: 'queue_full' })).toBe(3);
  expect(now.value('spillway_queue_bytes')).toBe(queued.bytes + inFlight.bytes);
  expect(now.value('spillway_queue_limit')).toBe(1_000_000);
  expect(now.value('spillway_oldest_record_age')).toBe(0.5);
  expect(now.value('spillway_spool_records')).toBe(0);
  expect(now.value('spillway_spool_bytes')).toBe(0);
  await h.end();
});

test('durations are scraped as histograms of seconds', async () => {
  const h = metered({ maxExportBatchSize: 1 });
  h.exporter.script = ['hang'];
  h.emit();
  await h.advance(300);
  h.exporter.lastCall.succeed();
  await h.settle();
  const now = await scrape();
  const outcome = { spillway_export_outcome: 'delivered' };
  expect(now.value('spillway_export_duration_count', outcome)).toBe(1);
  expect(now.value('spillway_export_duration_sum', outcome)).toBeCloseTo(0.3);
  expect(now.value('spillway_export_duration_bucket', { ...outcome, le: '0.25' })).toBe(0);
  expect(now.value('spillway_export_duration_bucket', { ...outcome, le: '0.5' })).toBe(1);
  expect(now.value('spillway_delivery_duration_count')).toBe(1);
  expect(now.value('spillway_delivery_duration_bucket', { le: '+Inf' })).toBe(1);
  await h.end();
});

test('the state of the breaker is scraped as three series, of which one is 1', async () => {
  const h = metered({ maxExportBatchSize: 1, breaker: { failureThreshold: 1 } });
  const states = async () => {
    const now = await scrape();
    return ['closed', 'open', 'half-open'].map((state) =>
      now.value('spillway_breaker_state', { spillway_breaker_state: state }),
    );
  };
  expect(await states()).toEqual([1, 0, 0]);
  h.exporter.script = [{ fail: new Error('down') }, 'hang'];
  h.emit();
  await h.settle();
  expect(await states()).toEqual([0, 1, 0]);
  await h.advance(30_000);
  expect(await states()).toEqual([0, 0, 1]);
  const now = await scrape();
  expect(now.value('spillway_breaker_transitions_total', { spillway_breaker_state: 'open' })).toBe(1);
  await h.end();
});

test('the last scrape after a shutdown has every loss and an empty queue, and no counter has gone back', async () => {
  const h = metered({ maxExportBatchSize: 10 });
  h.exporter.script = ['succeed', 'hang'];
  h.emit(10);
  await h.settle();
  h.emit(15);
  await h.settle();
  const before = await scrape();
  expect(before.value('otel_sdk_processor_log_queue_size')).toBe(15);
  await h.end();
  for (const after of [await scrape(), await scrape()]) {
    expect(after.value('otel_sdk_processor_log_queue_size')).toBe(0);
    expect(after.value('spillway_queue_bytes')).toBe(0);
    expect(after.value('otel_sdk_processor_log_processed_total')).toBe(20);
    expect(after.value('otel_sdk_processor_log_processed_total', { error_type: 'shutdown' })).toBe(5);
    expect(after.value('spillway_records_dropped_total', { spillway_drop_reason: 'shutdown' })).toBe(15);
  }
});
