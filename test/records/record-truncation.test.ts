/** How a record that is too large is cut down: to a bound that always holds, visibly, and at whole characters. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { cutString, stringBytes } from '../../src/records/value-copy.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

function kept(fields: Parameters<typeof record>[0], maxRecordBytes: number) {
  const batch = new RecordBatch(maxRecordBytes);
  const bytes = batch.add(record(fields));
  const snapshot = batch.toArray()[0];
  return { ...snapshot, attributes: snapshot?.attributes as Record<string, unknown>, bytes };
}

/** Characters and numbers of what was kept, counted without the estimate. */
function leaves(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, item) => sum + leaves(item), 0);
}

const anyValue = fc.oneof(
  fc.anything({
    maxDepth: 6,
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withTypedArray: true,
  }),
  fc.string({ minLength: 1_000, maxLength: 5_000, unit: 'grapheme' }),
  fc.array(
    fc.constantFrom(1, 1.5, 'x', 'y'.repeat(300), () => 1, undefined, null),
    { minLength: 0, maxLength: 400 },
  ),
  fc.uint8Array({ minLength: 500, maxLength: 3_000 }),
  fc.integer({ min: 1, max: 60 }).map((depth) => {
    let value: unknown = 'z'.repeat(500);
    for (let level = 0; level < depth; level++)
      value = level % 2 ? { ['k'.repeat(level * 4)]: value, n: level } : [value, level];
    return value;
  }),
);
const anyKey = fc.oneof(fc.string(), fc.string({ minLength: 60, maxLength: 900 }), fc.constant('__proto__'));

test('the kept part of any record is never estimated above maxRecordBytes', () => {
  fc.assert(
    fc.property(
      anyValue,
      fc.oneof(
        fc.dictionary(anyKey, anyValue, { maxKeys: 8 }),
        fc.dictionary(fc.string(), anyValue, { minKeys: 30, maxKeys: 150, noNullPrototype: true }),
      ),
      fc.option(fc.string({ maxLength: 3_000 }), { nil: undefined }),
      fc.option(fc.string({ maxLength: 3_000 }), { nil: undefined }),
      fc.integer({ min: 1_024, max: 12_000 }),
      (body, attributes, severityText, eventName, maxRecordBytes) => {
        const result = kept({ body, attributes, severityText, eventName }, maxRecordBytes);
        expect(result.bytes).toBeLessThanOrEqual(maxRecordBytes);
        expect(
          leaves([result.body, result.attributes, result.severityText, result.eventName]),
        ).toBeLessThanOrEqual(maxRecordBytes);
        const lost = Object.keys(attributes).length - Object.keys(result.attributes).length;
        if (result.attributes['spillway.truncated'] === true) {
          expect(result.droppedAttributesCount).toBe(lost + 1);
        } else {
          expect(lost).toBe(0);
          expect(result.eventName).toBe(eventName || undefined);
        }
      },
    ),
    runs(20),
  );
});

test('a long body is cut, ends with an ellipsis, and the record is marked', () => {
  const result = kept({ body: 'abc'.repeat(10_000), attributes: { a: 1 } }, 4_096);
  expect(result.body).toMatch(/^(abc)+a?b?…$/);
  expect(result.attributes).toEqual({ a: 1, 'spillway.truncated': true });
  expect(result.bytes).toBeGreaterThan(4_096 * 0.9);
});

test('one huge attribute does not push out the body or its small neighbours', () => {
  const attributes = { 'http.route': '/orders', huge: 'x'.repeat(1_000_000), code: 200 };
  const result = kept({ body: 'short', attributes }, 8_192);
  expect(result.body).toBe('short');
  expect(result.attributes).toMatchObject({ 'http.route': '/orders', code: 200, 'spillway.truncated': true });
  expect((result.attributes.huge as string).length).toBeGreaterThan(1_000);
});

test('large values share the room there is', () => {
  const long = 'x'.repeat(100_000);
  const result = kept({ body: long, attributes: { a: long, b: { text: long } } }, 16_384);
  const lengths = [result.body, result.attributes.a, (result.attributes.b as { text: string }).text].map(
    (text) => (text as string).length,
  );
  for (const length of lengths) expect(length).toBeGreaterThan(2_000);
});

test('attributes for which there is no room are dropped and counted', () => {
  const attributes = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`key-${index}`, 'x'.repeat(100)]),
  );
  const result = kept({ body: 'b', attributes, droppedAttributesCount: 3 }, 4_096);
  const left = Object.keys(result.attributes).length - 1;
  expect(left).toBeGreaterThan(3);
  expect(result.droppedAttributesCount).toBe(3 + 200 - left);
});

test('a collection is cut to its beginning, and so are bytes', () => {
  const list = Array.from({ length: 10_000 }, (_, index) => index);
  const items = kept({ body: list }, 4_096).body as number[];
  expect(items.length).toBeGreaterThan(100);
  expect(items).toEqual(list.slice(0, items.length));
  const bytes = kept({ body: new Uint8Array(10_000).fill(7) }, 4_096).body as Uint8Array;
  expect(bytes.length).toBeGreaterThan(2_000);
  expect(bytes.every((byte) => byte === 7)).toBe(true);
});

test('a long event name and a long severity text are cut when the record has to be', () => {
  const result = kept({ severityText: 'S'.repeat(5_000), eventName: 'E'.repeat(5_000) }, 2_048);
  expect(result.severityText).toMatch(/^S{10,}…$/);
  expect(result.eventName).toMatch(/^E{10,}…$/);
  expect(result.body).toBe('a message');
});

test('a string is never cut inside a surrogate pair, and keeps to its bound', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 20, maxLength: 400 }),
      fc.integer({ min: 64, max: 800 }),
      (text, maxBytes) => {
        const cut = cutString(text, maxBytes);
        if (cut === text) return;
        // Half a pair does not survive UTF-8.
        expect(Buffer.from(cut).toString()).toBe(cut);
        expect(text.startsWith(cut.slice(0, -1))).toBe(true);
        expect(cut.at(-1)).toBe('…');
        expect(stringBytes(cut)).toBeLessThanOrEqual(maxBytes);
      },
    ),
    runs(20),
  );
});
