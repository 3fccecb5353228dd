/** Random log records of everything OTLP can say, and of what it cannot: for property-based tests of the encoder. */

import fc from 'fast-check';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';

/** Where the encoder goes another way, or a length takes a byte more; bytes per character make up the rest. */
const LENGTHS = [0, 1, 15, 31, 40, 42, 43, 48, 49, 60, 63, 64, 65, 100, 117, 120, 121, 122, 127, 128, 129];
const LONG_LENGTHS = [4_000, 5_461, 8_191, 16_380, 16_383, 16_384, 16_400];
const CHARACTERS = [
  'x',
  '\0',
  '\x7f',
  '\x80',
  'é',
  '\u07ff',
  '\u0800',
  '漢',
  '\uffff',
  '😀',
  '\ud800',
  '\udfff',
];

const repeated = (lengths: readonly number[]) =>
  fc
    .tuple(fc.constantFrom(...CHARACTERS), fc.constantFrom(...lengths), fc.constantFrom('', 'a', 'é', '漢'))
    .map(([character, length, end]) => character.repeat(length) + end);

export const anyText = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme-ascii' }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  // Any UTF-16, lone surrogates in any order included.
  { weight: 2, arbitrary: fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes)) },
  { weight: 2, arbitrary: fc.array(fc.constantFrom(...CHARACTERS)).map((parts) => parts.join('')) },
  { weight: 3, arbitrary: repeated(LENGTHS) },
  { weight: 1, arbitrary: repeated(LONG_LENGTHS) },
);

const EDGES = [0, 7, 8, 14, 21, 28, 31, 32, 35, 42, 49, 52, 53, 54, 62, 63, 64, 1_000].map(
  (bits) => 2 ** bits,
);

export const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(Number),
  fc
    .tuple(fc.constantFrom(...EDGES), fc.constantFrom(-1, 0, 1), fc.boolean())
    .map(([edge, offset, isNegative]) => (isNegative ? -edge : edge) + offset),
  fc.constantFrom(
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    2 ** 63 - 1_024,
    -(2 ** 63),
  ),
);

const anyBigInt = fc.oneof(
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.constantFrom(2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 0n, -1n, 127n, 128n),
);

const anyBytes = fc.oneof(
  fc.uint8Array(),
  fc.constantFrom(126, 127, 128, 16_384).map((length) => new Uint8Array(length).fill(length)),
  // A view that does not begin where its memory does.
  fc.uint8Array({ minLength: 3 }).map((bytes) => bytes.subarray(1)),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);

const anyKey = fc.oneof(
  { weight: 10, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 30 }) },
  { weight: 4, arbitrary: anyText },
  { weight: 1, arbitrary: fc.constantFrom('', '__proto__', 'constructor', 'toString', 'length', '0', '17') },
);

const leaf = fc.oneof(
  { weight: 4, arbitrary: anyText },
  { weight: 4, arbitrary: anyNumber },
  { weight: 1, arbitrary: anyBigInt },
  { weight: 1, arbitrary: anyBytes },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constantFrom(null, undefined, () => 1, Symbol('s')) },
  { weight: 1, arbitrary: fc.date({ noInvalidDate: false }) },
);

function anError([message, cause, code]: [string, unknown, string]): Error {
  const error = Object.assign(new Error(message, { cause }), { code });
  // Short: where it was made is of no interest.
  error.stack = `Error: ${message}`;
  return error;
}

const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(anyKey, tie('value'), { maxKeys: 6 }),
    fc
      .array(fc.tuple(fc.string({ maxLength: 30 }), tie('value')), { maxLength: 4 })
      .map((all) => new Map(all)),
    fc.array(tie('value'), { maxLength: 4 }).map((all) => new Set(all)),
    fc.tuple(anyText, tie('value'), fc.string({ maxLength: 10 })).map(anError),
  ),
})).value;

const anyAttributes = fc.dictionary(anyKey, anyValue, { maxKeys: 8 });

/** Up to the last nanosecond that 64 bits can hold. */
export const anyTime: fc.Arbitrary<[number, number]> = fc.tuple(
  fc.oneof(
    fc.integer({ min: 1_600_000_000, max: 1_900_000_000 }),
    fc.integer({ min: -9_223_372_036, max: 18_446_744_072 }),
    fc.constantFrom(0, 1, 4, 5, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 9_223_372_036),
  ),
  fc.oneof(
    fc.integer({ min: 0, max: 999_999_999 }),
    fc.constantFrom(0, 1, 294_967_295, 294_967_296, 999_999_999),
  ),
);

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const anyCount = fc.oneof(fc.constant(0), fc.nat(300), fc.constantFrom(2 ** 31, 2 ** 32 - 1));

const anyResource = fc.record({ attributes: anyAttributes, schemaUrl: optional(anyText) });
const anyScope = fc.record({
  name: anyText,
  version: optional(anyText),
  schemaUrl: optional(anyText),
  attributes: optional(anyAttributes),
  droppedAttributesCount: optional(anyCount),
});

const anyContents = fc.record({
  hrTime: anyTime,
  hrTimeObserved: anyTime,
  severityNumber: optional(fc.integer({ min: 0, max: 24 })),
  severityText: optional(anyText),
  body: anyValue,
  attributes: anyAttributes,
  droppedAttributesCount: anyCount,
  spanContext: optional(
    fc.record({ traceId: hex(16), spanId: hex(8), traceFlags: fc.constantFrom(0, 1, 255, 2 ** 32 - 1) }),
  ),
  eventName: optional(anyText),
});

/** Up to a dozen records of up to three resources and three scopes, in any mixture. */
export const anyRecords: fc.Arbitrary<EmittedRecord[]> = fc
  .tuple(
    fc.array(anyResource, { minLength: 1, maxLength: 3 }),
    fc.array(anyScope, { minLength: 1, maxLength: 3 }),
    fc.array(fc.tuple(anyContents, fc.nat(2), fc.nat(2)), { minLength: 1, maxLength: 12 }),
  )
  .map(([resources, scopes, records]) =>
    records.map(([contents, resource, scope]) => {
      const source = {
        resource: resources[resource % resources.length],
        instrumentationScope: scopes[scope % scopes.length],
      };
      return { ...contents, ...source } as unknown as EmittedRecord;
    }),
  );
