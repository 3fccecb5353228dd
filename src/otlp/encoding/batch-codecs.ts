/** Codecs of both forms of batches: encoded batches and batches of records, to OTLP requests and back. */

import { WireReader } from '../../protobuf/wire-reader.ts';
import type { BatchCodec, EmittedRecord } from '../../queue/log-batch.ts';
import { RecordBatch } from '../../records/record-batch.ts';
import { RecordSnapshot } from '../../records/record-snapshot.ts';
import { EncodedBatch } from './encoded-batch.ts';
import { type Envelope, EnvelopeEncoder } from './envelope-encoder.ts';
import { readRecord } from './record-decoder.ts';
import type { Resource, Scope } from './record-groups.ts';
import { resourceOf, scopeOf, sectionsOf } from './request-decoder.ts';

/** The framing of a group may take this much more than in the payload. */
const SLACK_BYTES = 64;

interface Known<T> {
  readonly envelope: Envelope;
  readonly value: T;
}

/** Decodes no record. */
export class EncodedBatchCodec implements BatchCodec<EncodedBatch> {
  readonly #envelopes: EnvelopeEncoder;
  readonly #maxRecordBytes: number;
  /**
   * Of the last payload, in order. The next payload most likely has equal ones, and batches that share them can be
   * joined without repeating them. Equal ones within a payload stay separate: merged, they would reorder its records.
   */
  #resources: Known<Resource>[] = [];
  #scopes: Known<Scope>[] = [];

  constructor(envelopes: EnvelopeEncoder, maxRecordBytes: number) {
    this.#envelopes = envelopes;
    this.#maxRecordBytes = maxRecordBytes;
  }

  encode(batch: EncodedBatch): Uint8Array {
    batch.regroup();
    return batch.toRequest();
  }

  /** Resources and scopes without records are left out. */
  decode(payload: Uint8Array): EncodedBatch {
    const sections = sectionsOf(payload);
    const tailBytes = sections[0]?.envelope.tail.length ?? 0;
    const capacityBytes = payload.length + tailBytes + SLACK_BYTES;
    const batch = new EncodedBatch(this.#envelopes, this.#maxRecordBytes, capacityBytes);
    const resources: Known<Resource>[] = [];
    const scopes: Known<Scope>[] = [];
    for (const [index, section] of sections.entries()) {
      const resource = known(section.envelope, this.#resources[index], (envelope) =>
        this.#envelopes.resourceOf(envelope),
      );
      resources.push(resource);
      for (const { envelope, ranges } of section.scopes) {
        const scope = known(envelope, this.#scopes[scopes.length], (own) => this.#envelopes.scopeOf(own));
        scopes.push(scope);
        batch.addEncoded(resource.value, scope.value, payload, ranges);
      }
    }
    this.#resources = resources;
    this.#scopes = scopes;
    return batch;
  }
}

function known<T>(envelope: Envelope, last: Known<T> | undefined, open: (envelope: Envelope) => T): Known<T> {
  if (last?.envelope.head.equals(envelope.head) && last.envelope.tail.equals(envelope.tail)) return last;
  // Copied, so that these few bytes do not keep the payload alive.
  const own = { head: Buffer.from(envelope.head), tail: Buffer.from(envelope.tail), bytes: envelope.bytes };
  return { envelope: own, value: open(own) };
}

/** Keeps every field that OTLP can hold. */
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
