/** OTLP/JSON of stored requests: as the official decoder and the official JSON serializer have it, in lines of bounded length. */

import { SeverityNumber } from '@opentelemetry/api';
import { JsonLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JsonRequest, jsonLines, requestToJson } from '../../src/cli/reading/otlp-json.ts';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import { everyField } from '../support/every-field.ts';
import { decodeRequest, expectedRequest } from '../support/otlp-oracle.ts';
import { anyRecords } from '../support/otlp-records.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

function requestOf(records: readonly EmittedRecord[]): Uint8Array {
  const batch = new EncodedBatch(new EnvelopeEncoder(), Number.POSITIVE_INFINITY, 0);
  for (const item of records) batch.add(item);
  return batch.toRequest();
}

/** What the official decoder reads, with the exceptions that OTLP/JSON makes. */
function asJson(value: unknown, name = ''): unknown {
  if (name === 'traceId' || name === 'spanId') return Buffer.from(value as string, 'base64').toString('hex');
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map((item) => asJson(item));
  if (typeof value !== 'object' || value === null) return value;
  const set = Object.entries(value).filter(([key, item]) => !isUnset(key, item));
  return Object.fromEntries(set.map(([key, item]) => [key, asJson(item, key)]));
}
const isUnset = (key: string, item: unknown) =>
  ['attributes', 'entityRefs'].includes(key) && (item as unknown[]).length === 0;

test('a request in JSON says what the official decoder reads in it', () => {
  fc.assert(
    fc.property(anyRecords, (records) => {
      const json = requestToJson(requestOf(records));
      expect(JSON.parse(JSON.stringify(json))).toEqual(json);
      expect(json).toEqual(asJson(decodeRequest(requestOf(records))));
    }),
    runs(5),
  );
});

/**
 * The official serializer writes defaults, integers as numbers, and the schema URL of a resource a second time, inside
 * of the resource.
 */
function withoutDefaults(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutDefaults(item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, item]) => !(key === 'droppedAttributesCount' && item === 0))
    .filter(([key, item]) => !isUnset(key, item) && !(name === 'resource' && key === 'schemaUrl'))
    .map(([key, item]) => [key, key === 'intValue' ? String(item) : withoutDefaults(item, key)]);
  return Object.fromEntries(entries);
}

test('emitted records become the same JSON as with the official serializer', () => {
  const emitted: ReadableLogRecord[] = [];
  const processor = {
    onEmit: (item: ReadableLogRecord) => void emitted.push(item),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const provider = new LoggerProvider({
    processors: [processor as never],
    resource: resourceFromAttributes(
      { 'service.name': 'shop', ports: [80, 443] },
      { schemaUrl: 'https://example.com/r' },
    ),
  });
  const loggers = [
    provider.getLogger('orders', '1.2.3', { schemaUrl: 'https://example.com/s' }),
    provider.getLogger('users'),
  ];
  for (const logger of loggers) {
    // A body that is not there is an empty value to the serializer, and a property that is undefined is there.
    for (const item of everyField.filter(({ body }) => body !== undefined && body !== 17)) logger.emit(item);
    logger.emit({
      body: Number.MAX_SAFE_INTEGER,
      severityNumber: SeverityNumber.FATAL4,
      attributes: { none: null as never },
    });
  }
  expect(emitted.length).toBeGreaterThan(8);
  const official = JSON.parse(Buffer.from(JsonLogsSerializer.serializeRequest(emitted) ?? []).toString());
  expect(requestToJson(requestOf(emitted as EmittedRecord[]))).toEqual(withoutDefaults(official));
});

const linesOf = (request: Uint8Array, maxBytes: number) => Array.from(jsonLines(request, maxBytes));
const recordsOf = ({ resourceLogs }: JsonRequest) =>
  resourceLogs.flatMap(({ scopeLogs, ...resource }) =>
    scopeLogs.flatMap(({ logRecords, ...scope }) =>
      logRecords.map((item) => ({ ...resource, ...scope, item })),
    ),
  );

test('JSON lines hold each record once, in order and with its source, and are as short as they were asked to be', () => {
  fc.assert(
    fc.property(anyRecords, fc.constantFrom(1, 300, 1_000, 5_000, 1_000_000), (records, maxBytes) => {
      const request = requestOf(records);
      const lines = linesOf(request, maxBytes);
      const parsed = lines.map(({ text }) => JSON.parse(text) as JsonRequest);
      expect(parsed.flatMap(recordsOf)).toEqual(recordsOf(requestToJson(request)));
      for (const [index, { text, bytes, records: count }] of lines.entries()) {
        expect(bytes).toBe(Buffer.byteLength(text));
        expect(text).not.toContain('\n');
        expect(recordsOf(parsed[index] as JsonRequest)).toHaveLength(count);
        if (count > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
      }
    }),
    runs(5),
  );
});

test('a JSON line is filled to its last byte', () => {
  const request = requestOf([record({ body: 'a' }), record({ body: 'b' })]);
  const [both] = linesOf(request, 1_000_000);
  const bytes = both?.bytes ?? 0;
  expect(linesOf(request, bytes).map((line) => line.records)).toEqual([2]);
  expect(linesOf(request, bytes - 1).map((line) => line.records)).toEqual([1, 1]);
});

test('an empty request has no JSON lines', () => {
  expect(linesOf(new Uint8Array(0), 100)).toEqual([]);
  expect(requestToJson(new Uint8Array(0))).toEqual({ resourceLogs: [] });
  expect(expectedRequest([])).toEqual({ resourceLogs: [] });
});
