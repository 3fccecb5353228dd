/** How much of a record is looked at: no more than has room in it, whatever it holds. Accesses are counted, not time. */

import { describe, expect, test } from 'vitest';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { LogBatch } from '../../src/queue/log-batch.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { record } from '../support/records.ts';

const MAX_RECORD_BYTES = 4_096;
const MEMBERS = 30_000;
/** A value takes 2 bytes at least on the wire, and a record that is cut is looked at three times. */
const MOST_READS = MAX_RECORD_BYTES * 2;

class Counter {
  reads = 0;
  listings = 0;

  /** What is read of the object, and how often its keys are listed, is counted. */
  watch<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (all, key, receiver) => {
        this.reads++;
        return Reflect.get(all, key, receiver);
      },
      ownKeys: (all) => {
        this.listings++;
        return Reflect.ownKeys(all);
      },
    });
  }

  /** As many properties, none of which has a value before it is read. */
  get getters(): object {
    const read = () => {
      this.reads++;
      return 'v';
    };
    const target = {};
    for (let index = 0; index < 10_000; index++)
      Object.defineProperty(target, `key-${index}`, { get: read, enumerable: true });
    return target;
  }
}

const members = Object.fromEntries(Array.from({ length: MEMBERS }, (_, index) => [`key-${index}`, index]));

/** Instances that count how many of their items are asked for. */
function countedItems(counter: Counter): Record<string, object> {
  const counted = () => ({
    get value() {
      counter.reads++;
      return 1;
    },
  });
  const items = Array.from({ length: 20_000 }, counted);
  return {
    'a list': items,
    'a set': new Set(items),
    'a map': new Map(items.map((item, index) => [`key-${index}`, item])),
    'a map with keys that are no text': new Map(items.map((item) => [{}, item])),
    'an error': Object.assign(new Error('e', { cause: items }), { items }),
    'a toJSON': new (class {
      toJSON = () => items;
    })(),
  };
}

/** The attributes themselves are not among them: their number is limited by the SDK, which reads them all. */
const PLACES = [
  (value: object) => ({ body: value }),
  (value: object) => ({ attributes: { value } }),
  (value: object) => ({ body: ['first', { value }] }),
];

const LANES: [string, () => LogBatch][] = [
  ['our encoder', () => new EncodedBatch(new EnvelopeEncoder(), MAX_RECORD_BYTES, 1_024)],
  ['the snapshot', () => new RecordBatch(MAX_RECORD_BYTES)],
];

describe.each(LANES)('%s reads of a record', (_, open) => {
  const add = (fields: Parameters<typeof record>[0]) => {
    const batch = open();
    expect(batch.add(record(fields))).toBeLessThanOrEqual(MAX_RECORD_BYTES + 500);
    return batch;
  };

  test('no more members of a map than there is room for, and lists their names twice at most', () => {
    for (const place of PLACES) {
      const counter = new Counter();
      add(place(counter.watch(members)));
      expect(counter.reads).toBeLessThan(MOST_READS);
      expect(counter.listings).toBeLessThanOrEqual(2);
    }
  });

  test('no more getters than there is room for', () => {
    for (const place of PLACES) {
      const counter = new Counter();
      add(place(counter.getters));
      expect(counter.reads).toBeLessThan(MOST_READS);
    }
  });

  test.each(Object.keys(countedItems(new Counter())))(
    'no more items of %s than there is room for',
    (name) => {
      const counter = new Counter();
      add({ body: countedItems(counter)[name] });
      expect(counter.reads).toBeLessThan(MOST_READS);
    },
  );

  test('no more of a list that claims to be endless, sparse or of numbers than there is room for', () => {
    const counter = new Counter();
    const endless = new Proxy([], {
      get: (_, key) => {
        counter.reads++;
        return key === 'length' ? 1e15 : undefined;
      },
    });
    add({ body: endless, attributes: { sparse: new Array(2 ** 32 - 1) } });
    expect(counter.reads).toBeLessThan(MOST_READS);
    // To list their indexes as keys took ten seconds.
    const numbers = new Float64Array(20_000_000);
    add({ body: numbers, attributes: { numbers } });
  });

  test('none of the attributes that are cut, and marks and counts them', () => {
    const counter = new Counter();
    const batch = add({ body: 'kept', attributes: { ...members, small: 1 }, droppedAttributesCount: 1 });
    expect(counter.reads).toBe(0);
    if (!(batch instanceof RecordBatch)) return;
    const [kept] = batch.toArray();
    expect(kept?.body).toBe('kept');
    expect(kept?.attributes).toMatchObject({ 'key-0': 0, 'spillway.truncated': true });
    const left = Object.keys(kept?.attributes ?? {}).length - 1;
    expect(kept?.droppedAttributesCount).toBe(1 + MEMBERS + 1 - left);
  });

  test('deep and wide values to a bound, too', () => {
    const counter = new Counter();
    const unfolding = (): unknown =>
      new Proxy(
        {},
        {
          ownKeys: () => ['a', 'b', 'c'],
          get: () => {
            counter.reads++;
            return unfolding();
          },
          getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
        },
      );
    add({ body: unfolding(), attributes: { a: unfolding() } });
    expect(counter.reads).toBeLessThan(MOST_READS);
  });
});

test('a record that is cut is not read again for each size that is tried', () => {
  // Of wide characters a heap byte takes more on the wire than is reckoned with first.
  const counter = new Counter();
  const items = Array.from({ length: 1_000 }, () => ({
    get value() {
      counter.reads++;
      return '漢'.repeat(20);
    },
  }));
  const batch = new EncodedBatch(new EnvelopeEncoder(), MAX_RECORD_BYTES, 1_024);
  batch.add(record({ body: items }));
  expect(counter.reads).toBeLessThan(1_000);
});
