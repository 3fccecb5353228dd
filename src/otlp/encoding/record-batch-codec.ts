/** Converts batches of snapshots to OTLP requests and back, with every field that OTLP can hold. */

import { WireReader } from '../../protobuf/wire-reader.ts';
import type { BatchCodec, EmittedRecord } from '../../queue/log-batch.ts';
import { RecordBatch } from '../../records/record-batch.ts';
import { RecordSnapshot } from '../../records/record-snapshot.ts';
import { EncodedBatch } from './encoded-batch.ts';
import { resourceOf, scopeOf } from './envelope-decoder.ts';
import { EnvelopeEncoder } from './envelope-encoder.ts';
import { readRecord } from './record-decoder.ts';
import { sectionsOf } from './request-decoder.ts';

export class RecordBatchCodec implements BatchCodec<RecordBatch> {
  readonly #envelopes = new EnvelopeEncoder();
  readonly #maxRecordBytes: number;

  constructor(maxRecordBytes: number) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  encode(batch: RecordBatch): Uint8Array {
    batch.regroup();
    const encoded = new EncodedBatch(this.#envelopes, Number.POSITIVE_INFINITY, batch.bytes);
    for (const record of batch.toArray()) {
      try {
        encoded.add(record as EmittedRecord);
      } catch {
        // Kept without the fields that cannot be encoded: the exporter might have coped with it.
        encoded.add(readable(record as EmittedRecord));
      }
    }
    return encoded.toRequest();
  }

  decode(payload: Uint8Array): RecordBatch {
    const reader = new WireReader(payload);
    const snapshots: RecordSnapshot[] = [];
    for (const section of sectionsOf(payload)) {
      const resource = resourceOf(section.envelope);
      for (const { envelope, ranges } of section.scopes) {
        const scope = scopeOf(envelope);
        for (let index = 0; index < ranges.length; index += 2) {
          reader.position = ranges[index] as number;
          reader.limit = ranges[index + 1] as number;
          snapshots.push(new RecordSnapshot(readRecord(reader, resource, scope), Number.POSITIVE_INFINITY));
        }
      }
    }
    return new RecordBatch(this.#maxRecordBytes, snapshots);
  }
}

/** The record without the fields that cannot be encoded; body and attributes are copies, which always can. */
function readable(record: EmittedRecord): EmittedRecord {
  return {
    hrTime: read(() => timeOf(record.hrTime)) ?? [0, 0],
    hrTimeObserved: read(() => timeOf(record.hrTimeObserved)) ?? [0, 0],
    spanContext: read(() => spanOf(record.spanContext)),
    severityNumber: read(() => Number(record.severityNumber)),
    severityText: record.severityText,
    body: record.body,
    attributes: record.attributes,
    droppedAttributesCount: read(() => Number(record.droppedAttributesCount)) ?? 0,
    eventName: record.eventName,
    resource: record.resource,
    instrumentationScope: record.instrumentationScope,
  } as EmittedRecord;
}

function timeOf([seconds, nanos]: EmittedRecord['hrTime']): EmittedRecord['hrTime'] {
  return [Number(seconds), Number(nanos)];
}

function spanOf(span: EmittedRecord['spanContext']): EmittedRecord['spanContext'] {
  return (
    span && {
      traceId: String(span.traceId),
      spanId: String(span.spanId),
      traceFlags: Number(span.traceFlags),
    }
  );
}

function read<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
