/** The memory that a batch of bytes holds follows what it counts, whatever was logged. */

import { expect, test } from 'vitest';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import { record } from '../support/records.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function externalBytes(): number {
  return process.memoryUsage().arrayBuffers;
}

test('a text far larger than a record may be is cut before it is encoded, and leaves no large buffer behind', () => {
  const huge = 'x'.repeat(5 * MIB);
  const before = externalBytes();
  const batch = new EncodedBatch(new EnvelopeEncoder(), 256 * KIB, 4 * KIB);
  batch.add(record({ body: 'small' }));
  batch.add(record({ body: huge, attributes: { huge } }));
  batch.add(record({ body: 'small' }));
  expect(batch.records).toBe(3);
  expect(batch.bytes).toBeLessThan(257 * KIB);
  expect(externalBytes() - before).toBeLessThan(4 * MIB);
  expect(batch.toRequest().includes('spillway.truncated')).toBe(true);
});

test('many attributes that are too large together are cut, and leave no large buffer behind', () => {
  const attributes = Object.fromEntries(
    Array.from({ length: 128 }, (_, index) => [`key${index}`, 'y'.repeat(200 * KIB)]),
  );
  const before = externalBytes();
  const batch = new EncodedBatch(new EnvelopeEncoder(), 256 * KIB, 4 * KIB);
  const bytes = batch.add(record({ attributes }));
  expect(bytes).toBeLessThan(257 * KIB);
  expect(externalBytes() - before).toBeLessThan(4 * MIB);
});
