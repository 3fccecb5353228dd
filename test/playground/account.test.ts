/** What the playground says is counted from outside: the numbers of records as they arrive. */
import type { SeverityNumber } from '@opentelemetry/api';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import { expect, test } from 'vitest';
import { Fates } from '../../playground/server/fates.ts';
import { arrivalsOf } from '../../playground/server/otlp.ts';

function recordsOf(attributes: Record<string, unknown>[]): ReadableLogRecord[] {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger('playground');
  for (const [index, each] of attributes.entries()) {
    logger.emit({
      body: 'order stored',
      timestamp: new Date(1_700_000_000_000 + index),
      severityNumber: 9 as SeverityNumber,
      attributes: each as Record<string, string | number>,
    });
  }
  return exporter.getFinishedLogRecords();
}

test('the number and the time of a record are read from an official OTLP request', () => {
  const attributes = [{ route: '/a', seq: 7 }, { seq: 300 }, { seq: 2.5 }, { other: 'seq' }];
  const request = ProtobufLogsSerializer.serializeRequest(recordsOf(attributes)) as Uint8Array;
  expect(arrivalsOf(Buffer.from(request))).toEqual({
    seqs: [7, 300, 2.5],
    times: [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002],
  });
  expect(() => arrivalsOf(Buffer.from(request.subarray(0, request.length - 3)))).toThrow();
});

test('every record of the playground is in one place, and what is held are the youngest', () => {
  const fates = new Fates();
  fates.log(0, 100);
  fates.drop([90, 91]);
  fates.arrive([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 95]);
  fates.arrive([0]);
  expect(fates).toMatchObject({ logged: 100, delivered: 11, twice: 1 });
  expect(fates.places([0, 50, 90], { waiting: 9, onDisk: 30 })).toEqual([
    { delivered: 10, waiting: 0, onDisk: 0, lost: 40 },
    { delivered: 0, waiting: 2, onDisk: 30, lost: 8 },
    { delivered: 1, waiting: 7, onDisk: 0, lost: 2 },
  ]);
});

test('a record that arrives was logged, although its process was killed before it said so', () => {
  const fates = new Fates();
  fates.log(0, 10);
  fates.arrive([14]);
  fates.log(20, 5);
  expect(fates.logged).toBe(16);
  expect(fates.places([0], { waiting: 0, onDisk: 0 })).toEqual([
    { delivered: 1, waiting: 0, onDisk: 0, lost: 15 },
  ]);
});
