/** Which exporters count as official OTLP exporters, and what they then get. */

import { createRequire } from 'node:module';
import { OTLPLogExporter as GrpcExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { ConsoleLogRecordExporter, InMemoryLogRecordExporter } from '@opentelemetry/sdk-logs';
import { OTLPLogExporter as OlderExporter } from 'exporter-logs-otlp-http-0.2xx';
import { describe, expect, test } from 'vitest';
import { concurrencyLimitOf } from '../../src/delivery/official-exporter.ts';
import { SpillwayOtlpLogExporter } from '../../src/index.ts';
import { diagLines } from '../support/diag-lines.ts';
import { Harness } from '../support/harness.ts';
import { OfficialLike } from '../support/official-like.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';

const load = createRequire(import.meta.url);
type ExporterClass = new (config?: { url?: string; concurrencyLimit?: number }) => object;
const loaded = (name: string) => (load(name) as { OTLPLogExporter: ExporterClass }).OTLPLogExporter;

const GRPC = '@opentelemetry/exporter-logs-otlp-grpc';
const JSON_OVER_HTTP = '@opentelemetry/exporter-logs-otlp-http';
const PROTOBUF = '@opentelemetry/exporter-logs-otlp-proto';
const OLDER = 'exporter-logs-otlp-http-0.2xx';

const OFFICIAL: [string, ExporterClass][] = [
  ['gRPC, as a module', GrpcExporter],
  ['gRPC, by require', loaded(GRPC)],
  ['JSON, as a module', JsonExporter],
  ['JSON, by require', loaded(JSON_OVER_HTTP)],
  ['protobuf, as a module', ProtobufExporter],
  ['protobuf, by require', loaded(PROTOBUF)],
  ['JSON of 0.2xx, as a module', OlderExporter],
  ['JSON of 0.2xx, by require', loaded(OLDER)],
];

describe('an exporter is recognised as official', () => {
  test.each(OFFICIAL)('if it is one: %s', (_, Exporter) => {
    expect(concurrencyLimitOf(new Exporter())).toBe(30);
    expect(concurrencyLimitOf(new Exporter({ concurrencyLimit: 3 }))).toBe(3);
  });

  test('a subclass that leaves export() alone counts as the official exporter', () => {
    class Named extends ProtobufExporter {
      readonly name = 'mine';
      override forceFlush() {
        return super.forceFlush();
      }
    }
    expect(concurrencyLimitOf(new Named())).toBe(30);
  });

  test('the official exporter is recognised without a call or a change', () => {
    const exporter = new OfficialLike(3);
    const frozen = Object.freeze(exporter);
    Object.freeze(exporter._delegate);
    expect(concurrencyLimitOf(frozen)).toBe(3);
    expect(exporter.calls).toHaveLength(0);
  });
});

describe('an exporter counts as unknown', () => {
  class Overriding extends ProtobufExporter {
    override export(...args: Parameters<ProtobufExporter['export']>): void {
      super.export(...args);
    }
  }
  class OverridingAll extends Overriding {
    override export(...args: Parameters<ProtobufExporter['export']>): void {
      super.export(...args);
    }
    override forceFlush() {
      return super.forceFlush();
    }
    override shutdown() {
      return super.shutdown();
    }
  }
  const wrapped = () => {
    const exporter = new ProtobufExporter();
    const original = exporter.export.bind(exporter);
    exporter.export = (...args) => original(...args);
    return exporter;
  };
  const withDelegate = (change: (delegate: Record<string, unknown>) => void) => {
    const exporter = new ProtobufExporter();
    change((exporter as unknown as { _delegate: Record<string, unknown> })._delegate);
    return exporter;
  };
  const answeringProxy = () =>
    new Proxy(new ProtobufExporter(), {
      get: (target, name, receiver) => (name === 'export' ? () => {} : Reflect.get(target, name, receiver)),
    });
  const throwingProxy = () =>
    new Proxy(new ProtobufExporter(), {
      getOwnPropertyDescriptor() {
        throw new Error('no');
      },
    });
  class Lazy {
    get _delegate() {
      throw new Error('must not be read');
    }
    export() {}
    forceFlush() {}
    shutdown() {}
  }
  test.each<[string, () => object]>([
    ['that overrides export()', () => new Overriding()],
    ['that overrides all methods', () => new OverridingAll()],
    ['whose export() was wrapped', wrapped],
    ['whose delegate was wrapped', () => withDelegate((delegate) => (delegate.export = () => {}))],
    ['whose delegate has no queue of promises', () => withDelegate((d) => (d._promiseQueue = undefined))],
    ['whose limit is no number', () => new OfficialLike('30' as unknown as number)],
    ['whose limit is none', () => new OfficialLike(Number.POSITIVE_INFINITY)],
    ['whose limit is 0', () => new OfficialLike(0)],
    ['behind a proxy with an export() of its own', answeringProxy],
    ['behind a proxy that throws', throwingProxy],
    ['whose delegate is a getter', () => new Lazy()],
    ['for the console', () => new ConsoleLogRecordExporter()],
    ['in memory', () => new InMemoryLogRecordExporter()],
    ['of this package', () => new SpillwayOtlpLogExporter()],
    ['of another make', () => new ScriptedExporter()],
    ['that is an object literal', () => ({ export() {}, shutdown() {}, _delegate: {} })],
  ])('an exporter %s is not taken for the official one', (_, make) => {
    expect(concurrencyLimitOf(make())).toBeUndefined();
  });
});

const sizes = (calls: readonly { readonly records: readonly unknown[] }[]) =>
  calls.map(({ records }) => records.length);

describe('behind an official exporter', () => {
  test('exports go side by side, more with each success, up to its own limit', async () => {
    const exporter = new OfficialLike(4);
    const h = new Harness({ exporter, maxExportBatchSize: 10 });
    h.emit(200);
    const underWay: number[] = [];
    while (exporter.open.length > 0 || underWay.length === 0) {
      await h.settle();
      underWay.push(exporter.open.length);
      for (const call of exporter.open) call.succeed();
      await h.settle();
    }
    expect(underWay.slice(0, 5)).toEqual([1, 2, 3, 4, 4]);
    expect(exporter.refusals).toBe(0);
    expect(h.stats.exported).toBe(200);
    await h.end();
  });

  test('an export that was given up still counts, so that none is refused', async () => {
    const exporter = new OfficialLike(1);
    const h = new Harness({
      exporter,
      maxExportBatchSize: 10,
      exportTimeoutMillis: 1_000,
      breaker: false,
      retry: { maxDelayMillis: 1_000 },
    });
    h.emit(20);
    await h.advance(20_000);
    expect(sizes(exporter.calls)).toEqual([10]);
    expect(exporter.refusals).toBe(0);
    for (let open = exporter.open; open.length > 0; open = exporter.open) {
      for (const call of open) call.succeed();
      await h.advance(2_000);
    }
    expect(exporter.refusals).toBe(0);
    expect(h.stats.exported).toBe(20);
    // What was given up has arrived after all, and is sent again.
    expect(sizes(exporter.calls)).toEqual([10, 10, 10]);
    await h.end();
  });

  test('a failure is followed by one request at a time until one has succeeded', async () => {
    const exporter = new OfficialLike(30);
    const h = new Harness({ exporter, maxExportBatchSize: 10, breaker: false });
    h.emit(500);
    for (let round = 0; round < 4; round++) {
      await h.settle();
      for (const call of exporter.open) call.succeed();
    }
    await h.settle();
    expect(exporter.open).toHaveLength(5);
    for (const call of exporter.open) call.fail(new Error('down'));
    await h.settle();
    while (exporter.open.length > 0) {
      expect(exporter.open).toHaveLength(1);
      for (const call of exporter.open) call.fail(new Error('down'));
      await h.settle();
    }
    await h.advance(1_000);
    expect(exporter.open).toHaveLength(1);
    await h.end();
  });

  test('requests grow only for want of another export: while one may begin, none has more than 512 records', async () => {
    const exporter = new OfficialLike(30);
    const h = new Harness({ exporter });
    for (let round = 0; round < 4; round++) {
      h.emit(8 * 1_024);
      await h.settle();
      while (exporter.open.length > 0) {
        for (const call of exporter.open) call.succeed();
        await h.settle();
      }
    }
    expect(sizes(exporter.calls)).toContain(1_024);
    const before = exporter.calls.length;
    h.emit(2 * 512);
    await h.settle();
    expect(sizes(exporter.calls.slice(before))).toEqual([512, 512]);
    await h.end();
  });

  test('maxConcurrentExports above its limit is reduced to it, with a warning', async () => {
    const warnings = diagLines();
    const h = new Harness({ exporter: new OfficialLike(4), maxConcurrentExports: 8 });
    expect(warnings).toEqual([
      "otel-spillway: maxConcurrentExports (8) is larger than the exporter's concurrencyLimit; using 4",
    ]);
    await h.end();
  });

  test('maxConcurrentExports below its limit holds', async () => {
    const exporter = new OfficialLike(30);
    const h = new Harness({ exporter, maxExportBatchSize: 10, maxConcurrentExports: 1 });
    h.emit(100);
    await h.settle();
    while (exporter.open.length > 0) {
      expect(exporter.open).toHaveLength(1);
      for (const call of exporter.open) call.succeed();
      await h.settle();
    }
    expect(h.stats.exported).toBe(100);
    await h.end();
  });
});

describe.each([
  ['an unknown', 4_096, () => new ScriptedExporter('hang')],
  ['an official', 1_024, () => new OfficialLike(1)],
] as const)('behind %s exporter', (_, most, make) => {
  test('a batch of 512 is sent immediately, and what waits for a slow export goes together', async () => {
    const exporter = make();
    const h = new Harness({ exporter });
    h.emit(512);
    await h.settle();
    h.emit(1_030);
    await h.settle();
    expect(sizes(exporter.calls)).toEqual([512]);
    exporter.calls[0]?.succeed();
    await h.settle();
    expect(sizes(exporter.calls)).toEqual([512, 1_024]);
    h.emit(20_000);
    exporter.calls[1]?.succeed();
    await h.settle();
    const [, , records = 0] = sizes(exporter.calls);
    expect(records).toBeLessThanOrEqual(most);
    expect(records).toBeGreaterThan(most / 2);
    expect(h.stats.inFlight.bytes).toBeLessThanOrEqual(1_024 ** 2);
    await h.end();
  });

  test('a chosen size of batches holds, however many wait', async () => {
    const exporter = make();
    const h = new Harness({ exporter, maxExportBatchSize: 512 });
    h.emit(5_000);
    await h.settle();
    exporter.calls[0]?.succeed();
    await h.settle();
    expect(sizes(exporter.calls)).toEqual([512, 512]);
    await h.end();
  });

  test('a full queue that drops its oldest records does not make requests smaller', async () => {
    const exporter = make();
    const h = new Harness({ exporter, maxExportBatchSize: 100, maxQueueSize: 1_000 });
    h.emit(1_000);
    await h.settle();
    for (let round = 0; round < 5; round++) {
      h.emit(130);
      await h.settle();
      exporter.calls.at(-1)?.succeed();
      await h.settle();
    }
    expect(sizes(exporter.calls)).toEqual([100, 100, 100, 100, 100, 100]);
    expect(h.stats.dropped.queue_full).toBe(5 * 130 - 4 * 100);
    await h.end();
  });
});
