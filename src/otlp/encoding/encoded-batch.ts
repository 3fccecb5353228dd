/** The batch of the OTLP adapter: records as the bytes that will be sent, encoded once, on admission. */

import { noSeverities, type SeverityCounts, severityRange } from '../../common/severity-counts.ts';
import { WireReader } from '../../protobuf/wire-reader.ts';
import { WireWriter } from '../../protobuf/wire-writer.ts';
import type { BatchEnd, EmittedRecord, LogBatch } from '../../queue/log-batch.ts';
import { type EnvelopeEncoder, isPending } from './envelope-encoder.ts';
import { severityOf } from './record-decoder.ts';
import { writeFitting } from './record-encoder.ts';
import { type RecordGroup, RecordGroups } from './record-groups.ts';
import { envelopeAround, layOut } from './request-builder.ts';

/**
 * Each record is a complete field of ScopeLogs (tag, length, message). Fields of a repeated message may stand in any
 * number, and concatenated encodings are the encoding of the merged message (Protocol Buffers, "Encoding", "Last One
 * Wins"), so records are removed, split off and joined as ranges of bytes and never decoded.
 *
 * Invariant: the records lie one after the other, in order, from `#start` to the writer's position; record `i` ends at
 * `#ends[i]`. `bytes` is at least the size of the request body, and larger by at most four bytes for each resource and
 * scope; attributes that a resource gets later are not in it.
 */
export class EncodedBatch implements LogBatch {
  readonly #envelopes: EnvelopeEncoder;
  readonly #maxRecordBytes: number;
  readonly #groups: RecordGroups;
  #writer: WireWriter;
  #ends: number[] = [];
  /** Group of each record; undefined while there is only one group. */
  #groupIndexes: number[] | undefined;
  #head = 0;
  #start = 0;
  /** Start of the request that shares this buffer, once one was handed out. */
  #lentFrom: number | undefined;
  #reader: WireReader | undefined;

  constructor(envelopes: EnvelopeEncoder, maxRecordBytes: number, capacityBytes: number) {
    this.#envelopes = envelopes;
    this.#maxRecordBytes = maxRecordBytes;
    this.#groups = new RecordGroups(envelopes);
    this.#writer = new WireWriter(capacityBytes);
  }

  get records(): number {
    return this.#ends.length - this.#head;
  }

  get bytes(): number {
    return this.#groups.bytes;
  }

  /** Bytes used of the buffer: an estimate for the next batch. */
  get usedBytes(): number {
    return this.#writer.position;
  }

  add(record: EmittedRecord): number {
    const groupIndex = this.#groupOf(record.resource, record.instrumentationScope);
    const start = this.#writer.position;
    writeFitting(this.#writer, record, this.#maxRecordBytes);
    return this.#entered(groupIndex, start, this.#writer.position);
  }

  shift(): number {
    if (this.records === 0) return 0;
    const bytes = (this.#ends[this.#head] as number) - this.#start;
    this.#start += bytes;
    return this.#groups.left(this.#groupIndexAt(this.#head++), bytes);
  }

  pop(): number {
    if (this.records === 0) return 0;
    const groupIndex = this.#groupIndexAt(this.#ends.length - 1);
    const end = this.#ends.pop() as number;
    this.#groupIndexes?.pop();
    const start = this.records === 0 ? this.#start : (this.#ends[this.#ends.length - 1] as number);
    // This was the last record, so its bytes may be overwritten.
    this.#writer.position = start;
    return this.#groups.left(groupIndex, end - start);
  }

  split(records: number): EncodedBatch {
    const count = Math.min(records, this.records);
    const part = new EncodedBatch(this.#envelopes, this.#maxRecordBytes, this.bytes);
    part.#copy(this, count);
    for (let index = 0; index < count; index++) this.shift();
    return part;
  }

  append(next: EncodedBatch): void {
    this.#copy(next, next.records);
  }

  severityAt(end: BatchEnd): number {
    if (this.records === 0) return 0;
    const index = end === 'oldest' ? this.#head : this.#ends.length - 1;
    const start = index === this.#head ? this.#start : (this.#ends[index - 1] as number);
    return severityOf(this.#ownReader(), start, this.#ends[index] as number);
  }

  severities(): SeverityCounts {
    const counts = noSeverities();
    const reader = this.#ownReader();
    let start = this.#start;
    for (let index = this.#head; index < this.#ends.length; index++) {
      const end = this.#ends[index] as number;
      const range = severityRange(severityOf(reader, start, end));
      counts[range] = (counts[range] as number) + 1;
      start = end;
    }
    return counts;
  }

  regroup(): void {
    const order = this.#groups.inRequestOrder();
    if (order.length <= 1 || this.#isOrdered(order)) return;
    const ranges = this.#rangesByGroup();
    const groupIndexes: number[] = [];
    const ends: number[] = [];
    const writer = new WireWriter(this.#writer.position - this.#start);
    for (const [position, groupIndex] of order.entries()) {
      const ofGroup = ranges[groupIndex] as number[];
      for (let index = 0; index < ofGroup.length; index += 2) {
        writer.raw(this.#writer.buffer, ofGroup[index], ofGroup[index + 1]);
        ends.push(writer.position);
        groupIndexes.push(position);
      }
    }
    this.#groups.arrange(order);
    this.#groupIndexes = groupIndexes;
    this.#writer = writer;
    this.#ends = ends;
    this.#head = 0;
    this.#start = 0;
    this.#lentFrom = undefined;
    this.#reader = undefined;
  }

  /** @param ranges start and end of each record in `source`, including its tag and length. */
  addEncoded(
    resource: EmittedRecord['resource'],
    scope: EmittedRecord['instrumentationScope'],
    source: Uint8Array,
    ranges: readonly number[],
  ): void {
    if (ranges.length === 0) return;
    const groupIndex = this.#groupOf(resource, scope);
    for (let index = 0; index < ranges.length; ) {
      const start = ranges[index] as number;
      const offset = this.#writer.position - start;
      let end = start;
      // Neighbours are copied together.
      for (; index < ranges.length && ranges[index] === end; index += 2) {
        const next = ranges[index + 1] as number;
        this.#entered(groupIndex, end + offset, next + offset);
        end = next;
      }
      this.#writer.raw(source, start, end);
    }
  }

  get pendingResources(): EmittedRecord['resource'][] {
    return this.#groups.all.map(({ resource }) => resource).filter(isPending);
  }

  /** The request body, each group in order of admission. It may share the batch's memory: invalid after any change. */
  toRequest(): Buffer {
    const groups = this.#groups.all;
    return (
      (groups.length === 1 ? this.#requestInPlace(groups[0] as RecordGroup) : undefined) ?? this.#gathered()
    );
  }

  /** Nearly every batch has one group, and room for the envelope before its records. */
  #requestInPlace(group: RecordGroup): Buffer | undefined {
    const writer = this.#writer;
    // Not the writer's position: the process may exit while a record is half written.
    const end = this.#ends[this.#ends.length - 1] ?? this.#start;
    const { head, tail } = envelopeAround(this.#envelopes, group);
    const start = this.#start - head.length;
    // The resource may have got attributes since the room was reserved.
    if (start < 0 || group.records === 0) return undefined;
    // Disk or collector may still read the request that was handed out: its bytes must not change.
    this.#lentFrom ??= start;
    if (start !== this.#lentFrom) return undefined;
    writer.position = end;
    writer.raw(tail);
    writer.position = end;
    head.copy(writer.buffer, start);
    return writer.buffer.subarray(start, end + tail.length);
  }

  #groupOf(resource: EmittedRecord['resource'], scope: EmittedRecord['instrumentationScope']): number {
    const index = this.#groups.indexOf(resource, scope);
    if (index >= 0) return index;
    const frameBytes = this.#groups.open(resource, scope);
    const { length } = this.#groups.all;
    if (length === 1) {
      this.#writer.skip(frameBytes);
      this.#start = this.#writer.position;
    } else if (length === 2) {
      this.#groupIndexes = new Array(this.#ends.length).fill(0);
    }
    return length - 1;
  }

  #ownReader(): WireReader {
    // A writer that grows replaces its buffer.
    if (this.#reader?.buffer !== this.#writer.buffer) this.#reader = new WireReader(this.#writer.buffer);
    return this.#reader as WireReader;
  }

  /** Whether the groups are in this order, and the records in the order of their groups. */
  #isOrdered(order: readonly number[]): boolean {
    for (let index = 1; index < order.length; index++) {
      if ((order[index] as number) < (order[index - 1] as number)) return false;
    }
    for (let index = this.#head + 1; index < this.#ends.length; index++) {
      if (this.#groupIndexAt(index) < this.#groupIndexAt(index - 1)) return false;
    }
    return true;
  }

  /** For each group, start and end of each of its records. */
  #rangesByGroup(): number[][] {
    const ranges: number[][] = this.#groups.all.map(() => []);
    let start = this.#start;
    for (let index = this.#head; index < this.#ends.length; index++) {
      const end = this.#ends[index] as number;
      ranges[this.#groupIndexAt(index)]?.push(start, end);
      start = end;
    }
    return ranges;
  }

  #groupIndexAt(record: number): number {
    return this.#groupIndexes?.[record] ?? 0;
  }

  /** @returns the growth of the batch in bytes. */
  #entered(groupIndex: number, start: number, end: number): number {
    this.#ends.push(end);
    this.#groupIndexes?.push(groupIndex);
    return this.#groups.entered(groupIndex, end - start);
  }

  /** Appends copies of the oldest `count` records of another batch. */
  #copy(other: EncodedBatch, count: number): void {
    if (count === 0) return;
    const last = other.#head + count - 1;
    const groupIndexes: number[] = [];
    for (let index = other.#head; index <= last; index++) {
      const { resource, scope } = other.#groups.all[other.#groupIndexAt(index)] as RecordGroup;
      groupIndexes.push(this.#groupOf(resource, scope));
    }
    const offset = this.#writer.position - other.#start;
    this.#writer.raw(other.#writer.buffer, other.#start, other.#ends[last]);
    let start = other.#start;
    for (let index = other.#head; index <= last; index++) {
      const end = other.#ends[index] as number;
      this.#entered(groupIndexes[index - other.#head] as number, start + offset, end + offset);
      start = end;
    }
  }

  /** A request of several groups; adjacent records of a group are copied together. */
  #gathered(): Buffer {
    const { request, positions } = layOut(this.#envelopes, this.#groups.all);
    const { buffer } = this.#writer;
    let start = this.#start;
    let end = start;
    for (let index = this.#head; index < this.#ends.length; index++) {
      const groupIndex = this.#groupIndexAt(index);
      end = this.#ends[index] as number;
      if (index + 1 < this.#ends.length && this.#groupIndexAt(index + 1) === groupIndex) continue;
      const position = positions[groupIndex] as number;
      buffer.copy(request, position, start, end);
      positions[groupIndex] = position + end - start;
      start = end;
    }
    return request;
  }
}
