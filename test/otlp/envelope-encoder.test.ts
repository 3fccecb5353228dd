/** Resources and scopes around encoded records: encoded once, counted once, and as complete as they are when sent. */

import { resourceFromAttributes } from '@opentelemetry/resources';
import * as sdk3 from '@opentelemetry/sdk-logs';
import * as sdk2xx from 'sdk-logs-0.2xx';
import { expect, test } from 'vitest';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import { decodeRequest, expectedRequest, type PlainKeyValue } from '../support/otlp-oracle.ts';
import { record } from '../support/records.ts';

/** A resource, and what makes its late attribute resolve. */
function lateResource(name: string) {
  const { promise, resolve } = Promise.withResolvers<string>();
  const resource = resourceFromAttributes({ 'service.name': name, 'host.id': promise });
  const settle = async () => {
    resolve(`host of ${name}`);
    await resource.waitForAsyncAttributes?.();
  };
  return { resource, settle };
}

function openBatch(envelopes = new EnvelopeEncoder()): EncodedBatch {
  return new EncodedBatch(envelopes, 1_024, 1_024);
}

/** The resources of a request, each with the values of its attributes. */
function resourcesOf(batch: EncodedBatch): unknown[][] {
  return decodeRequest(batch.toRequest()).resourceLogs.map(({ resource }) =>
    ((resource?.attributes ?? []) as PlainKeyValue[]).map(({ value }) => value.stringValue),
  );
}

test('a resource is sent with the attributes it has, and with the late ones after they have resolved', async () => {
  const { resource, settle } = lateResource('shop');
  const batch = openBatch();
  batch.add(record({ resource }));
  expect(batch.pendingResources).toEqual([resource]);
  expect(resourcesOf(batch)).toEqual([['shop']]);
  await settle();
  expect(batch.pendingResources).toEqual([]);
  expect(resourcesOf(batch)).toEqual([['shop', 'host of shop']]);
});

test('a request that was handed out stays as it is when late attributes make the next one longer', async () => {
  const { resource, settle } = lateResource('shop');
  const batch = openBatch();
  for (let body = 0; body < 4; body++) batch.add(record({ body: `${body}`.repeat(100), resource }));
  // Room before the records, for a longer resource.
  batch.shift();
  batch.shift();
  const first = batch.toRequest();
  const before = Buffer.from(first);
  await settle();
  expect(resourcesOf(batch)).toEqual([['shop', 'host of shop']]);
  expect(first).toEqual(before);
  expect(decodeRequest(first).resourceLogs[0]?.scopeLogs?.[0]?.logRecords).toHaveLength(2);
});

test('late attributes reach every part of a batch that was split before, and the batch that a part is joined with', async () => {
  const envelopes = new EnvelopeEncoder();
  const [shop, bank] = [lateResource('shop'), lateResource('bank')];
  const batch = openBatch(envelopes);
  const records = [shop, bank, shop, bank].map(({ resource }, body) => record({ body, resource }));
  for (const item of records) batch.add(item);
  expect(batch.pendingResources).toEqual([shop.resource, bank.resource]);
  const part = batch.split(2);
  await shop.settle();
  expect(part.pendingResources).toEqual([bank.resource]);
  expect(resourcesOf(part)).toEqual([['shop', 'host of shop'], ['bank']]);
  await bank.settle();
  expect(resourcesOf(batch)).toEqual([
    ['shop', 'host of shop'],
    ['bank', 'host of bank'],
  ]);
  part.append(batch);
  expect(decodeRequest(part.toRequest())).toEqual(expectedRequest(records));
});

test('batches that are opened after late attributes have resolved count them in their weight', async () => {
  const envelopes = new EnvelopeEncoder();
  const { resource, settle } = lateResource('shop');
  const early = openBatch(envelopes);
  early.add(record({ resource }));
  const bytes = early.bytes;
  await settle();
  early.toRequest();
  expect(early.bytes).toBe(bytes);
  const late = openBatch(envelopes);
  late.add(record({ resource }));
  expect(late.bytes).toBeGreaterThanOrEqual(late.toRequest().length);
  expect(late.bytes).toBe(bytes + Buffer.from('....host.id..host of shop....').length - 2);
});

test('a resource and a scope are each read once for all batches', () => {
  let reads = 0;
  const counting = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key, receiver) {
        if (key === 'attributes') reads++;
        return Reflect.get(object, key, receiver);
      },
    });
  const envelopes = new EnvelopeEncoder();
  const resource = counting({ attributes: { 'service.name': 'shop' } });
  const instrumentationScope = counting({ name: 'orders', attributes: {} });
  for (let batches = 0; batches < 3; batches++) {
    const batch = openBatch(envelopes);
    for (let records = 0; records < 3; records++) batch.add(record({ resource, instrumentationScope }));
    batch.toRequest();
  }
  expect(reads).toBe(2);
});

test('a resource counts once in the weight of a batch, however many scopes log', () => {
  const resource = { attributes: { padding: 'x'.repeat(5_000) } };
  const batch = openBatch();
  const scopes = Array.from({ length: 20 }, (_, index) => ({ name: `scope ${index}` }));
  for (const instrumentationScope of scopes) batch.add(record({ resource, instrumentationScope }));
  const request = batch.toRequest();
  expect(decodeRequest(request).resourceLogs).toHaveLength(1);
  expect(batch.bytes - request.length).toBeLessThan(5 * scopes.length);
  while (batch.records > 0) batch.pop();
  expect(batch.bytes).toBe(0);
});

test.each([
  { generation: '3.x', sdk: sdk3 },
  { generation: '0.2xx', sdk: sdk2xx },
])('records emitted by a logger of sdk-logs $generation decode to what it was given', ({ sdk }) => {
  const emitted: EmittedRecord[] = [];
  const processor = {
    onEmit: (item: EmittedRecord) => void emitted.push(item),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const provider = new sdk.LoggerProvider({ processors: [processor as never] });
  const loggers = [
    provider.getLogger('orders', '1.2.3', { schemaUrl: 'https://example.com/schema' }),
    provider.getLogger('users'),
  ];
  for (const [index, logger] of loggers.entries()) {
    logger.emit({
      timestamp: [1_700_000_000, 1],
      body: { index, list: [1, 'two', { three: 3.5 }] } as never,
      severityNumber: 17,
      severityText: 'ERROR',
      eventName: 'order.failed',
      attributes: { 'http.route': '/orders/:id', count: index, ratio: 0.5, ok: true },
    });
  }
  const batch = openBatch();
  for (const item of emitted) batch.add(item);
  expect(decodeRequest(batch.toRequest())).toEqual(expectedRequest(emitted));
});
