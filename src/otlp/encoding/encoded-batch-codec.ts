/** Stores batches of encoded records as the requests they are, and takes them back without decoding a record. */

import type { BatchCodec } from '../../queue/log-batch.ts';
import { EncodedBatch } from './encoded-batch.ts';
import type { Frame, SourceEncoder } from './envelope-encoder.ts';
import type { Resource, Scope } from './record-groups.ts';
import { sectionsOf } from './request-decoder.ts';

/** What the framing of one group may take beyond what it took in the payload. */
const SLACK_BYTES = 64;

interface Known<T> {
  readonly frame: Frame;
  readonly source: T;
}

export class EncodedBatchCodec implements BatchCodec<EncodedBatch> {
  readonly #sources: SourceEncoder;
  readonly #maxRecordBytes: number;
  /**
   * Sources of the last payload, by their place in it. The next one most likely has the same, and batches that
   * share them can be joined without repeating them. Two sources of one payload stay two even if they are equal:
   * put together they would change the order of the records.
   */
  #resources: Known<Resource>[] = [];
  #scopes: Known<Scope>[] = [];

  constructor(sources: SourceEncoder, maxRecordBytes: number) {
    this.#sources = sources;
    this.#maxRecordBytes = maxRecordBytes;
  }

  encode(batch: EncodedBatch): Uint8Array {
    batch.regroup();
    return batch.toRequest();
  }

  /** A resource or a scope without records is left out. */
  decode(payload: Uint8Array): EncodedBatch {
    const sections = sectionsOf(payload);
    const tailBytes = sections[0]?.frame.tail.length ?? 0;
    const capacityBytes = payload.length + tailBytes + SLACK_BYTES;
    const batch = new EncodedBatch(this.#sources, this.#maxRecordBytes, capacityBytes);
    const resources: Known<Resource>[] = [];
    const scopes: Known<Scope>[] = [];
    for (const [index, section] of sections.entries()) {
      const resource = known(section.frame, this.#resources[index], (frame) =>
        this.#sources.resourceOf(frame),
      );
      resources.push(resource);
      for (const { frame, ranges } of section.scopes) {
        const scope = known(frame, this.#scopes[scopes.length], (own) => this.#sources.scopeOf(own));
        scopes.push(scope);
        batch.addEncoded(resource.source, scope.source, payload, ranges);
      }
    }
    this.#resources = resources;
    this.#scopes = scopes;
    return batch;
  }
}

function known<T>(frame: Frame, last: Known<T> | undefined, open: (frame: Frame) => T): Known<T> {
  if (last?.frame.head.equals(frame.head) && last.frame.tail.equals(frame.tail)) return last;
  // The payload is not kept for the sake of these few bytes.
  const own = { head: Buffer.from(frame.head), tail: Buffer.from(frame.tail), bytes: frame.bytes };
  return { frame: own, source: open(own) };
}
