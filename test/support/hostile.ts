/** Values, fields and sources that an encoder would rather not meet, and what is to become of them. */

import type { PlainValue } from './otlp-oracle.ts';
import type { record } from './records.ts';

type Fields = Parameters<typeof record>[0];

const fail = (): never => {
  throw new Error('no');
};
const failing = (name: string) => Object.defineProperty({}, name, { enumerable: true, get: fail });
const revoked = <T extends object>(target: T): T => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const circular = () => {
  const loop: Record<string, unknown> = { name: 'loop' };
  loop.self = loop;
  return loop;
};
const deep = (isList: boolean) => {
  let value: unknown = 'bottom';
  for (let depth = 0; depth < 10_000; depth++) value = isList ? [value] : { value };
  return value;
};
const text = (stringValue: string): PlainValue => ({ stringValue });
const integer = (value: number): PlainValue => ({ intValue: String(value) });
const map = (values: Record<string, PlainValue> = {}): PlainValue => ({
  kvlistValue: { values: Object.entries(values).map(([key, value]) => ({ key, value })) },
});
const list = (...values: PlainValue[]): PlainValue => ({ arrayValue: { values } });
const bytes = (...values: number[]): PlainValue => ({ bytesValue: Buffer.from(values).toString('base64') });

class Account {
  readonly id = 7;
  readonly #secret = 'hidden';
  get secret(): string {
    return this.#secret;
  }
}
class Overstated extends Uint8Array {
  override get length(): number {
    return 4_000;
  }
}
const detached = () => {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
};
const unfolding = (): unknown =>
  new Proxy(
    {},
    {
      ownKeys: () => ['a', 'b', 'c'],
      get: unfolding,
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    },
  );
const endless = () =>
  new Proxy([], { get: (_, key) => (key === 'length' ? Number.POSITIVE_INFINITY : () => {}) });

/** Each prototype is another proxy. */
const endlessPrototypes = (): object => new Proxy({ a: 1 }, { getPrototypeOf: endlessPrototypes });

const ownCause = () => {
  const error = Object.assign(new Error('e'), { stack: 's' });
  return Object.defineProperty(error, 'cause', { value: error });
};
const manyProperties = Object.fromEntries(
  Array.from({ length: 100_000 }, (_, index) => [`key-${index}`, index]),
);

const deleting = () => {
  const value: Record<string, number> = {};
  const get = () => {
    delete value.b;
    return 1;
  };
  Object.defineProperty(value, 'a', { enumerable: true, get });
  return Object.assign(value, { b: 2, c: 3 });
};

interface HostileValue {
  readonly name: string;
  readonly value: () => unknown;
  /** Where there is only one right answer. */
  readonly encoded?: PlainValue;
}

const hostile = (name: string, value: () => unknown, encoded?: PlainValue): HostileValue => ({
  name,
  value,
  ...(encoded && { encoded }),
});

export const hostileValues: readonly HostileValue[] = [
  hostile('a getter that throws', () => Object.assign(failing('bad'), { good: 1 }), {
    ...map({ bad: text('[unreadable]'), good: integer(1) }),
  }),
  hostile('a getter that deletes its neighbour', deleting, map({ a: integer(1), c: integer(3) })),
  hostile('a circle', circular, map({ name: text('loop'), self: text('[circular]') })),
  hostile('the same object twice, which is no circle', () => Array(2).fill({ a: 1 }), {
    ...list(map({ a: integer(1) }), map({ a: integer(1) })),
  }),
  hostile('10,000 maps in each other', () => deep(false)),
  hostile('10,000 lists in each other', () => deep(true)),
  hostile('a revoked proxy', () => revoked({}), text('[unreadable]')),
  hostile('a revoked proxy of a list', () => revoked([]), text('[unreadable]')),
  hostile('a proxy of bytes', () => new Proxy(new Uint8Array(3), {}), text('[unreadable]')),
  ...(['ownKeys', 'get', 'getOwnPropertyDescriptor', 'getPrototypeOf'] as const).map((trap) =>
    hostile(`a proxy whose trap ${trap} throws`, () => new Proxy({ a: 1 }, { [trap]: fail })),
  ),
  hostile('a proxy that unfolds for ever', unfolding),
  hostile('a proxy that claims to be an endless list', endless),
  hostile('an instance of a class', () => new Account(), map({ id: integer(7) })),
  hostile('what an object inherits', () => Object.create({ inherited: 1 }), map()),
  hostile('a null prototype', () => Object.assign(Object.create(null), { a: 1 }), map({ a: integer(1) })),
  hostile('a function', () => fail, {}),
  hostile('a symbol', () => Symbol('s'), text('Symbol(s)')),
  hostile('a property named by a symbol', () => ({ [Symbol('s')]: 1 }), map()),
  hostile('a property that is not enumerable', () => Object.defineProperty({}, 'a', { value: 1 }), map()),
  hostile('a __proto__ key', () => JSON.parse('{"__proto__": {"a": 1}}'), {
    kvlistValue: { values: [{ key: '__proto__', value: map({ a: integer(1) }) }] },
  }),
  hostile('an object that cannot be converted', () => ({ toString: null, valueOf: fail, toJSON: fail })),
  hostile(
    'a list with holes',
    () => Object.assign(new Array(4), { 1: 1, 3: 2 }),
    list({}, integer(1), {}, integer(2)),
  ),
  hostile('a list with a name', () => Object.assign([1], { name: 'list' }), list(integer(1))),
  hostile('a list whose getter throws', () => Object.defineProperty([1, 2], 1, { get: fail }), {
    ...list(integer(1), text('[unreadable]')),
  }),
  hostile('a date', () => new Date(0), text('1970-01-01T00:00:00.000Z')),
  hostile('a date that is none', () => Object.create(Date.prototype), text('[unreadable]')),
  hostile('a map', () => new Map([['a', 1]]), map({ a: integer(1) })),
  hostile('a map that is none', () => Object.create(Map.prototype), text('[unreadable]')),
  hostile('a set', () => new Set([1]), list(integer(1))),
  hostile(
    'an error that is none',
    () => Object.create(Error.prototype),
    map({ name: text('Error'), message: text('') }),
  ),
  hostile(
    'an error whose stack throws',
    () => Object.defineProperty(new Error('e'), 'stack', { get: fail }),
    {
      ...map({ name: text('Error'), message: text('e'), stack: text('[unreadable]') }),
    },
  ),
  hostile('an error that is its own cause', ownCause, {
    ...map({ name: text('Error'), message: text('e'), stack: text('s'), cause: text('[circular]') }),
  }),
  hostile('an error with 100,000 properties', () => Object.assign(new Error('e'), manyProperties)),
  hostile(
    'a map with keys of all kinds',
    () =>
      new Map<unknown, unknown>([
        [true, 1],
        ['true', 2],
        [new Date(0), 3],
        [{}, 4],
        [{}, 5],
      ]),
    map({
      'true (0)': integer(1),
      true: integer(2),
      '1970-01-01T00:00:00.000Z': integer(3),
      '[object]': integer(4),
      '[object] (4)': integer(5),
    }),
  ),
  hostile(
    'a map with a key that cannot be read',
    () => new Map([[revoked({}), 1]]),
    map({ '[unreadable]': integer(1) }),
  ),
  hostile(
    'a toJSON that throws',
    () =>
      new (class {
        toJSON = fail;
      })(),
    text('[unreadable]'),
  ),
  hostile(
    'a toJSON that returns itself',
    () =>
      new (class {
        a = 1;
        toJSON() {
          return this;
        }
      })(),
    map({ a: integer(1) }),
  ),
  hostile('a boxed string', () => new String('ab'), text('ab')),
  hostile('an array of doubles', () => new Float64Array([1.5]), list({ doubleValue: 1.5 })),
  hostile('a data view', () => new DataView(new ArrayBuffer(2)), bytes(0, 0)),
  hostile('a proxy of a buffer', () => new Proxy(new ArrayBuffer(2), {}), text('[unreadable]')),
  hostile('prototypes without end', endlessPrototypes),
  hostile('a buffer from the pool', () => Buffer.from('abc'), bytes(97, 98, 99)),
  hostile('bytes in shared memory', () => new Uint8Array(new SharedArrayBuffer(3)).fill(7), bytes(7, 7, 7)),
  hostile('bytes that were transferred away', detached, text('[unreadable]')),
  hostile('bytes that overstate their length', () => new Overstated([1, 2, 3]), bytes(1, 2, 3)),
  hostile('bytes that are none', () => Object.create(Uint8Array.prototype), text('[unreadable]')),
];

interface HostileField {
  readonly name: string;
  readonly fields: () => Fields;
  /** The record is lost; otherwise the fields in `missing` are. */
  readonly refused?: true;
  readonly missing?: readonly string[];
}

const counts = [Number.NaN, -1, Number.POSITIVE_INFINITY, 1e20, 1e300, 2 ** 40, 1.5, '17', null, {}, 17n];
const ids = ['', 'ab', 'g'.repeat(32), '0'.repeat(31), '0'.repeat(64), 'é'.repeat(32), 5, null, {}];
const named = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value));

export const hostileFields: readonly HostileField[] = [
  ...counts.flatMap((count) =>
    ['severityNumber', 'droppedAttributesCount'].map((field) => ({
      name: `${field} ${named(count)}`,
      fields: () => ({ [field]: count }),
      missing: [field],
    })),
  ),
  ...[5, null, Symbol('s'), { toString: fail }, revoked({})].flatMap((name, index) =>
    ['severityText', 'eventName'].map((field) => ({
      name: `${field} of kind ${index}`,
      fields: () => ({ [field]: name }),
    })),
  ),
  ...ids.map((id) => ({
    name: `identifiers ${named(id)}`,
    fields: () => ({ spanContext: { traceId: id, spanId: id, traceFlags: 1 } }),
    missing: ['traceId', 'spanId'],
  })),
  { name: 'no span context', fields: () => ({ spanContext: null }), missing: ['traceId', 'flags'] },
  ...[null, undefined, 5, 'ab', [1], revoked({}), failing('bad'), circular()].map((attributes, index) => ({
    name: `attributes of kind ${index}`,
    fields: () => ({ attributes }),
  })),
  { name: 'a time of no numbers', fields: () => ({ hrTime: [Number.NaN, 'x'], hrTimeObserved: [{}, null] }) },
  { name: 'a time of fractions', fields: () => ({ hrTime: [0.5, 0.5] }) },
  { name: 'no time', fields: () => ({ hrTime: undefined }), refused: true },
  {
    name: 'a severity that is a symbol',
    fields: () => ({ severityNumber: Symbol('s') }),
    missing: ['severityNumber'],
  },
  {
    name: 'a count that throws',
    fields: () => ({ droppedAttributesCount: { valueOf: fail } }),
    missing: ['droppedAttributesCount'],
  },
];

interface HostileSource {
  readonly name: string;
  readonly fields: () => Fields;
  /** The attributes of the resource as they decode, and the scope. */
  readonly resource?: readonly object[];
  readonly scope?: object;
}

const unreadable = (good: string) => [
  { key: good, value: text('kept') },
  { key: 'bad', value: text('[unreadable]') },
];
const attributes = () => Object.defineProperty({ good: 'kept' }, 'bad', { enumerable: true, get: fail });
const huge = 'x'.repeat(10_000_000);

export const hostileSources: readonly HostileSource[] = [
  ...[null, undefined, 5, 'text', {}, revoked({}), { attributes: revoked({}) }, failing('attributes')].map(
    (resource, index) => ({
      name: `a resource of kind ${index}`,
      fields: () => ({ resource }),
      resource: [],
    }),
  ),
  ...[null, undefined, 5, 'text', {}, revoked({}), { name: 5, version: {} }, failing('name')].map(
    (instrumentationScope, index) => ({
      name: `a scope of kind ${index}`,
      fields: () => ({ instrumentationScope }),
      scope: { attributes: [] },
    }),
  ),
  {
    name: 'resource attributes with a getter that throws',
    fields: () => ({ resource: { attributes: attributes() } }),
    resource: unreadable('good'),
  },
  {
    name: 'scope attributes with a getter that throws',
    fields: () => ({ instrumentationScope: { name: 'scope', attributes: attributes() } }),
    scope: { name: 'scope', attributes: unreadable('good') },
  },
  {
    name: 'a resource that cannot say whether it is complete',
    fields: () => ({ resource: Object.assign(failing('asyncAttributesPending'), { attributes: {} }) }),
    resource: [],
  },
  { name: 'a circular resource', fields: () => ({ resource: { attributes: circular() } }) },
  { name: 'a resource of 10 MB', fields: () => ({ resource: { attributes: { huge }, schemaUrl: huge } }) },
  {
    name: 'a scope of 10 MB',
    fields: () => ({ instrumentationScope: { name: huge, version: huge, attributes: { huge } } }),
  },
  {
    name: 'a scope that dropped no number of attributes',
    fields: () => ({ instrumentationScope: { droppedAttributesCount: Number.POSITIVE_INFINITY } }),
  },
];
