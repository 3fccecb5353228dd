/** A process that fills batches with records of one shape after another and prints how much its heap grew for each. */

import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { LoggerProvider, type LogRecordProcessor, type ReadWriteLogRecord } from '@opentelemetry/sdk-logs';
import { RecordBatch } from '../../src/records/record-batch.ts';

type Emitted = Parameters<ReturnType<LoggerProvider['getLogger']>['emit']>[0];

const RECORDS = 5_000;
const BATCH_RECORDS = 512;
const WARM_UP_RECORDS = 1_000;

const id = (index: number, length: number) =>
  ((index * 2_654_435_761) % 2 ** 32).toString(36).padStart(length, 'a');
/** One flat string, as it comes out of a decoder: concatenation makes ropes, which V8 keeps in pieces. */
const flat = (text: string) => Buffer.from(text).toString();
const fields = (count: number, value: (index: number) => string | number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`attribute.number.${index}`, value(index)]),
  );

const shapes: Record<string, (index: number) => Emitted> = {
  tiny: (index) => ({ severityNumber: 9, body: `m${id(index, 7)}` }),
  'tiny numbers': (index) => ({
    severityNumber: 9,
    body: index,
    attributes: { a: index, b: index / 7, c: true },
  }),
  typical: (index) => ({
    severityNumber: 9,
    severityText: 'INFO',
    body: `GET /orders/${index} 200 in ${index % 97} ms`,
    attributes: {
      'http.request.method': 'GET',
      'url.path': `/orders/${index}`,
      'http.response.status_code': 200,
      'http.server.request.duration': index / 7,
      'enduser.id': `user-${id(index, 12)}`,
      'request.id': id(index, 32),
    },
  }),
  'wide, 40 ropes': (index) => ({
    body: 'wide',
    attributes: fields(40, (field) => `value-${index}-${field}`),
  }),
  'wide, 40 flat strings': (index) => ({
    body: 'wide',
    attributes: fields(40, (field) => flat(`${index}-${field}`.padEnd(100, '.'))),
  }),
  'wide, 40 integers': (index) => ({ body: 'wide', attributes: fields(40, (field) => index + field) }),
  'wide, 40 fractions': (index) => ({ body: 'wide', attributes: fields(40, (field) => (index + field) / 7) }),
  'long ASCII body': (index) => ({ body: flat(`${index} ${'x'.repeat(4_000)}`) }),
  'non-ASCII body': (index) => ({ body: flat(`Заказ ${index} ${'ж'.repeat(400)}`) }),
  'non-ASCII inside ASCII': (index) => ({ body: flat(`{"id":${index},"text":"${'ж'.repeat(400)}"}`) }),
  'one wide character in ASCII': (index) => ({ body: flat(`${index} ✓ ${'x'.repeat(1_000)}`) }),
  'nested body': (index) => ({
    body: {
      id: index,
      user: { name: `n${index}`, roles: ['admin', `r${index}`], address: { city: `c${index}`, zip: index } },
      items: [
        { sku: `s${index}`, count: 1 },
        { sku: `t${index}`, count: 2 },
      ],
    },
  }),
  'lists of numbers': (index) => ({
    body: {
      integers: Array.from({ length: 50 }, (_, item) => index * item),
      fractions: Array.from({ length: 50 }, (_, item) => (index + 1) / (item + 3)),
    },
  }),
  'in a span of its own': (index) => ({
    body: 'm',
    context: trace.setSpanContext(ROOT_CONTEXT, {
      traceId: flat(index.toString(16).padStart(32, '1')),
      spanId: flat(index.toString(16).padStart(16, '1')),
      traceFlags: 1,
    }),
  }),
  'names of its own': (index) => ({
    body: 'm',
    attributes: Object.fromEntries(
      Array.from({ length: 20 }, (_, field) => [flat(id(index, 10) + field), 1]),
    ),
  }),
  'long names': (index) => ({ body: 'm', attributes: { [flat(`${index}${'k'.repeat(2_000)}`)]: 1 } }),
  bytes: (index) => ({ body: Buffer.alloc(100, index & 255) }),
  dates: (index) => ({ body: new Date(index) as unknown as string }),
  // Far above the bound of a record: what was cut off must not stay.
  'cut from 1 MB': (index) => ({ body: flat(`${index}${'x'.repeat(1_000_000)}`), attributes: { index } }),
};

let batches: RecordBatch[] = [];
let estimatedBytes = 0;
const processor: LogRecordProcessor = {
  onEmit(record: ReadWriteLogRecord) {
    let batch = batches.at(-1);
    if (batch === undefined || batch.records >= BATCH_RECORDS) {
      batch = new RecordBatch(64 * 1024);
      batches.push(batch);
    }
    estimatedBytes += batch.add(record);
  },
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
const logger = new LoggerProvider({ processors: [processor] }).getLogger('heap');

function usedBytes(): number {
  // The second collection frees what the first one only found to be unreachable.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

for (const [shape, make] of Object.entries(shapes)) {
  const records = shape.startsWith('cut') ? 200 : RECORDS;
  for (let index = 0; index < Math.min(records, WARM_UP_RECORDS); index++)
    logger.emit(make(index + 10_000_000));
  batches = [];
  estimatedBytes = 0;
  const before = usedBytes();
  for (let index = 0; index < records; index++) logger.emit(make(index));
  const grownBytes = usedBytes() - before;
  const held = batches.reduce((sum, batch) => sum + batch.records, 0);
  process.stdout.write(`${JSON.stringify({ shape, records: held, estimatedBytes, grownBytes })}\n`);
}
