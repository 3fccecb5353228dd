/**
 * Nanoseconds to turn a log record into the bytes of an OTLP request.
 *
 * Method: both encoders get the same 512 records, as the SDK hands them to a processor, and make the body of
 * one export request of them: the official `ProtobufLogsSerializer` in one call, ours as it does at run time,
 * record by record as they are admitted and then put together. A process warms its encoder up on records of
 * all shapes, as a service logs them, and then measures shape by shape, 100 requests each; its figure
 * is their lower quartile, as garbage collection and other processes fall on the dearer ones (the CPU time
 * under load has both). All records but the tiny ones carry a trace context.
 */

import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadWriteLogRecord } from '@opentelemetry/sdk-logs';
import { EncodedBatch } from '../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../src/otlp/encoding/envelope-encoder.ts';
import type { Contend } from './support/child.ts';
import { type Bench, lowerQuartile, OTLP, STOCK } from './support/measure.ts';
import { emitted, shapes } from './support/records.ts';
import { nanosOf } from './support/stopwatch.ts';
import { inTurns } from './support/turns.ts';

const BATCH_RECORDS = 512;
const MAX_RECORD_BYTES = 256 * 1024;

interface Input {
  readonly requests: number;
  readonly warmUpRequests: number;
}

type Encode = (records: ReadWriteLogRecord[]) => Uint8Array | undefined;

function encoderOf(contender: string): Encode {
  if (contender === STOCK) return (records) => ProtobufLogsSerializer.serializeRequest(records);
  const envelopes = new EnvelopeEncoder();
  let capacityBytes = 1024;
  return (records) => {
    const batch = new EncodedBatch(envelopes, MAX_RECORD_BYTES, capacityBytes);
    for (const record of records) batch.add(record);
    capacityBytes = batch.usedBytes + 1024;
    return batch.toRequest();
  };
}

export const contend: Contend<Input> = async (contender, { requests, warmUpRequests }) => {
  const encode = encoderOf(contender);
  const batches = Object.entries(shapes).map(([shape, make]) => ({
    shape,
    records: emitted(make, BATCH_RECORDS),
  }));
  let encodedBytes = 0;
  for (let request = 0; request < warmUpRequests; request++) {
    for (const { records } of batches) encodedBytes += encode(records)?.length ?? 0;
  }
  const results: Record<string, number> = {};
  for (const { shape, records } of batches) {
    const times: number[] = [];
    for (let request = 0; request < requests; request++) {
      const nanos = nanosOf(() => {
        encodedBytes += encode(records)?.length ?? 0;
      });
      times.push(nanos / BATCH_RECORDS);
    }
    results[shape] = lowerQuartile(times);
  }
  if (!(encodedBytes > 0)) throw new Error('nothing was encoded');
  return results;
};

export const bench: Bench = {
  title: 'Encoding a record',
  run: async (options) => {
    const input: Input = options.quick
      ? { requests: 5, warmUpRequests: 5 }
      : { requests: 100, warmUpRequests: 60 };
    const rounds = await inTurns({ module: import.meta.url, contenders: [STOCK, OTLP], input }, options);
    return Object.keys(shapes).map((shape) => ({
      what: shape,
      unit: 'ns',
      series: rounds.series(shape),
      goal: { kind: 'ratio at most', limit: 0.33 },
      chart: `encode: ${shape}`,
    }));
  },
};
