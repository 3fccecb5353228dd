/** What the errors of exporters are taken to mean. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify } from '../../src/delivery/classify.ts';
import { retryDelayMillisOf } from '../../src/delivery/grpc-retry-info.ts';

const withCode = (code: unknown, fields: object = {}) =>
  Object.assign(new Error('failed'), { code, ...fields });
const kindOf = (code: unknown, fields: object = {}) => classify(withCode(code, fields)).kind;

describe('HTTP status', () => {
  const kinds = {
    retryable: [408, 429, 502, 503, 504],
    too_large: [413],
    malformed: [400],
    ambiguous: [401, 403, 404, 405, 407, 415, 500, 501, 505, 599],
    rejected: [402, 406, 409, 410, 411, 422, 431, 499],
  };
  test.each(Object.entries(kinds).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const)))(
    'the HTTP status %i is %s',
    (code, kind) => expect(kindOf(code)).toBe(kind),
  );
});

describe('gRPC status', () => {
  const kinds = {
    retryable: [1, 4, 10, 11, 14, 15],
    malformed: [3],
    ambiguous: [2, 5, 7, 8, 12, 13, 16],
    rejected: [6, 9],
  };
  test.each(Object.entries(kinds).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const)))(
    'the gRPC status %i is %s',
    (code, kind) => expect(kindOf(code, { details: 'some words' })).toBe(kind),
  );

  test.each([
    'grpc: received message larger than max (5 vs. 4)',
    'Received message larger than max (5 vs 4)',
    'Received message that decompresses to a size larger than 4',
    'gRPC message exceeds maximum size 4: 5',
    'Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes',
  ])('RESOURCE_EXHAUSTED with "%s" is too large', (details) => {
    expect(kindOf(8, { details })).toBe('too_large');
    expect(classify(Object.assign(new Error(details), { code: 8 })).kind).toBe('too_large');
  });

  test('OUT_OF_RANGE is too large if it says so', () => {
    expect(kindOf(11, { details: 'Received message that decompresses to a size larger than 4' })).toBe(
      'too_large',
    );
  });

  test('UNAVAILABLE because the channel is not connected is distinguished from an answer of the server', () => {
    const details = 'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:4317';
    expect(classify({ code: 14, details })).toMatchObject({ kind: 'retryable', isUnconnected: true });
    expect(classify({ code: 14, details: 'shutting down' })).not.toHaveProperty('isUnconnected');
    expect(classify({ code: 14 })).not.toHaveProperty('isUnconnected');
  });

  test('RESOURCE_EXHAUSTED of a quota is not about the size of the batch', () => {
    expect(kindOf(8, { details: 'quota exceeded for logs' })).toBe('ambiguous');
  });
});

test.each([
  ['a network error of Node.js', withCode('ECONNREFUSED')],
  ['an error without a code', new Error('Export failed with retryable status')],
  ['no error at all', undefined],
  ['null', null],
  ['a string', 'failed'],
  ['a number that is no status', withCode(0)],
  ['a negative number', withCode(-1)],
  ['a fraction', withCode(413.5)],
  ['the timeout of a fetch', new DOMException('timed out', 'TimeoutError')],
  ['the abortion of a fetch', new DOMException('aborted', 'AbortError')],
  ['a status as a string', withCode('413')],
])('%s may pass by itself', (_name, error) => {
  expect(classify(error)).toEqual({ kind: 'retryable', error });
});

test('no error, however hostile, makes the classification throw', () => {
  const boom = () => {
    throw new Error('hostile');
  };
  const hostile = [
    Object.defineProperty({}, 'code', { get: boom }),
    Object.defineProperty({ code: 8 }, 'details', { get: boom }),
    { code: 8, toString: boom },
    { code: 14, metadata: { get: boom } },
    new Proxy({}, { get: boom }),
  ];
  for (const error of hostile) expect(['retryable', 'ambiguous']).toContain(classify(error).kind);
  fc.assert(
    fc.property(fc.anything(), (error) => {
      expect(classify(error)).toHaveProperty('error', error);
    }),
  );
});

/** One field of a protobuf message. */
function field(number: number, value: Uint8Array | number): Buffer {
  if (typeof value === 'number') return Buffer.from([...varint(number * 8), ...varint(value)]);
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(value.length)]), value]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}

const any = (type: string, message: Uint8Array) =>
  Buffer.concat([field(1, Buffer.from(`type.googleapis.com/${type}`)), field(2, message)]);
const duration = (seconds: number, nanos: number) => Buffer.concat([field(1, seconds), field(2, nanos)]);
const retryInfo = (delay: Uint8Array) => any('google.rpc.RetryInfo', field(1, delay));
const statusWith = (...details: Uint8Array[]) =>
  Buffer.concat([field(1, 8), field(2, Buffer.from('busy')), ...details.map((detail) => field(3, detail))]);
const metadata = (...values: unknown[]) => ({
  get: (key: string) => (key === 'grpc-status-details-bin' ? values : []),
});

describe('RetryInfo', () => {
  test('a RetryInfo is found among other details and read in milliseconds', () => {
    const other = any('google.rpc.DebugInfo', field(2, Buffer.from('stack')));
    expect(retryDelayMillisOf(metadata(statusWith(other, retryInfo(duration(2, 500_000_000)))))).toBe(2_500);
    expect(retryDelayMillisOf(metadata('text', statusWith(retryInfo(duration(0, 1)))))).toBe(1);
    expect(retryDelayMillisOf(metadata(statusWith(any('google.rpc.RetryInfo', Buffer.alloc(0)))))).toBe(0);
    const fixed = Buffer.from([0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x2d, 1, 2, 3, 4]);
    expect(retryDelayMillisOf(metadata(Buffer.concat([fixed, statusWith(retryInfo(duration(3, 0)))])))).toBe(
      3_000,
    );
  });

  test('a RetryInfo of more than a day counts as a day, and a negative one as nothing', () => {
    expect(retryDelayMillisOf(metadata(statusWith(retryInfo(duration(86_400, 0)))))).toBe(86_400_000);
    expect(retryDelayMillisOf(metadata(statusWith(retryInfo(duration(86_401, 0)))))).toBe(86_400_000);
    const negative = Buffer.from([8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    expect(retryDelayMillisOf(metadata(statusWith(retryInfo(negative))))).toBe(0);
  });

  test('what is not there or cannot be read asks for nothing', () => {
    for (const value of [
      undefined,
      null,
      5,
      {},
      { get: 1 },
      metadata(),
      metadata('x'),
      metadata(statusWith()),
    ]) {
      expect(retryDelayMillisOf(value)).toBeUndefined();
    }
    const whole = statusWith(retryInfo(duration(1, 0)));
    expect(retryDelayMillisOf(metadata(whole.subarray(0, -1)))).toBeUndefined();
    expect(retryDelayMillisOf(metadata(Buffer.from([0x0b])))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const millis = retryDelayMillisOf(metadata(bytes));
        expect(millis === undefined || (millis >= 0 && millis <= 86_400_000)).toBe(true);
      }),
    );
  });

  test('a RetryInfo makes a refusal for lack of resources retryable, not before its time', () => {
    const error = withCode(8, {
      details: 'quota',
      metadata: metadata(statusWith(retryInfo(duration(7, 0)))),
    });
    expect(classify(error)).toEqual({ kind: 'retryable', error, retryAfterMillis: 7_000, lacksRoom: true });
    const unavailable = withCode(14, { metadata: metadata(statusWith(retryInfo(duration(1, 0)))) });
    expect(classify(unavailable)).toMatchObject({ kind: 'retryable', retryAfterMillis: 1_000 });
  });
});
