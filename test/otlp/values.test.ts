/** How values arrive: the same from our encoder, from an official exporter behind the queue, and after the disk. */

import { runInNewContext } from 'node:vm';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RecordBatchCodec } from '../../src/otlp/encoding/batch-codecs.ts';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { decodeRequest, type PlainRecord, type PlainValue, recordsIn } from '../support/otlp-oracle.ts';
import { anyNumber, anyText } from '../support/otlp-records.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

const MAX_RECORD_BYTES = 1 << 20;

type Lane = (record: EmittedRecord) => Uint8Array;

const own: Lane = (item) => {
  const batch = new EncodedBatch(new EnvelopeEncoder(), MAX_RECORD_BYTES, 1_024);
  batch.add(item);
  return batch.toRequest();
};
function snapshots(item: EmittedRecord): RecordBatch {
  const batch = new RecordBatch(MAX_RECORD_BYTES);
  batch.add(item);
  return batch;
}
function afterDisk(item: EmittedRecord): ReadableLogRecord[] {
  const codec = new RecordBatchCodec(MAX_RECORD_BYTES);
  return codec.decode(Buffer.from(codec.encode(snapshots(item)))).toArray();
}
const official: Lane = (item) =>
  ProtobufLogsSerializer.serializeRequest(snapshots(item).toArray()) as Uint8Array;
const officialAfterDisk: Lane = (item) =>
  ProtobufLogsSerializer.serializeRequest(afterDisk(item)) as Uint8Array;

const LANES: [string, Lane][] = [
  ['our encoder', own],
  ['an official exporter', official],
  ['an official exporter after the disk', officialAfterDisk],
];

const decoded = (lane: Lane, fields: Parameters<typeof record>[0]): PlainRecord =>
  recordsIn(decodeRequest(lane(record(fields))))[0] as PlainRecord;

const text = (stringValue: string): PlainValue => ({ stringValue });
const integer = (value: number): PlainValue => ({ intValue: String(value) });
const list = (...values: PlainValue[]): PlainValue => ({ arrayValue: { values } });
const map = (values: Record<string, PlainValue>): PlainValue => ({
  kvlistValue: { values: Object.entries(values).map(([key, value]) => ({ key, value })) },
});

class Money {
  readonly cents = 250;
  toJSON(): string {
    return '2.50 EUR';
  }
}
class Point {
  readonly x = 1;
  get y(): number {
    return 2;
  }
}
class NotFound extends Error {
  override name = 'NotFound';
  readonly code = 'E404';
}
const short = <E extends Error>(error: E): E => Object.assign(error, { stack: 'at here' });

const VALUES: [string, unknown, PlainValue][] = [
  ['undefined', undefined, {}],
  ['null', null, {}],
  ['a function', () => 1, {}],
  ['a symbol', Symbol('kind'), text('Symbol(kind)')],
  ['a bigint that a number holds', 2n ** 60n, { intValue: String(2n ** 60n) }],
  ['a bigint beyond 64 bits', 2n ** 64n, text(String(2n ** 64n))],
  ['a bigint of a million digits', 10n ** 1_000_000n, text('[too large]')],
  ['a date', new Date(1_700_000_000_123), text('2023-11-14T22:13:20.123Z')],
  ['an invalid date', new Date(Number.NaN), text('Invalid Date')],
  ['a URL', new URL('https://user@example.com/a?b=c#d'), text('https://user@example.com/a?b=c#d')],
  ['the parameters of a URL', new URLSearchParams({ a: 'b c' }), text('a=b+c')],
  ['a pattern', /a+/gi, text('/a+/gi')],
  ['a boxed text', Object('boxed'), text('boxed')],
  ['a boxed number', Object(7), integer(7)],
  ['a boxed boolean', Object(false), { boolValue: false }],
  ['a boxed bigint', Object(7n), integer(7)],
  ['a boxed symbol', Object(Symbol('s')), text('Symbol(s)')],
  [
    'a map',
    new Map<unknown, unknown>([
      ['a', 1],
      [true, new Map([['b', undefined]])],
    ]),
    map({ a: integer(1), true: map({ b: {} }) }),
  ],
  ['a set', new Set([1, 'a', new Set()]), list(integer(1), text('a'), { arrayValue: { values: [] } })],
  ['bytes', Buffer.from('abc'), { bytesValue: 'YWJj' }],
  ['an array buffer', new Uint8Array([1, 2]).buffer, { bytesValue: 'AQI=' }],
  ['a shared array buffer', new SharedArrayBuffer(1), { bytesValue: 'AA==' }],
  ['a data view', new DataView(new Uint8Array([1, 2, 3]).buffer, 1), { bytesValue: 'AgM=' }],
  ['a typed array', new Int16Array([-1, 2]), list(integer(-1), integer(2))],
  ['a typed array of bigints', new BigInt64Array([5n]), list(integer(5))],
  ['an instance of a class', new Point(), map({ x: integer(1) })],
  ['an instance with toJSON', new Money(), text('2.50 EUR')],
  ['a literal with toJSON', { cents: 1, toJSON: () => 2 }, map({ cents: integer(1), toJSON: {} })],
  [
    'an error',
    short(new NotFound('no such order', { cause: short(new TypeError('no id')) })),
    map({
      name: text('NotFound'),
      message: text('no such order'),
      stack: text('at here'),
      cause: map({ name: text('TypeError'), message: text('no id'), stack: text('at here') }),
      code: text('E404'),
    }),
  ],
  [
    'errors in one',
    short(new AggregateError([short(new Error('first'))], 'all failed')),
    map({
      name: text('AggregateError'),
      message: text('all failed'),
      stack: text('at here'),
      errors: list(map({ name: text('Error'), message: text('first'), stack: text('at here') })),
    }),
  ],
  [
    'what an aborted request throws',
    Object.defineProperty(new DOMException('timed out', 'TimeoutError'), 'stack', { value: 'at here' }),
    map({ name: text('TimeoutError'), message: text('timed out'), stack: text('at here') }),
  ],
  [
    'values of another realm',
    runInNewContext(
      `[Object.assign(new RangeError('far'), { stack: 's' }), new Date(0), new Map([['a', new Set([1])]]), { a: 1 }, new Uint8Array(1)]`,
    ),
    list(
      map({ name: text('RangeError'), message: text('far'), stack: text('s') }),
      text('1970-01-01T00:00:00.000Z'),
      map({ a: list(integer(1)) }),
      map({ a: integer(1) }),
      { bytesValue: 'AA==' },
    ),
  ],
];

describe.each(LANES)('%s is given', (_, lane) => {
  test.each(VALUES)('%s as what a reader can use', (_name, value, expected) => {
    const { body, attributes } = decoded(lane, {
      body: { inside: value, items: [value] },
      attributes: { attribute: value },
    });
    expect(attributes).toEqual([{ key: 'attribute', value: expected }]);
    expect(body).toEqual(map({ inside: expected, items: list(expected) }));
    if (value !== undefined) expect(decoded(lane, { body: value }).body).toEqual(expected);
  });

  test('no body where there is none', () => {
    expect(decoded(lane, { body: undefined })).not.toHaveProperty('body');
  });

  test('a severity from 1 to 24, or none', () => {
    for (const valid of [1, 9, 24])
      expect(decoded(lane, { severityNumber: valid }).severityNumber).toBe(valid);
    for (const none of [0, -1, 25, 1e20, 1.5, Number.NaN, '17', 17n, Symbol('s'), {}, null, undefined])
      expect(decoded(lane, { severityNumber: none })).not.toHaveProperty('severityNumber');
  });

  test('a real error with its real stack', () => {
    const error = new Error('outer', { cause: 'a text' });
    expect(decoded(lane, { body: error }).body).toEqual(
      map({
        name: text('Error'),
        message: text('outer'),
        stack: text(error.stack ?? ''),
        cause: text('a text'),
      }),
    );
    expect(error.stack).toContain('values.test.ts');
  });
});

test('the only difference: an integer of 64 bits that no number holds is text for exporters that know no bigint', () => {
  const body = 2n ** 53n + 1n;
  expect(decoded(own, { body }).body).toEqual({ intValue: String(body) });
  for (const lane of [official, officialAfterDisk])
    expect(decoded(lane, { body }).body).toEqual(text(String(body)));
});

const leaf = fc.oneof(
  anyText,
  // The official encoders lose the sign of zero.
  anyNumber.map((number) => (number === 0 ? 0 : number)),
  fc.boolean(),
  fc.constantFrom(null, undefined, () => 1, Symbol('s'), 2n ** 70n, -5n),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 20 }),
  fc.float32Array({ maxLength: 5, noNaN: true }).map((numbers) => numbers.map((number) => number || 1)),
  fc.webUrl().map((url) => new URL(url)),
  fc.constantFrom(Object('s'), Object(5), /x/g, new Money(), new Point(), new Map(), new Set()),
);
// Names that are indexes would change places in an object.
const anyName = fc.string({ unit: 'grapheme-ascii', maxLength: 12 }).map((name) => `n${name}`);
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
    fc.dictionary(anyName, tie('value'), { maxKeys: 4 }),
    fc.array(fc.tuple(anyName, tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc
      .tuple(anyText, tie('value'), tie('value'))
      .map(([message, cause, own]) => Object.assign(new Error(message, { cause }), { stack: message, own })),
  ),
})).value;

test('any value arrives the same, whichever exporter sends it, from memory or from disk', () => {
  fc.assert(
    fc.property(anyValue, fc.dictionary(anyName, anyValue, { maxKeys: 4 }), (body, attributes) => {
      const fields = { body, attributes, droppedAttributesCount: 1 };
      const ours = decoded(own, fields);
      expect(decoded(official, fields)).toEqual(ours);
      expect(decoded(officialAfterDisk, fields)).toEqual(ours);
    }),
    runs(40),
  );
});

test('an exporter of JSON is given the same from memory and from disk', () => {
  fc.assert(
    fc.property(anyValue, fc.dictionary(anyName, anyValue, { maxKeys: 4 }), (body, attributes) => {
      const item = record({ body, attributes });
      const [memory, disk] = [snapshots(item).toArray(), afterDisk(item)].map((records) =>
        Buffer.from(JsonLogsSerializer.serializeRequest(records) as Uint8Array).toString(),
      );
      // On disk a lone surrogate is U+FFFD.
      const wellFormed = (_: string, value: unknown) =>
        typeof value === 'string' ? value.toWellFormed() : value;
      const logRecords = (request = '') =>
        JSON.parse(request, wellFormed).resourceLogs[0].scopeLogs[0].logRecords;
      expect(logRecords(disk)).toEqual(logRecords(memory));
    }),
    runs(40),
  );
});
