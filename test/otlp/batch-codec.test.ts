/** Batches stored as OTLP requests and read back: what goes in comes out, in the order it went in. */

import assert from 'node:assert/strict';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noSeverities, type SeverityCounts, severityRange } from '../../src/common/severity-counts.ts';
import { EncodedBatchCodec, RecordBatchCodec } from '../../src/otlp/encoding/batch-codecs.ts';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord, LogBatch } from '../../src/queue/log-batch.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { everyField } from '../support/every-field.ts';
import { hostileFields, hostileSources, hostileValues } from '../support/hostile.ts';
import { decodeRequest, expectedRecord, type PlainRecord, recordsIn } from '../support/otlp-oracle.ts';
import { anyRecords } from '../support/otlp-records.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';
import { fieldsOf, storedFieldsOf } from '../support/stored-records.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;
/** A tag and a length take six bytes at most and two at least, of each resource and of each scope in it. */
const FRAMING_SLACK_BYTES = 4;

function encodedLane() {
  const envelopes = new EnvelopeEncoder();
  const codec = new EncodedBatchCodec(envelopes, UNLIMITED);
  return { codec, open: () => new EncodedBatch(envelopes, UNLIMITED, 0) };
}
function recordLane() {
  return { codec: new RecordBatchCodec(UNLIMITED), open: () => new RecordBatch(UNLIMITED) };
}
function filled<B extends LogBatch>(batch: B, records: readonly EmittedRecord[]): B {
  for (const item of records) batch.add(item);
  return batch;
}
const decodedRecords = (payload: Uint8Array): PlainRecord[] => recordsIn(decodeRequest(payload));
const severityOf = ({ severityNumber }: EmittedRecord) => severityNumber ?? 0;

function severitiesOf(records: readonly EmittedRecord[]): SeverityCounts {
  const counts = noSeverities();
  for (const item of records) (counts[severityRange(severityOf(item))] as number)++;
  return counts;
}

function expectSourcesCounted(batch: EncodedBatch): void {
  const request = batch.toRequest();
  const { resourceLogs } = decodeRequest(request);
  const envelopes = resourceLogs.reduce((sum, { scopeLogs }) => sum + 1 + scopeLogs.length, 0);
  expect(batch.bytes).toBeGreaterThanOrEqual(request.length);
  expect(batch.bytes - request.length).toBeLessThanOrEqual(FRAMING_SLACK_BYTES * envelopes);
}

const ids = new WeakMap<object, number>();
let lastId = 0;
/** The same text for the same resource and scope: exporters group by identity. */
function sourcesOf({ resource, instrumentationScope }: EmittedRecord): string {
  for (const source of [resource, instrumentationScope]) if (!ids.has(source)) ids.set(source, ++lastId);
  return `${ids.get(resource)}/${ids.get(instrumentationScope)}`;
}

test('a stored batch of bytes is read back as the same request, byte for byte, with the same weight and severities', () => {
  fc.assert(
    fc.property(anyRecords, (records) => {
      const { codec, open } = encodedLane();
      const batch = filled(open(), records);
      const { bytes } = batch;
      const payload = Buffer.from(codec.encode(batch));
      const read = codec.decode(payload);
      expect(Buffer.compare(payload, codec.encode(read))).toBe(0);
      expect([read.records, read.bytes]).toEqual([records.length, bytes]);
      expect(read.severities()).toEqual(severitiesOf(records));
      expectSourcesCounted(read);
    }),
    runs(10),
  );
});

test('a stored batch of snapshots is read back with every field that OTLP has a place for', () => {
  fc.assert(
    fc.property(anyRecords, (records) => {
      const { codec, open } = recordLane();
      const batch = filled(open(), records);
      const payload = Buffer.from(codec.encode(batch));
      const emitted = batch.toArray() as EmittedRecord[];
      const read = codec.decode(payload);
      const stored = read.toArray() as EmittedRecord[];
      assert.deepStrictEqual(stored.map(fieldsOf), emitted.map(storedFieldsOf));
      expect(new Set(stored.map(({ resource }) => resource)).size).toBe(
        new Set(emitted.map(({ resource }) => resource)).size,
      );
      expect(new Set(stored.map(sourcesOf)).size).toBe(new Set(emitted.map(sourcesOf)).size);
      expect(read.severities()).toEqual(severitiesOf(records));
    }),
    runs(10),
  );
});

test('a batch of snapshots that was read back is stored again as the same bytes', () => {
  fc.assert(
    fc.property(anyRecords, (records) => {
      const { codec, open } = recordLane();
      // A second time, as keys of lone surrogates are one key from then on.
      const payload = Buffer.from(codec.encode(codec.decode(codec.encode(filled(open(), records)))));
      expect(Buffer.compare(codec.encode(codec.decode(payload)), payload)).toBe(0);
    }),
    runs(5),
  );
});

interface AnyLane {
  readonly codec: { encode(batch: LogBatch): Uint8Array; decode(payload: Uint8Array): LogBatch };
  readonly open: () => LogBatch;
}
const ADAPTERS = [
  ['bytes', encodedLane as unknown as () => AnyLane],
  ['snapshots', recordLane as unknown as () => AnyLane],
] as const;

/** The places of the records in what was emitted. */
const placesIn = (payload: Uint8Array): number[] =>
  decodedRecords(payload).map(({ body }) => Number((body as { intValue: string }).intValue));
const placed = (records: readonly EmittedRecord[]): EmittedRecord[] =>
  records.map((item, place) => ({ ...item, body: place }) as EmittedRecord);

test.each(ADAPTERS)(
  'record i of a regrouped batch of %s is record i of its request, whatever leaves the batch afterwards',
  (_, adapter) => {
    fc.assert(
      fc.property(anyRecords, fc.nat(6), fc.nat(6), fc.nat(8), (all, shifted, popped, count) => {
        const records = placed(all);
        const { codec, open } = adapter();
        const batch = filled(open(), records);
        for (let index = 0; index < shifted; index++) batch.shift();
        for (let index = 0; index < popped; index++) batch.pop();
        const { bytes } = batch;
        batch.regroup();
        expect(batch.bytes).toBe(bytes);
        const places = placesIn(codec.encode(batch));
        const left = records.slice(shifted, Math.max(records.length - popped, shifted));
        expect(places.toSorted((a, b) => a - b)).toEqual(left.map((item) => item.body));
        expectSeverities(batch, places, records);
        // One of the same group keeps behind its elders.
        for (const of of Map.groupBy(left, sourcesOf).values())
          expect(places.filter((place) => of.includes(records[place] as EmittedRecord))).toEqual(
            of.map((item) => item.body),
          );
        const part = batch.split(count);
        expect(placesIn(codec.encode(part))).toEqual(places.slice(0, count));
        batch.pop();
        const rest = places.slice(count, -1);
        expect(placesIn(codec.encode(batch))).toEqual(rest);
        while (batch.records > 0) {
          expectSeverities(batch, rest, records);
          batch.shift();
          rest.shift();
          expect(placesIn(codec.encode(batch))).toEqual(rest);
        }
        expect([batch.bytes, batch.severityAt('oldest'), batch.severityAt('newest')]).toEqual([0, 0, 0]);
      }),
      runs(10),
    );
  },
);

function expectSeverities(
  batch: LogBatch,
  places: readonly number[],
  records: readonly EmittedRecord[],
): void {
  const held = places.map((place) => records[place] as EmittedRecord);
  expect(batch.severities()).toEqual(severitiesOf(held));
  expect(batch.severityAt('oldest')).toBe(held.length > 0 ? severityOf(held[0] as EmittedRecord) : 0);
  expect(batch.severityAt('newest')).toBe(held.length > 0 ? severityOf(held.at(-1) as EmittedRecord) : 0);
}

test('batches that were read back are split, joined and added to like any other', () => {
  fc.assert(
    fc.property(anyRecords, anyRecords, fc.nat(12), fc.nat(3), (older, newer, count, popped) => {
      const { codec, open } = encodedLane();
      const records = placed([...older, ...newer, ...older]);
      const ends = [0, older.length, older.length + newer.length];
      const payloads = [0, 1].map((index) =>
        Buffer.from(codec.encode(filled(open(), records.slice(ends[index], ends[index + 1])))),
      ) as [Buffer, Buffer];
      const batch = codec.decode(payloads[0]);
      batch.append(codec.decode(payloads[1]));
      const added = records.slice(ends[2]);
      filled(batch, added);
      expectSourcesCounted(batch);
      const places = [...payloads.flatMap(placesIn), ...added.map(({ body }) => Number(body))];
      const part = batch.split(count);
      const ofPart = places.splice(0, count);
      for (let index = 0; index < popped; index++) {
        batch.pop();
        places.pop();
      }
      part.append(batch);
      ofPart.push(...places);
      expect(part.records).toBe(ofPart.length);
      const request = Buffer.from(codec.encode(part));
      const stored = recordLane()
        .codec.decode(request)
        .toArray()
        .map((item) => fieldsOf(item as EmittedRecord));
      const held = placesIn(request);
      expect(held.toSorted((a, b) => a - b)).toEqual(ofPart.toSorted((a, b) => a - b));
      for (const [index, decoded] of decodedRecords(request).entries()) {
        const original = records[held[index] as number] as EmittedRecord;
        expect(decoded).toEqual(expectedRecord(original));
        const { resource, scope } = storedFieldsOf(original);
        assert.deepStrictEqual([stored[index]?.resource, stored[index]?.scope], [resource, scope]);
      }
      while (part.records > 0) part.shift();
      expect(part.bytes).toBe(0);
    }),
    runs(6),
  );
});

test('payloads with the same sources become one batch that names them once', () => {
  const { codec, open } = encodedLane();
  const source = {
    resource: { attributes: { 'service.name': 'shop' } },
    instrumentationScope: { name: 'orders' },
  };
  const payloads = [1, 2].map((body) =>
    Buffer.from(codec.encode(filled(open(), [record({ body, ...source })]))),
  );
  const [first, second] = payloads.map((payload) => codec.decode(payload)) as [EncodedBatch, EncodedBatch];
  first.append(second);
  const { resourceLogs } = decodeRequest(first.toRequest());
  expect(resourceLogs.map(({ scopeLogs }) => scopeLogs.map(({ logRecords }) => logRecords.length))).toEqual([
    [2],
  ]);
});

test('two sources of a request stay two, even if nothing tells them apart', () => {
  const { codec, open } = encodedLane();
  const twins = [{ attributes: {} }, { attributes: {} }];
  const others = [{ name: 'a' }, { name: 'a' }];
  const records = twins.flatMap((resource) =>
    others.map((instrumentationScope) => record({ resource, instrumentationScope })),
  );
  const payload = Buffer.from(codec.encode(filled(open(), records)));
  expect(Buffer.from(codec.encode(codec.decode(payload))).equals(payload)).toBe(true);
  expect(decodeRequest(payload).resourceLogs.map(({ scopeLogs }) => scopeLogs.length)).toEqual([2, 2]);
});

test('a batch that was read back keeps no reference to the bytes it was read from', () => {
  for (const [, adapter] of ADAPTERS) {
    const { codec, open } = adapter();
    const batch = filled(open(), [
      record({ attributes: { bytes: new Uint8Array(3) } }),
      record({ resource: {} }),
    ]);
    const payload = Buffer.from(codec.encode(batch));
    const read = codec.decode(payload);
    const before = Buffer.from(codec.encode(read));
    payload.fill(0xff);
    expect(Buffer.from(codec.encode(read)).equals(before)).toBe(true);
  }
});

test('no value that an application logs prevents a batch of snapshots from being stored and read back', () => {
  const unlimited = recordLane();
  const plain = record({ body: 'a neighbour' });
  for (const fields of [
    ...hostileValues.map(({ value }) => () => ({ body: value(), attributes: { value: value() } })),
    ...hostileFields.map((hostile) => hostile.fields),
    ...hostileSources.map((hostile) => hostile.fields),
    () => ({ hrTime: [1n, Symbol('s')], spanContext: { traceId: Array(32), spanId: {}, traceFlags: 1n } }),
    () => ({ hrTime: null, spanContext: Proxy.revocable({}, {}).proxy, severityNumber: 5n }),
  ]) {
    const batch = new RecordBatch(64 * 1024);
    for (const item of [plain, record(fields()), plain]) {
      try {
        batch.add(item);
      } catch {
        // It was refused on admission.
      }
    }
    const { records } = batch;
    const read = unlimited.codec.decode(unlimited.codec.encode(batch)).toArray();
    expect(read).toHaveLength(records);
    expect(read.filter(({ body }) => body === 'a neighbour')).toHaveLength(2);
  }
});

test('a record with one invalid field is stored with its valid ones', () => {
  const { codec, open } = recordLane();
  const spanContext = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
  };
  const unsound = record({
    hrTime: undefined,
    spanContext,
    eventName: 'e',
    attributes: { a: 1 },
    severityNumber: 17,
  });
  const [stored] = codec.decode(codec.encode(filled(open(), [unsound]))).toArray();
  expect(fieldsOf(stored as EmittedRecord)).toEqual({
    ...storedFieldsOf({ ...unsound, hrTime: [0, 0] } as EmittedRecord),
  });
});

test('an exporter serializes records that were read back exactly as it serializes the emitted ones', () => {
  const emitted: EmittedRecord[] = [];
  const processor = {
    onEmit: (item: EmittedRecord) => void emitted.push(item),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const provider = new LoggerProvider({
    processors: [processor as never],
    resource: resourceFromAttributes({ 'service.name': 'shop' }, { schemaUrl: 'https://example.com/r' }),
  });
  for (const name of ['orders', 'users']) {
    const logger = provider.getLogger(name, '1.2', { schemaUrl: 'https://example.com/s' });
    // An attribute that is undefined is there to the serializer.
    for (const item of everyField.filter(({ body }) => body !== 17)) logger.emit(item);
  }
  const { codec, open } = recordLane();
  const read = codec.decode(codec.encode(filled(open(), emitted))).toArray();
  for (const serializer of [JsonLogsSerializer, ProtobufLogsSerializer]) {
    const [expected, actual] = [emitted, read].map((records) =>
      Buffer.from(serializer.serializeRequest(records as ReadableLogRecord[]) ?? []).toString(),
    );
    expect(actual).toBe(expected);
  }
});

test('a regrouped batch keeps its weight although attributes of its resources have resolved since', async () => {
  const { codec, open } = encodedLane();
  const { promise, resolve } = Promise.withResolvers<string>();
  const late = resourceFromAttributes({ 'host.id': promise });
  const records = placed([record({ resource: late }), record(), record({ resource: late })]);
  const batch = filled(open(), records);
  const { bytes } = batch;
  resolve('x'.repeat(1_000));
  await late.waitForAsyncAttributes?.();
  const payload = Buffer.from(codec.encode(batch));
  expect(placesIn(payload)).toEqual([0, 2, 1]);
  expect(payload.toString()).toContain('x'.repeat(1_000));
  expect(batch.bytes).toBe(bytes);
  for (let index = 0; index < 3; index++) batch.pop();
  expect(batch.bytes).toBe(0);
});

test('a batch of one resource and one scope keeps its order when it is regrouped', () => {
  for (const [, adapter] of ADAPTERS) {
    const { codec, open } = adapter();
    const batch = filled(open(), placed([record(), record()]));
    batch.regroup();
    expect(placesIn(codec.encode(batch))).toEqual([0, 1]);
    const empty = open();
    empty.regroup();
    expect([empty.records, codec.encode(empty).length, codec.decode(new Uint8Array(0)).records]).toEqual([
      0, 0, 0,
    ]);
  }
});

test('a regrouped batch of many sources adds further records to the sections of their sources', () => {
  const { codec, open } = encodedLane();
  const resources = Array.from({ length: 4 }, (_, index) => ({ attributes: { name: `r${index}` } }));
  const scopes = Array.from({ length: 5 }, (_, index) => ({ name: `s${index}` }));
  const oneOfEach = scopes.flatMap((instrumentationScope) =>
    resources.map((resource) =>
      record({
        resource,
        instrumentationScope,
        body: `${resource.attributes.name} ${instrumentationScope.name}`,
      }),
    ),
  );
  const batch = filled(open(), [...oneOfEach, ...oneOfEach.slice(1)]);
  // The first source has no record left when the groups are put in order, and is back afterwards.
  batch.shift();
  batch.regroup();
  filled(batch, oneOfEach.toReversed());
  const { resourceLogs } = decodeRequest(codec.encode(batch));
  const sections = resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.map(({ scope, logRecords }) => ({
      source: `${(resource as PlainRecord).attributes[0]?.value.stringValue} ${scope?.name}`,
      bodies: logRecords.map(({ body }) => (body as { stringValue: string }).stringValue),
    })),
  );
  expect(resourceLogs).toHaveLength(resources.length);
  expect(sections).toHaveLength(oneOfEach.length);
  for (const { source, bodies } of sections)
    expect(bodies).toEqual(Array(source === 'r0 s0' ? 1 : 3).fill(source));
});

test('the severities of a batch are those of its records after each addition', () => {
  for (const [, adapter] of ADAPTERS) {
    const batch = adapter().open();
    const records: EmittedRecord[] = [];
    for (const severityNumber of [9, 17, 1, 21, undefined, 5, 24, 13]) {
      records.push(record({ severityNumber, body: 'x'.repeat(200 * (records.length + 1)) }));
      batch.add(records.at(-1) as EmittedRecord);
      expect(batch.severities()).toEqual(severitiesOf(records));
      expect([batch.severityAt('oldest'), batch.severityAt('newest')]).toEqual([9, severityNumber ?? 0]);
    }
  }
});
