/** What hostile values, records and sources cost the encoder: at most themselves, never their neighbours. */

import { resourceFromAttributes } from '@opentelemetry/resources';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import { RecordSnapshot } from '../../src/records/record-snapshot.ts';
import { hostileFields, hostileSources, hostileValues } from '../support/hostile.ts';
import {
  decodeRequest,
  expectedRecord,
  type PlainRecord,
  recordsIn,
  reencode,
} from '../support/otlp-oracle.ts';
import { anyRecords } from '../support/otlp-records.ts';
import { runs } from '../support/property-runs.ts';
import { expectLaw, record } from '../support/records.ts';

type Fields = Parameters<typeof record>[0];

const MAX_RECORD_BYTES = 16_384;
const neighbour = record({ body: 'a neighbour', attributes: { kept: 'as it is' }, eventName: 'neighbour' });

function openBatch(maxRecordBytes = MAX_RECORD_BYTES): EncodedBatch {
  return new EncodedBatch(new EnvelopeEncoder(), maxRecordBytes, 1_024);
}

/** Adds a record between two neighbours. @returns how it decodes; undefined if it was refused. */
function between(fields: Fields, maxRecordBytes?: number): PlainRecord | undefined {
  const batch = openBatch(maxRecordBytes);
  batch.add(neighbour);
  const before = { bytes: batch.bytes, records: batch.records, request: Buffer.from(batch.toRequest()) };
  let bytes: number | undefined;
  try {
    bytes = batch.add(record(fields));
  } catch {
    // Then it has not been there.
  }
  const wasRefused = bytes === undefined;
  expect(batch.bytes).toBe(before.bytes + (bytes ?? 0));
  if (wasRefused) expect({ ...before, records: batch.records, request: batch.toRequest() }).toEqual(before);
  batch.add(neighbour);
  const request = batch.toRequest();
  expect(Buffer.compare(reencode(request), request)).toBe(0);
  const decoded = recordsIn(decodeRequest(request));
  expect(decoded).toHaveLength(wasRefused ? 2 : 3);
  const [first, last] = [decoded[0], decoded.at(-1)];
  expect(first).toEqual(expectedRecord(neighbour));
  expect(last).toEqual(expectedRecord(neighbour));
  return wasRefused ? undefined : decoded[1];
}

const text = (stringValue: string) => ({ stringValue });

describe('hostile values', () => {
  test.each(hostileValues)('the hostile value "$name" costs at most itself', ({ value, encoded }) => {
    const kept = { key: 'kept', value: text('as it is') };
    const asBody = between({ body: value(), attributes: { kept: 'as it is' } });
    expect(asBody?.attributes[0]).toEqual(kept);
    const asAttribute = between({ body: 'a body', attributes: { kept: 'as it is', value: value() } });
    expect(asAttribute).toMatchObject({ body: text('a body') });
    expect(asAttribute?.attributes[0]).toEqual(kept);
    const inside = between({ body: [{ kept: 'as it is', value: value() }] });
    expect(JSON.stringify(inside?.body)).toContain('as it is');
    if (encoded === undefined) return;
    expect(asBody?.body).toEqual(encoded);
    expect(asAttribute?.attributes[1]?.value).toEqual(encoded);
  });
});

describe('hostile fields', () => {
  test.each(hostileFields)(
    'the hostile field "$name" costs at most its record',
    ({ fields, refused = false, missing = [] }) => {
      const decoded = between({ eventName: 'hostile', ...fields() });
      expect(decoded === undefined).toBe(refused);
      for (const field of missing) expect(decoded).not.toHaveProperty(field);
    },
  );

  test('a record of which no part can be read is refused and leaves the batch as it was', () => {
    const batch = openBatch();
    const fail = () => {
      throw new Error('no field');
    };
    expect(() => batch.add(new Proxy(record(), { get: fail }))).toThrow('no field');
    expect(batch.records).toBe(0);
    expect(batch.bytes).toBe(0);
    expect(batch.toRequest()).toHaveLength(0);
  });
});

describe('hostile sources', () => {
  test.each(hostileSources)(
    'the hostile source "$name" costs at most what cannot be read of it',
    ({ fields, resource, scope }) => {
      const batch = openBatch();
      batch.add(neighbour);
      batch.add(record({ body: 'hostile', ...fields() }));
      batch.add(neighbour);
      const request = batch.toRequest();
      expect(request.length).toBeLessThanOrEqual(batch.bytes);
      expect(Buffer.compare(reencode(request), request)).toBe(0);
      const { resourceLogs } = decodeRequest(request);
      const groups = resourceLogs.flatMap((ofResource) =>
        ofResource.scopeLogs.map((ofScope) => ({ ...ofResource, ...ofScope })),
      );
      expect(groups.map(({ logRecords }) => logRecords.length)).toEqual([2, 1]);
      expect(groups[1]?.logRecords[0]?.body).toEqual(text('hostile'));
      if (resource !== undefined) expect(groups[1]?.resource?.attributes).toEqual(resource);
      if (scope !== undefined) expect(groups[1]?.scope).toMatchObject(scope);
    },
  );

  test('an enumerable property of Object.prototype is not logged', () => {
    Object.defineProperty(Object.prototype, 'polluted', { value: 1, enumerable: true, configurable: true });
    const batch = openBatch();
    try {
      batch.add(record({ body: { a: {} }, attributes: { own: 1 } }));
    } finally {
      delete (Object.prototype as { polluted?: number }).polluted;
    }
    expect(batch.toRequest().includes('polluted')).toBe(false);
    expect(batch.toRequest().includes('own')).toBe(true);
  });
});

describe('records that are too large', () => {
  const huge = 'x'.repeat(10_000_000);
  const list = Array.from({ length: 1_000_000 }, (_, index) => index);
  const tooLarge: Fields[] = [
    { body: huge },
    { attributes: { huge } },
    { attributes: { [huge]: 1 } },
    { body: { [huge]: { [huge]: huge } } },
    { eventName: huge },
    { severityText: huge },
    { body: Buffer.alloc(10_000_000) },
    { body: list },
    { body: new Array(2 ** 32 - 1) },
    { body: '漢'.repeat(1_000_000) },
    { attributes: Object.fromEntries(list.slice(0, 20_000).map((index) => [`key-${index}`, index])) },
  ];

  test('a record that is too large is cut to the limit and marked, and no buffer grows to its size meanwhile', () => {
    for (const fields of tooLarge) {
      const before = process.memoryUsage().arrayBuffers;
      const decoded = between(fields);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
      expect(decoded?.attributes).toContainEqual({ key: 'spillway.truncated', value: { boolValue: true } });
      expect(decoded?.timeUnixNano).toBe('1700000000000000000');
    }
  });

  test('a record of ASCII text is cut to not much less than the limit', () => {
    for (const maxRecordBytes of [1_024, 16_384, 262_144]) {
      const body = between({ body: huge }, maxRecordBytes)?.body as { stringValue: string };
      expect(body.stringValue.length).toBeGreaterThan(maxRecordBytes / 3);
      expect(body.stringValue).toMatch(/^x+…$/);
    }
  });

  test('a record is cut to the smallest limit there is, whatever it is made of', () => {
    const keys = Array.from({ length: 500 }, (_, index) => `${index}`.padEnd(64, '漢'));
    const map = Object.fromEntries(keys.map((key, index) => [key, index]));
    const names = { eventName: huge, severityText: huge };
    for (const fields of [
      ...tooLarge,
      { body: map, attributes: map, ...names },
      { body: { map }, ...names },
    ]) {
      expect(between(fields, 1_024)).toBeDefined();
    }
  });

  test('a record of more than maxRecordBytes is cut to them on the wire and marked, and no other is changed', () => {
    const encoded = (item: EmittedRecord, maxRecordBytes: number) => {
      const batch = new EncodedBatch(new EnvelopeEncoder(), maxRecordBytes, 0);
      batch.add(item);
      // What the second one adds is only itself.
      const bytes = batch.add(item);
      return { bytes, decoded: recordsIn(decodeRequest(batch.toRequest()))[0] };
    };
    fc.assert(
      fc.property(anyRecords, fc.integer({ min: 1_024, max: 20_000 }), ([item], maxRecordBytes) => {
        const whole = encoded(item as EmittedRecord, Number.POSITIVE_INFINITY);
        const kept = encoded(item as EmittedRecord, maxRecordBytes);
        expect(kept.bytes).toBeLessThanOrEqual(maxRecordBytes);
        if (whole.bytes <= maxRecordBytes) expect(kept).toEqual(whole);
        // It may be enough to leave out what has no value, such as functions: then there is nothing to mark.
        const snapshot = new RecordSnapshot(item as EmittedRecord, Number.POSITIVE_INFINITY);
        if (encoded(snapshot as unknown as EmittedRecord, Number.POSITIVE_INFINITY).bytes > maxRecordBytes) {
          expect(kept.decoded?.attributes).toContainEqual({
            key: 'spillway.truncated',
            value: { boolValue: true },
          });
        }
      }),
      runs(20),
    );
  });
});

test('a record that does not fit even when it is cut is refused', () => {
  const batch = openBatch(40);
  expect(() => batch.add(record({ body: 'x'.repeat(100) }))).toThrow('cannot be cut down to maxRecordBytes');
  expect({ records: batch.records, bytes: batch.bytes }).toEqual({ records: 0, bytes: 0 });
});

test('onEmit never throws, and the neighbours of all hostile records are queued', async () => {
  const processor = new SpillwayLogRecordProcessor({
    // Never called: nothing is sent before the end of the test.
    exporter: new SpillwayOtlpLogExporter({ url: 'http://127.0.0.1:1/v1/logs' }),
    scheduledDelayMillis: 60_000,
    memoryLimit: false,
  });
  const values = hostileValues.flatMap(({ value }) => [
    { body: value() },
    { attributes: { value: value() } },
  ]);
  const envelopes = hostileSources.map(({ fields }) => fields());
  const fields = hostileFields.filter((item) => !item.refused).map((item) => item.fields());
  const refused = hostileFields.filter((item) => item.refused).map((item) => item.fields());
  for (const item of [...values, ...envelopes, ...fields, ...refused]) processor.onEmit(record(item));
  processor.onEmit(record({ resource: resourceFromAttributes({ late: new Promise(() => {}) }) }));
  const { queued, dropped } = processor.stats();
  expect(dropped).toMatchObject({ unserializable: refused.length, self: 0 });
  expect(queued.records).toBe(values.length + envelopes.length + fields.length + 1);
  await processor.shutdown({ strategy: 'immediate' });
  expectLaw(processor.stats());
});
