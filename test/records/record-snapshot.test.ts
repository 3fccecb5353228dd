/** What the queue keeps of a record: its own copy, whatever the application does, within a bound, and never a throw. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { Harness } from '../support/harness.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

type Fields = Parameters<typeof record>[0];

/** What is kept of a record, and what it was weighed as. */
function kept(fields: Fields, maxRecordBytes = 1 << 20) {
  const batch = new RecordBatch(maxRecordBytes);
  const bytes = batch.add(record(fields));
  const [snapshot] = batch.toArray();
  if (snapshot === undefined) throw new Error('nothing was kept');
  expect(batch.bytes).toBe(bytes);
  return { ...snapshot, attributes: snapshot.attributes as Record<string, unknown>, bytes };
}

test('a record is delivered as it was emitted, whatever the application changes afterwards', async () => {
  const h = new Harness();
  const body = { user: { name: 'ada', tags: ['a'] }, raw: Buffer.from('abc'), at: new Date(1_000) };
  const attributes: Record<string, unknown> = {
    plain: 1,
    deep: { list: [1, 2] },
    bytes: new Uint8Array([1]),
  };
  h.emit(1, { body, attributes });
  body.user.name = 'eve';
  body.user.tags.push('b');
  body.raw[0] = 0;
  body.at.setTime(0);
  attributes.plain = 2;
  attributes.added = true;
  (attributes.deep as { list: number[] }).list.length = 0;
  (attributes.bytes as Uint8Array)[0] = 9;
  await h.advance(1_000);
  const delivered = h.exporter.lastCall.records[0];
  expect(delivered?.body).toEqual({
    user: { name: 'ada', tags: ['a'] },
    raw: new Uint8Array(Buffer.from('abc')),
    at: '1970-01-01T00:00:01.000Z',
  });
  expect(delivered?.attributes).toEqual({ plain: 1, deep: { list: [1, 2] }, bytes: new Uint8Array([1]) });
  await h.end();
});

test('data that fits is kept as it is, and nothing is marked', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 5 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (body, attributes) => {
        const before = structuredClone({ body, attributes });
        const {
          body: keptBody,
          attributes: keptAttributes,
          droppedAttributesCount,
        } = kept({ body, attributes });
        expect(keptBody).toEqual(before.body);
        expect(Object.entries(keptAttributes)).toEqual(Object.entries(before.attributes));
        expect(droppedAttributesCount).toBe(0);
      },
    ),
    runs(30),
  );
});

const circular: Record<string, unknown> = { name: 'loop' };
circular.self = circular;
let deep: unknown = 'bottom';
for (let depth = 0; depth < 10_000; depth++) deep = depth % 2 ? [deep] : { deep };
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const throwing = {
  get bad() {
    throw new Error('no');
  },
  good: 1,
};
/** An array that claims to have no end, of things that cannot be kept. */
const endless = new Proxy([], { get: (_, key) => (key === 'length' ? Number.POSITIVE_INFINITY : () => {}) });
const nested = (): unknown =>
  new Proxy(
    {},
    {
      ownKeys: () => ['a', 'b', 'c'],
      get: nested,
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    },
  );

const hostile: Record<string, unknown> = {
  'a getter that throws': throwing,
  'a circular object': circular,
  'a BigInt': 2n ** 200n,
  'a BigInt inside': { big: 1n },
  'ten thousand levels': deep,
  'a string of 10 MB': 'x'.repeat(10_000_000),
  'a revoked proxy': revoked.proxy,
  'a proxy whose traps throw': new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no keys');
      },
      getPrototypeOf: () => {
        throw new Error('no prototype');
      },
    },
  ),
  'an endless array': endless,
  'a proxy that unfolds for ever': nested(),
  'a sparse array of four billion': new Array(2 ** 32 - 1),
  'a function': () => 1,
  'a symbol': Symbol('s'),
  'a __proto__ key': JSON.parse('{"__proto__": {"polluted": true}}'),
  'a date that is none': Object.create(Date.prototype),
  'an invalid date': new Date(Number.NaN),
  'a null prototype': Object.assign(Object.create(null), { a: 1 }),
  'an object that cannot be converted': {
    toString: null,
    valueOf: null,
    toJSON: () => {
      throw new Error('no JSON');
    },
  },
  'a map': new Map([['a', 1]]),
  'an error': new Error('as a body'),
  undefined: undefined,
};

test.each(Object.entries(hostile))(
  'the hostile value "%s" in body or attributes costs at most itself',
  async (_name, value) => {
    const h = new Harness({ maxRecordBytes: 16_384 });
    h.emit(1, { body: value, attributes: { kept: 'as it is' } });
    h.emit(1, { body: 'a body', attributes: { kept: 'as it is', value, list: [value, 1] } });
    h.emit(1, { body: { value, kept: true } });
    expect(h.stats.queued.records).toBe(3);
    expect(h.stats.queued.bytes).toBeLessThanOrEqual(3 * 16_384);
    await h.advance(1_000);
    const [first, second] = h.exporter.lastCall.records;
    expect(first?.attributes).toMatchObject({ kept: 'as it is' });
    expect(second).toMatchObject({ body: 'a body', attributes: { kept: 'as it is' } });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    await h.end();
  },
);

test('a value that cannot be kept is replaced by a word that says why', () => {
  expect(kept({ body: throwing }).body).toEqual({ bad: '[unreadable]', good: 1 });
  expect(kept({ body: circular }).body).toEqual({ name: 'loop', self: '[circular]' });
  expect(JSON.stringify(kept({ body: deep }).body)).toContain('[too deep]');
  expect(kept({ body: revoked.proxy }).body).toBe('[unreadable]');
  expect(kept({ body: { f() {}, n: 1 } }).body).toEqual({ f: null, n: 1 });
  // The same object twice is no circle.
  const shared = { a: 1 };
  expect(kept({ body: [shared, shared] }).body).toEqual([{ a: 1 }, { a: 1 }]);
});

test('a __proto__ key stays a property, of attributes and of values', () => {
  const attributes = JSON.parse('{"__proto__": {"a": [1]}, "value": {"__proto__": 2}}');
  for (const maxRecordBytes of [1024, 1 << 20]) {
    const result = kept({ attributes, body: 'x'.repeat(2_000) }, maxRecordBytes);
    expect(Object.entries(result.attributes).slice(0, 2)).toEqual(Object.entries(attributes));
    expect(Object.getPrototypeOf(result.attributes)).toBe(Object.prototype);
  }
});

test('an attribute whose getter throws costs itself, and attributes that cannot be listed cost themselves', () => {
  const attributes = Object.defineProperty({ a: 1 }, 'bad', {
    enumerable: true,
    get() {
      throw new Error('no');
    },
  });
  expect(kept({ attributes }).attributes).toEqual({ a: 1, bad: '[unreadable]' });
  expect(kept({ attributes: hostile['a proxy whose traps throw'], body: 'b' })).toMatchObject({ body: 'b' });
});

test('severity texts and event names that are not strings are left out', () => {
  for (const name of [null, 5, {}, Symbol('s')]) {
    expect(kept({ severityText: name, eventName: name })).toMatchObject({ body: 'a message' });
  }
});

test('a record that cannot be read at all is dropped as unserializable, and no other is', async () => {
  const h = new Harness();
  const unreadable = new Proxy(record(), {
    get() {
      throw new Error('no field');
    },
  });
  h.emit(1);
  h.processor.onEmit(unreadable);
  // biome-ignore lint/suspicious/noExplicitAny: what a caller in JavaScript could do.
  h.processor.onEmit(undefined as any);
  h.emit(1);
  await h.advance(1_000);
  expect(h.exporter.delivered).toEqual([0, 1]);
  expect(h.stats.dropped.unserializable).toBe(2);
  await h.end();
});

test('a getter that logs when there is no room does not make a record disappear', async () => {
  const h = new Harness({ maxQueueBytes: 4_000, maxExportBatchSize: 1 }, 'hang');
  h.emit(1, { body: 'x'.repeat(2_500) });
  await h.settle();
  const body = {
    get lazy() {
      h.emit(1, { body: 'y'.repeat(1_500) });
      return 'value';
    },
  };
  h.emit(1, { body });
  h.exporter.script = ['succeed'];
  h.exporter.lastCall.succeed();
  await h.advance(5_000);
  expect(h.exporter.delivered).toContainEqual({ lazy: 'value' });
  expect(h.stats.queued.records).toBe(0);
  await h.end();
});

test('a getter that logs its own record does not do so forever', async () => {
  const h = new Harness();
  const body = {
    get again() {
      h.emit(1, { body });
      return 1;
    },
  };
  h.emit(1, { body });
  expect(h.stats.offered).toBeLessThan(1_000_000);
  await h.advance(1_000);
  expect(h.stats.queued.records).toBe(0);
  await h.end();
});
