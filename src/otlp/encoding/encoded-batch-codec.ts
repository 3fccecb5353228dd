/** Converts batches of encoded records to requests and back, without decoding a record. */

import type { BatchCodec } from '../../queue/log-batch.ts';
import { EncodedBatch } from './encoded-batch.ts';
import type { Envelope, EnvelopeEncoder } from './envelope-encoder.ts';
import type { Resource, Scope } from './record-groups.ts';
import { sectionsOf } from './request-decoder.ts';

/** The framing of a group may take this much more than in the payload. */
const SLACK_BYTES = 64;

interface Known<T> {
  readonly envelope: Envelope;
  readonly value: T;
}

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
