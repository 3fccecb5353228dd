/** Odd records through each exporter and a real Collector: every field arrives as the stock processor delivers it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { OTLPLogExporter as GrpcExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from 'otel-spillway';
import type { ReceivedRecord } from '../src/testing/received-record.ts';
import { TestCollector } from '../src/testing/test-collector.ts';
import { everyField } from '../test/support/every-field.ts';
import { CollectorProcess } from './collector-process.ts';

/** A value of an enum that is not exported by the exporters. */
const GZIP = 'gzip' as never;
const MAX_ARRIVAL_MILLIS = 10_000;
const LIMITS = { attributeCountLimit: 10, attributeValueLengthLimit: 40 };
/** What the others are compared with. */
const STOCK = 'stock processor, http/protobuf';

type Urls = { readonly http: string; readonly grpc: string };

const ours = (exporter: ConstructorParameters<typeof SpillwayLogRecordProcessor>[0] & object) =>
  new SpillwayLogRecordProcessor(exporter);

const lanes: Readonly<Record<string, (urls: Urls) => LogRecordProcessor>> = {
  [STOCK]: ({ http }) => new BatchLogRecordProcessor({ exporter: new ProtobufExporter({ url: http }) }),
  'stock processor, grpc': ({ grpc }) =>
    new BatchLogRecordProcessor({ exporter: new GrpcExporter({ url: grpc }) }),
  'own exporter': ({ http }) => ours({ exporter: new SpillwayOtlpLogExporter({ url: http }) }),
  'own exporter, gzip': ({ http }) =>
    ours({ exporter: new SpillwayOtlpLogExporter({ url: http, compression: 'gzip' }) }),
  'official, http/protobuf': ({ http }) => ours({ exporter: new ProtobufExporter({ url: http }) }),
  'official, http/protobuf, gzip': ({ http }) =>
    ours({ exporter: new ProtobufExporter({ url: http, compression: GZIP }) }),
  'official, http/json': ({ http }) => ours({ exporter: new JsonExporter({ url: http }) }),
  'official, http/json, gzip': ({ http }) =>
    ours({ exporter: new JsonExporter({ url: http, compression: GZIP }) }),
  'official, grpc': ({ grpc }) => ours({ exporter: new GrpcExporter({ url: grpc }) }),
  'official, grpc, gzip': ({ grpc }) =>
    ours({ exporter: new GrpcExporter({ url: grpc, compression: GZIP }) }),
};

/** @returns what did not arrive as it should, in words. */
export async function compareFields(binary: string): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-fields-'));
  const witness = await TestCollector.start();
  const collector = new CollectorProcess(binary, directory);
  try {
    const { httpUrl, grpcUrl } = await collector.configure(witness.logsUrl, {});
    await collector.start();
    const urls = { http: `${httpUrl}/v1/logs`, grpc: grpcUrl };
    for (const [lane, make] of Object.entries(lanes)) {
      const resource = resourceFromAttributes({ 'service.name': 'odd', ports: [1, 2], 'is.odd': true });
      const provider = new LoggerProvider({ processors: [make(urls)], resource, logRecordLimits: LIMITS });
      const logger = provider.getLogger(lane, '1.2.3');
      for (const record of everyField) logger.emit(record);
      await provider.shutdown();
    }
    const arrived = (lane: string) => witness.records.filter(({ scope }) => scope.name === lane);
    const deadline = performance.now() + MAX_ARRIVAL_MILLIS;
    const total = Object.keys(lanes).length * everyField.length;
    while (witness.records.length < total && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const expected = arrived(STOCK);
    if (expected.length !== everyField.length) return [`${STOCK} has delivered ${expected.length} records`];
    return Object.keys(lanes).flatMap((lane) => differences(lane, arrived(lane), expected));
  } finally {
    await collector.kill();
    await witness.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function differences(
  lane: string,
  records: readonly ReceivedRecord[],
  expected: readonly ReceivedRecord[],
): string[] {
  if (records.length !== expected.length) return [`${lane} has delivered ${records.length} records`];
  return records.flatMap((record, index) => {
    const other = expected[index] as ReceivedRecord;
    const fields = Object.keys(other) as (keyof ReceivedRecord)[];
    return fields
      .filter(
        (field) => !isDeepStrictEqual(comparable(record, field, index), comparable(other, field, index)),
      )
      .map((field) => {
        const [one, stock] = [record[field], other[field]].map((value) => JSON.stringify(value));
        return `${lane}: record ${index} has ${field} ${one} instead of ${stock}`;
      });
  });
}

/** Each has its own scope, and the time at which it was logged where it names none. */
function comparable(record: ReceivedRecord, field: keyof ReceivedRecord, index: number): unknown {
  if (field === 'scope') return { ...record.scope, name: '' };
  const { timestamp, observedTimestamp } = everyField[index] as (typeof everyField)[number];
  if (field === 'timeUnixNano' && timestamp === undefined) return record.timeUnixNano !== '0';
  if (field === 'observedTimeUnixNano' && observedTimestamp === undefined) return undefined;
  return record[field];
}
