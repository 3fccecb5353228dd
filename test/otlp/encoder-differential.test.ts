/** The encoder against an oracle, the official decoder and the official serializer, over random records. */

import { isDeepStrictEqual } from 'node:util';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import {
  decodeRequest,
  expectedNanos,
  expectedRequest,
  expectedValue,
  type PlainRequest,
  recordsIn,
  reencode,
} from '../support/otlp-oracle.ts';
import { anyNumber, anyRecords, anyText, anyTime } from '../support/otlp-records.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

function encode(records: readonly EmittedRecord[], capacityBytes = 1_024): Buffer {
  const batch = new EncodedBatch(new EnvelopeEncoder(), Number.POSITIVE_INFINITY, capacityBytes);
  for (const item of records) batch.add(item);
  return batch.toRequest();
}

/** Many times as fast as `toEqual`, which is then left to say where the difference is. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected);
}

const oneValue = (fields: Parameters<typeof record>[0]) =>
  recordsIn(decodeRequest(encode([record(fields)])))[0];

test('encoded records decode to what was logged', () => {
  fc.assert(
    fc.property(anyRecords, fc.constantFrom(0, 100, 100_000), (records, capacityBytes) => {
      expectSame(decodeRequest(encode(records, capacityBytes)), expectedRequest(records));
    }),
    runs(25),
  );
});

test('the official encoder makes the same bytes from a decoded request, so that no field takes more than it needs', () => {
  fc.assert(
    fc.property(anyRecords, (records) => {
      const bytes = encode(records);
      expect(Buffer.compare(reencode(bytes), bytes)).toBe(0);
    }),
    runs(15),
  );
});

test('every text decodes to its well-formed self, as a body, an attribute, a key and an event name', () => {
  fc.assert(
    fc.property(anyText, anyText, (text, key) => {
      const decoded = oneValue({ body: text, attributes: { [key]: text }, eventName: text });
      expectSame(decoded?.body, { stringValue: text.toWellFormed() });
      expectSame(decoded?.attributes, [
        { key: key.toWellFormed(), value: { stringValue: text.toWellFormed() } },
      ]);
      expectSame(decoded?.eventName, text === '' ? undefined : text.toWellFormed());
    }),
    runs(100),
  );
});

test('values with lengths of up to four bytes decode to what was logged', () => {
  for (const length of [2 ** 14, 2 ** 21 - 200, 2 ** 21 - 100, 2 ** 21, 2 ** 21 + 100]) {
    const records = [record({ body: { map: { text: 'x'.repeat(length) } } }), record()];
    const bytes = encode(records);
    expect(Buffer.compare(reencode(bytes), bytes)).toBe(0);
    expectSame(decodeRequest(bytes), expectedRequest(records));
  }
});

test('every number decodes to itself, to the bit', () => {
  fc.assert(
    fc.property(anyNumber, (number) => {
      const value = expectedValue(number);
      const decoded = oneValue({ body: number, attributes: { number, list: [number] } });
      expectSame(decoded?.body, value);
      expectSame(decoded?.attributes, [
        { key: 'number', value },
        { key: 'list', value: { arrayValue: { values: [value] } } },
      ]);
      const back = value.intValue === undefined ? value.doubleValue : Number(value.intValue);
      expect(Object.is(back, number)).toBe(true);
    }),
    runs(200),
  );
});

test('every time decodes exactly, to the nanosecond', () => {
  fc.assert(
    fc.property(anyTime, anyTime, (hrTime, hrTimeObserved) => {
      const decoded = oneValue({ hrTime, hrTimeObserved });
      expect(decoded?.timeUnixNano).toBe(expectedNanos(hrTime));
      expect(decoded?.observedTimeUnixNano).toBe(expectedNanos(hrTimeObserved));
    }),
    runs(300),
  );
});

test('a record does not take over the times of the record before it', () => {
  const times = [0, 1, 999_999_999].flatMap((nanos) =>
    [0, 1_700_000_000, 1_700_000_001].map((seconds): [number, number] => [seconds, nanos]),
  );
  const pairs = times.flatMap((hrTime) => times.map((hrTimeObserved) => ({ hrTime, hrTimeObserved })));
  const decoded = recordsIn(decodeRequest(encode(pairs.map(record))));
  expect(decoded.map((item) => [item.timeUnixNano, item.observedTimeUnixNano])).toEqual(
    pairs.map((pair) => [expectedNanos(pair.hrTime), expectedNanos(pair.hrTimeObserved)]),
  );
});

/**
 * Everything in which we differ from ProtobufLogsSerializer on purpose. What is logged is changed here to what
 * the official serializer can say as we would have said it.
 */
function asOfficialCanSay(value: unknown): unknown {
  // It sends -0 as the integer 0, which loses the sign; we send a double.
  if (Object.is(value, -0)) return 0;
  // It sends an empty value for a bigint; we send the integer, or beyond 64 bits its digits, as the
  // specification maps integers to AnyValue.
  if (typeof value === 'bigint') return 'a bigint';
  // It sends an empty value for a symbol, too; we send its text.
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(asOfficialCanSay);
  // It takes every other object for a map of its own enumerable properties; so do we take class instances and literals.
  return sayable(value);
}

/** It gets times before 1970 wrong; we wrap around, which a reader of signed integers undoes. */
const officialTime = ([seconds, nanos]: readonly [number, number]) => [Math.max(0, seconds), nanos];

function sayable(attributes: object): object {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, asOfficialCanSay(value)]));
}

/** Defaults that it sends, of records and resources and of scopes, and we do not; they mean the same. */
const DEFAULTS_ONLY_IT_SENDS = new Map<string, unknown>([
  ['droppedAttributesCount', 0],
  ['name', ''],
]);

function withoutDefaults(request: PlainRequest): unknown {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).filter(
      ([key, item]) => !DEFAULTS_ONLY_IT_SENDS.has(key) || DEFAULTS_ONLY_IT_SENDS.get(key) !== item,
    );
    return Object.fromEntries(entries.map(([key, item]) => [key, strip(item)]));
  };
  return strip(request);
}

function sayableSource<S extends { attributes?: object | undefined }>(source: S): S {
  return { ...source, ...(source.attributes && { attributes: sayable(source.attributes) }) };
}

test('a request says the same as that of the official serializer, apart from the listed differences', () => {
  fc.assert(
    fc.property(anyRecords, (records) => {
      const resources = new Map(records.map(({ resource }) => [resource, sayableSource(resource)]));
      const scopes = new Map(
        records.map(({ instrumentationScope: scope }) => [scope, sayableSource(scope as object)]),
      );
      const theirs = records.map((item) => ({
        ...item,
        hrTime: officialTime(item.hrTime),
        hrTimeObserved: officialTime(item.hrTimeObserved),
        body: asOfficialCanSay(item.body),
        attributes: sayable(item.attributes),
        resource: resources.get(item.resource),
        instrumentationScope: scopes.get(item.instrumentationScope),
      })) as unknown as EmittedRecord[];
      const official = ProtobufLogsSerializer.serializeRequest(theirs) as Uint8Array;
      expectSame(withoutDefaults(decodeRequest(encode(theirs))), withoutDefaults(decodeRequest(official)));
    }),
    runs(12),
  );
});

test('what is undefined is an empty value, in attributes, maps and lists, as in the official encoding', () => {
  const fields = {
    body: { a: undefined, list: [undefined] },
    attributes: { b: undefined, c: { d: undefined } },
  };
  const official = ProtobufLogsSerializer.serializeRequest([record(fields)]) as Uint8Array;
  expect(withoutDefaults(decodeRequest(encode([record(fields)])))).toEqual(
    withoutDefaults(decodeRequest(official)),
  );
  expect(oneValue(fields)?.attributes[0]).toEqual({ key: 'b', value: {} });
});

test('each listed difference from the official serializer still exists', () => {
  const official = (fields: Parameters<typeof record>[0]) =>
    recordsIn(decodeRequest(ProtobufLogsSerializer.serializeRequest([record(fields)]) as Uint8Array))[0];
  expect(official({ body: -0 })?.body).toEqual({ intValue: '0' });
  expect(oneValue({ body: -0 })?.body).toEqual({ doubleValue: -0 });
  expect(official({ body: 5n })?.body).toEqual({});
  expect(oneValue({ body: 5n })?.body).toEqual({ intValue: '5' });
  expect(official({ body: Symbol('s') })?.body).toEqual({});
  expect(oneValue({ body: Symbol('s') })?.body).toEqual({ stringValue: 'Symbol(s)' });
  for (const body of [new Date(0), new Map([['a', 1]]), new Set([1]), new Error('e')]) {
    expect(official({ body })?.body).toEqual({ kvlistValue: { values: [] } });
    expect(oneValue({ body })?.body).not.toEqual({ kvlistValue: { values: [] } });
  }
  const hrTime = [-1, 0];
  expect(official({ hrTime })?.timeUnixNano).not.toBe(expectedNanos([-1, 0]));
  expect(oneValue({ hrTime })?.timeUnixNano).toBe(expectedNanos([-1, 0]));
  expect(official({})).toHaveProperty('droppedAttributesCount', 0);
  expect(oneValue({})).not.toHaveProperty('droppedAttributesCount');
});
