/** A resource that was stored, to exporters and to applications that merge it: as one of the SDK's own. */

import { resourceFromAttributes } from '@opentelemetry/resources';
import { expect, test } from 'vitest';
import { StoredResource } from '../../src/otlp/encoding/request-decoder.ts';

const URL_A = 'https://example.com/a';
const URL_B = 'https://example.com/b';

test.each([
  [undefined, undefined],
  [URL_A, undefined],
  [undefined, URL_B],
  [URL_A, URL_A],
  [URL_A, URL_B],
  [URL_A, ''],
  ['', URL_B],
])(
  'a stored resource with schema %s merges with one with schema %s as a resource of the SDK does',
  (own, others) => {
    const attributes = { shared: 'own', own: [1, 2] };
    const other = resourceFromAttributes({ shared: 'other', other: true }, options(others));
    const stored = new StoredResource(attributes, own).merge(other);
    const official = resourceFromAttributes(attributes, options(own)).merge(other);
    expect({ ...stored.attributes }).toEqual({ ...official.attributes });
    expect(stored.schemaUrl).toBe(official.schemaUrl);
    // And the other way round, which reads the raw attributes of the stored one.
    const into = other.merge(new StoredResource(attributes, own));
    expect(into.attributes).toEqual(other.merge(resourceFromAttributes(attributes, options(own))).attributes);
  },
);

const options = (schemaUrl: string | undefined) => (schemaUrl === undefined ? {} : { schemaUrl });

test('a stored resource has nothing pending, and merging it with none gives itself', async () => {
  const resource = new StoredResource({ a: 1 }, undefined);
  expect(resource.asyncAttributesPending).toBe(false);
  await expect(resource.waitForAsyncAttributes()).resolves.toBeUndefined();
  expect(resource.merge(null)).toBe(resource);
  expect(resource.getRawAttributes()).toEqual([['a', 1]]);
});
