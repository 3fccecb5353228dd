/** The test collector's decoder, held to the protocol's official classes: it is to judge others, so it is judged first. */

import fc from 'fast-check';
import root from 'otlp-transformer-0.203/build/src/generated/root.js';
import { describe, expect, test } from 'vitest';
import { decodeRequest } from '../../src/testing/decode.ts';
import type { ReceivedRecord } from '../../src/testing/received-record.ts';
import { encodeResponse, encodeStatus } from '../../src/testing/responses.ts';
import { runs } from '../support/property-runs.ts';

interface MessageClass {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): unknown;
}
const { ExportLogsServiceRequest, ExportLogsServiceResponse } = (
  root as unknown as {
    opentelemetry: { proto: { collector: { logs: { v1: Record<string, MessageClass> } } } };
  }
).opentelemetry.proto.collector.logs.v1 as Record<
  'ExportLogsServiceRequest' | 'ExportLogsServiceResponse',
  MessageClass
>;

/** One value as each of the three has it: what a test looks at, a protobuf message, and the mapping to JSON. */
interface Value {
  readonly plain: unknown;
  readonly protobuf: object;
  readonly json: object;
}

const same = (plain: unknown, message: object): Value => ({ plain, protobuf: message, json: message });
const exactInteger = (value: bigint) => {
  const isSafe = Number.isSafeInteger(Number(value));
  return isSafe ? Number(value) : String(value);
};

const { value: anyValue, pairs } = fc.letrec<{ value: Value; pairs: [string, Value][] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }).map((text) => same(text, { stringValue: text })),
    fc.boolean().map((boolValue) => same(boolValue, { boolValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({
      plain: exactInteger(value),
      protobuf: { intValue: Number.isSafeInteger(Number(value)) ? Number(value) : longOf(value) },
      json: { intValue: String(value) },
    })),
    fc.double().map((value) => ({
      plain: value,
      protobuf: { doubleValue: value },
      json: { doubleValue: Number.isFinite(value) && !Object.is(value, -0) ? value : textOf(value) },
    })),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({
      plain: Buffer.from(bytes),
      protobuf: { bytesValue: bytes },
      json: { bytesValue: Buffer.from(bytes).toString('base64') },
    })),
    fc.constant(same(undefined, {})),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => ({
      plain: values.map(({ plain }) => plain),
      protobuf: { arrayValue: { values: values.map(({ protobuf }) => protobuf) } },
      json: { arrayValue: { values: values.map(({ json }) => json) } },
    })),
    tie('pairs').map((members) => ({
      plain: plainOf(members),
      protobuf: { kvlistValue: { values: keyValues(members, 'protobuf') } },
      json: { kvlistValue: { values: keyValues(members, 'json') } },
    })),
  ),
  pairs: fc.array(fc.tuple(fc.string({ unit: 'binary' }), tie('value')), { maxLength: 4 }),
}));

const textOf = (value: number) => (Object.is(value, -0) ? '-0' : String(value));
/** As protobufjs wants them without the package for such integers. */
const longOf = (value: bigint) => ({
  low: Number(BigInt.asIntN(32, value)),
  high: Number(value >> 32n),
  unsigned: false,
});
const plainOf = (members: [string, Value][]) =>
  Object.fromEntries(members.map(([key, { plain }]) => [key, plain]));
const keyValues = (members: [string, Value][], encoding: 'protobuf' | 'json') =>
  members.map(([key, value]) => ({ key, value: value[encoding] }));

const nanos = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'));
const record = fc.record({
  body: anyValue,
  attributes: pairs,
  severityNumber: fc.nat(24),
  severityText: fc.string(),
  eventName: fc.string(),
  time: nanos,
  observed: nanos,
  traceId: fc.oneof(fc.constant(''), hex(16)),
  spanId: fc.oneof(fc.constant(''), hex(8)),
  flags: fc.nat(2 ** 32 - 1),
  dropped: fc.nat(2 ** 32 - 1),
});
type Generated = typeof record extends fc.Arbitrary<infer T> ? T : never;
const scopes = fc.array(
  fc.record({
    name: fc.string(),
    version: fc.string(),
    attributes: pairs,
    records: fc.array(record, { maxLength: 3 }),
  }),
  { maxLength: 3 },
);
const requests = fc.array(fc.record({ resource: pairs, scopes }), { maxLength: 3 });

function message(
  request: typeof requests extends fc.Arbitrary<infer T> ? T : never,
  encoding: 'protobuf' | 'json',
) {
  const long = (value: bigint) =>
    encoding === 'json' ? String(value) : { ...longOf(BigInt.asIntN(64, value)), unsigned: true };
  const id = (digits: string) => (encoding === 'json' ? digits : Buffer.from(digits, 'hex'));
  const logRecord = ({ body, attributes, time, observed, traceId, spanId, dropped, ...same }: Generated) => ({
    ...same,
    body: body[encoding],
    attributes: keyValues(attributes, encoding),
    timeUnixNano: long(time),
    observedTimeUnixNano: long(observed),
    traceId: id(traceId),
    spanId: id(spanId),
    droppedAttributesCount: dropped,
  });
  return {
    resourceLogs: request.map(({ resource, scopes }) => ({
      resource: { attributes: keyValues(resource, encoding) },
      schemaUrl: 'https://example.com/schema',
      scopeLogs: scopes.map(({ name, version, attributes, records }) => ({
        scope: { name, version, attributes: keyValues(attributes, encoding) },
        logRecords: records.map(logRecord),
      })),
    })),
  };
}

function expected(request: Parameters<typeof message>[0]): ReceivedRecord[] {
  return request.flatMap(({ resource, scopes }) =>
    scopes.flatMap(({ name, version, attributes: ofScope, records }) =>
      records.map(({ body, attributes, time, observed, dropped, ...same }) => ({
        ...same,
        body: body.plain,
        attributes: plainOf(attributes),
        timeUnixNano: String(time),
        observedTimeUnixNano: String(observed),
        droppedAttributesCount: dropped,
        scope: { name, version, attributes: plainOf(ofScope) },
        resource: plainOf(resource),
      })),
    ),
  );
}

const encode = (request: Parameters<typeof message>[0]) =>
  Buffer.from(ExportLogsServiceRequest.encode(message(request, 'protobuf')).finish());

describe('the decoder of the test collector', () => {
  test('every field of what the official classes have written is read', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const bytes = encode(request);
        expect(decodeRequest(bytes, 'protobuf').records).toEqual(expected(request));
        expect(decodeRequest(bytes, 'protobuf', 'count').count).toBe(expected(request).length);
        for (const identity of ['record', 'body', { attribute: 'n' }] as const) {
          const { ids } = decodeRequest(bytes, 'protobuf', 'records', identity);
          expect(decodeRequest(bytes, 'protobuf', 'ids', identity)).toMatchObject({ ids, records: [] });
        }
      }),
      runs(60),
    );
  });

  test('a request in JSON is read as the same one in protobuf', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const json = Buffer.from(JSON.stringify(message(request, 'json')));
        expect(decodeRequest(json, 'json').records).toEqual(expected(request));
      }),
      runs(60),
    );
  });

  test('a request that is cut short is refused, wherever it is cut', () => {
    const text = { plain: 'x', protobuf: { stringValue: 'x' }, json: {} };
    const generated = { body: text, attributes: [['n', text]], severityText: 'INFO', eventName: '' };
    const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
    const full = { ...generated, ...ids, severityNumber: 9, time: 1n, observed: 2n, flags: 1, dropped: 0 };
    const bytes = encode([
      { resource: [], scopes: [{ name: 's', version: '1', attributes: [], records: [full as Generated] }] },
    ]);
    for (let length = 1; length < bytes.length; length++) {
      expect(() => decodeRequest(bytes.subarray(0, length), 'protobuf'), `${length}`).toThrow(RangeError);
    }
  });

  test.each<[string, number[]]>([
    ['a field number of 0', [0x00, 0x00]],
    ['a group', [0x0b, 0x0c]],
    ['a number where a message belongs', [0x08, 0x01]],
    ['a varint of eleven bytes', [0x50, ...Array<number>(10).fill(0xff), 0x01]],
    ['text that is no UTF-8', [0x0a, 0x08, 0x12, 0x06, 0x12, 0x04, 0x1a, 0x02, 0xc3, 0x28]],
  ])('a request with %s is refused', (_, bytes) => {
    expect(() => decodeRequest(Buffer.from(bytes), 'protobuf')).toThrow();
  });

  test('fields that the decoder does not know are skipped, whatever their wire type', () => {
    const unknown = [0x78, 0xff, 0x01, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 2, 9, 9, 0x7d, 1, 2, 3, 4];
    const logRecord = [...unknown, 0x1a, 1, 0x41, ...unknown];
    const scopeLogs = [0x12, logRecord.length, ...logRecord];
    const resourceLogs = [0x12, scopeLogs.length, ...scopeLogs];
    const request = Buffer.from([0x0a, resourceLogs.length, ...resourceLogs]);
    expect(decodeRequest(request, 'protobuf').records).toMatchObject([{ severityText: 'A' }]);
  });
});

describe('the answers of the test collector', () => {
  test.each([1, 127, 128, 70_000, 2 ** 40])(
    'a partial success of %i is one for the official classes',
    (rejected) => {
      const bytes = encodeResponse('protobuf', { rejected, message: 'zu alt – später' });
      const decoded = ExportLogsServiceResponse.decode(bytes);
      expect(ExportLogsServiceResponse.toObject(decoded, { longs: Number })).toEqual({
        partialSuccess: { rejectedLogRecords: rejected, errorMessage: 'zu alt – später' },
      });
    },
  );

  test('an error has its code and its message as google.rpc.Status numbers them', () => {
    expect([...encodeStatus('protobuf', 3, 'no')]).toEqual([0x08, 3, 0x12, 2, 0x6e, 0x6f]);
    expect(JSON.parse(Buffer.from(encodeStatus('json', 3, 'no')).toString())).toEqual({
      code: 3,
      message: 'no',
    });
  });
});
