/** Bytes that are no request, or that someone has tampered with: refused as what they are, at no great cost. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLines, requestToJson } from '../../src/cli/reading/otlp-json.ts';
import { EncodedBatchCodec, RecordBatchCodec } from '../../src/otlp/encoding/batch-codecs.ts';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import { decodeRequest, recordsIn } from '../support/otlp-oracle.ts';
import { anyRecords } from '../support/otlp-records.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;

function requestOf(records: readonly EmittedRecord[]): Buffer {
  const batch = new EncodedBatch(new EnvelopeEncoder(), UNLIMITED, 0);
  for (const item of records) batch.add(item);
  return Buffer.from(batch.toRequest());
}

/** Every way to read a request, each with all that may be done to what was read. */
const READERS: Readonly<Record<string, (request: Uint8Array) => unknown>> = {
  bytes: (request) => {
    const codec = new EncodedBatchCodec(new EnvelopeEncoder(), UNLIMITED);
    const batch = codec.decode(request);
    batch.severities();
    batch.severityAt('newest');
    batch.append(codec.decode(request));
    const part = batch.split(Math.ceil(batch.records / 2));
    for (const piece of [part, batch]) codec.decode(codec.encode(piece));
    while (batch.records > 0) batch.pop();
    while (part.records > 0) part.shift();
    expect([batch.bytes, part.bytes]).toEqual([0, 0]);
    return undefined;
  },
  snapshots: (request) => {
    const codec = new RecordBatchCodec(UNLIMITED);
    return codec.decode(codec.encode(codec.decode(request)));
  },
  json: (request) => JSON.stringify(requestToJson(request)),
  lines: (request) => Array.from(jsonLines(request, 1_000)),
};

/** Reads it in every way, each of which may only fail with a RangeError. @returns which did. */
function refusalsOf(request: Uint8Array): string[] {
  return Object.entries(READERS)
    .filter(([, read]) => {
      try {
        read(request);
        return false;
      } catch (error) {
        expect(error, String((error as Error).stack)).toBeInstanceOf(RangeError);
        expect((error as Error).message).not.toContain('call stack');
        return true;
      }
    })
    .map(([name]) => name);
}

const ALL = Object.keys(READERS);

/** A length-delimited field. */
function field(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const length: number[] = [];
  let rest = bytes;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.of(tag, ...length, rest), ...parts]);
}
const requestWith = (...recordFields: readonly Uint8Array[]) =>
  field(0x0a, field(0x12, field(0x12, ...recordFields)));

test('random bytes are read or refused with a RangeError by every reader', () => {
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // Of what messages are made of, so that it goes deeper.
    fc
      .array(fc.constantFrom(0x0a, 0x12, 0x1a, 0x2a, 0x32, 0x10, 0x09, 0x45, 0, 1, 2, 3, 5, 8, 0x80, 0xff), {
        maxLength: 200,
      })
      .map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(
    fc.property(anyBytes, (bytes) => void refusalsOf(bytes)),
    runs(100),
  );
});

test('a request that is cut short anywhere is refused by every reader', () => {
  const request = requestOf([
    record({ attributes: { list: [1, { a: 'x' }], flag: true }, body: 'a', eventName: 'e' }),
    record({ body: { of: 1.5 } }),
  ]);
  expect(refusalsOf(request)).toEqual([]);
  for (let length = 1; length < request.length; length++) {
    expect(refusalsOf(request.subarray(0, length)), `cut to ${length}`).toEqual(ALL);
  }
});

test('a request with altered bytes is read or refused with a RangeError by every reader', () => {
  fc.assert(
    fc.property(
      anyRecords,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (records, changes) => {
        const request = requestOf(records);
        for (const [place, byte] of changes) request[place % request.length] = byte;
        refusalsOf(request);
      },
    ),
    runs(8),
  );
});

test.each([
  { name: 'a length beyond the end', bytes: [0x0a, 0x05, 0x12] },
  { name: 'a length of 4 GB', bytes: [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f] },
  { name: 'a length of 64 bits', bytes: [0x0a, ...Array(9).fill(0xff), 0x01] },
  { name: 'a length of 4 GB and two bytes', bytes: [0x0a, 0x82, 0x80, 0x80, 0x80, 0x10, 0x12, 0x00] },
  { name: 'a number that does not end', bytes: [0x0a, ...Array(20).fill(0x80)] },
  { name: 'field 0', bytes: [0x02, 0x00] },
  { name: 'a group', bytes: [0x0b, 0x0c] },
  { name: 'resource logs that are a number', bytes: [0x08, 0x01] },
  { name: 'scope logs that are a number', bytes: [0x0a, 0x02, 0x10, 0x01] },
  { name: 'records that are fixed', bytes: [0x0a, 0x07, 0x12, 0x05, 0x15, 1, 2, 3, 4] },
])('a request with $name is refused by every reader', ({ bytes }) => {
  expect(refusalsOf(Uint8Array.from(bytes))).toEqual(ALL);
});

test.each([
  { name: 'lists', wrap: (inner: Buffer) => field(0x2a, field(0x0a, inner)) },
  { name: 'maps', wrap: (inner: Buffer) => field(0x32, field(0x0a, field(0x12, inner))) },
])('nested $name are read as deep as they are written, and refused beyond that', ({ name, wrap }) => {
  let value: Buffer = Buffer.of(0x10, 0x01);
  for (let depth = 1; depth < 2_000; depth++) {
    value = wrap(value);
    if (depth > 35 && depth % 400 !== 0) continue;
    const request = requestWith(field(0x2a, value), field(0x32, field(0x12, value)));
    const refusals = depth <= 31 ? [] : ['snapshots', 'json', 'lines'];
    expect(refusalsOf(request), `${depth} ${name}`).toEqual(refusals);
  }
});

test('the deepest value that is written takes fewer than 100 levels of messages', () => {
  let value: unknown = 1;
  for (let depth = 0; depth < 40; depth++) value = { value };
  const request = requestOf([record({ body: value, attributes: { value } })]);
  expect(levelsOf(request)).toBeLessThan(100);
  expect(JSON.stringify(decodeRequest(request))).toContain('[too deep]');
});

/** How deep the messages of a request are in each other, taking for one whatever can be read as one. */
function levelsOf(bytes: Buffer): number {
  let levels = 1;
  for (let at = 0; at < bytes.length; ) {
    const type = (bytes[at++] as number) & 7;
    let value = 0;
    if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else {
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++] as number;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      if (type === 2) {
        const inner = bytes.subarray(at, at + value);
        // A text is no message: none of those here begins like one.
        if ([0x0a, 0x12, 0x2a, 0x32, 0x09].includes(inner[0] ?? 0))
          levels = Math.max(levels, 1 + levelsOf(inner));
        at += value;
      }
    }
  }
  return levels;
}

const one = requestWith(Buffer.of(0x10, 0x09));
test.each([
  { name: 'resources', request: Buffer.concat(Array(10_000).fill(one)) },
  { name: 'scopes', request: field(0x0a, ...Array(10_000).fill(one.subarray(2))) },
  {
    name: 'unknown fields between records',
    request: field(0x0a, field(0x12, ...Array(10_000).fill(Buffer.of(0x12, 0, 0x20, 1)))),
  },
  {
    name: 'empty records',
    request: field(0x0a, field(0x12, Buffer.concat(Array(10_000).fill(Buffer.of(0x12, 0))))),
  },
])('a request with 10,000 $name is read by every reader', ({ request }) => {
  expect(refusalsOf(request)).toEqual([]);
});

test('unknown fields, an unusual order and overlong lengths are kept and read', () => {
  const resource = field(0x0a, field(0x0a, field(0x0a, Buffer.from('k')), field(0x12, Buffer.of(0x10, 1))));
  const unknown = Buffer.of(0xa0, 0x06, 0x07);
  const scope = field(0x0a, field(0x0a, Buffer.from('orders')));
  // An event name first, a time last, and a length of one in two bytes.
  const first = field(
    0x12,
    field(0x62, Buffer.from('e')),
    unknown,
    Buffer.of(0x10, 0x11),
    Buffer.from('09ff00000000000000', 'hex'),
  );
  const second = Buffer.of(0x12, 0x82, 0x00, 0x10, 0x05);
  const request = field(
    0x0a,
    field(0x1a, Buffer.from('schema')),
    unknown,
    field(0x12, second, unknown, first, scope),
    resource,
  );
  const codec = new EncodedBatchCodec(new EnvelopeEncoder(), UNLIMITED);
  const batch = codec.decode(request);
  expect(batch.records).toBe(2);
  expect([batch.severityAt('oldest'), batch.severityAt('newest')]).toEqual([5, 17]);
  expect(batch.severities()).toEqual([0, 0, 1, 0, 0, 1, 0]);
  const again = Buffer.from(codec.encode(batch));
  expect(decodeRequest(again)).toEqual(decodeRequest(request));
  expect(again.toString('hex').split(unknown.toString('hex'))).toHaveLength(4);
  const records = new RecordBatchCodec(UNLIMITED).decode(request).toArray();
  expect(records.map(({ eventName, severityNumber, hrTime }) => [eventName, severityNumber, hrTime])).toEqual(
    [
      [undefined, 5, [0, 0]],
      ['e', 17, [0, 255]],
    ],
  );
  expect(records[1]?.resource.attributes).toEqual({ k: true });
  expect(records[1]?.resource.schemaUrl).toBe('schema');
  expect(records[1]?.instrumentationScope).toEqual({ name: 'orders' });
  expect(recordsIn(decodeRequest(request))).toHaveLength(2);
});

test('a source without records is left out', () => {
  const request = Buffer.concat([field(0x0a, field(0x0a)), field(0x0a, field(0x12, field(0x0a)))]);
  for (const codec of [
    new EncodedBatchCodec(new EnvelopeEncoder(), UNLIMITED),
    new RecordBatchCodec(UNLIMITED),
  ]) {
    const batch = codec.decode(request);
    expect([batch.records, batch.bytes, codec.encode(batch as never).length]).toEqual([0, 0, 0]);
  }
});

/** Messages without contents, so many bytes of them. */
const manyOf = (kib: number, ...bytes: readonly number[]) => Buffer.alloc(kib * 1024, Buffer.from(bytes));

test.each([
  { name: 'resources', request: manyOf(128, 0x0a, 0), refusing: ALL },
  { name: 'scopes', request: field(0x0a, manyOf(128, 0x12, 0)), refusing: ALL },
  // As bytes, a record is only its place.
  { name: 'records', request: field(0x0a, field(0x12, manyOf(128, 0x12, 0))), refusing: ['snapshots'] },
  {
    name: 'bytes in a list',
    request: requestWith(field(0x2a, field(0x2a, manyOf(640, 0x0a, 2, 0x3a, 0)))),
    refusing: ['snapshots'],
  },
])(
  'empty $name are refused before they take more than sixteen times their size and 16 MiB',
  ({ request, refusing }) => {
    const codecs = {
      bytes: () => new EncodedBatchCodec(new EnvelopeEncoder(), UNLIMITED).decode(request),
      snapshots: () => new RecordBatchCodec(UNLIMITED).decode(request),
      json: () => requestToJson(request),
      lines: () => jsonLines(request, 1_000).next(),
    };
    for (const [name, decode] of Object.entries(codecs)) {
      if (refusing.includes(name)) expect(decode, name).toThrow('would take too much memory');
      else if (name !== 'json' && name !== 'lines') expect(decode, name).not.toThrow();
    }
  },
);

test('a batch of the smallest records there are, and of lists in lists, is read by every reader', () => {
  const smallest = requestOf(
    Array.from({ length: 60_000 }, () => record({ body: undefined, severityNumber: 0 })),
  );
  const lists = requestOf([record({ body: Array.from({ length: 60_000 }, () => [{}, []]) })]);
  const codec = new RecordBatchCodec(UNLIMITED);
  expect(codec.decode(smallest).records).toBe(60_000);
  expect(codec.decode(lists).records).toBe(1);
  for (const request of [smallest, lists]) expect(() => requestToJson(request)).not.toThrow();
});
