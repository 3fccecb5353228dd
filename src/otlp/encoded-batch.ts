/** The batch of the OTLP lane: records as the bytes that will be sent, encoded once, when they are admitted. */

import type { EmittedRecord, LogBatch } from '../queue/log-batch.ts';
import { RecordSnapshot } from '../queue/record-snapshot.ts';
import { writeLogRecord } from './record-encoder.ts';
import { buildRequest, FRAMING_BYTES, frameOf, type RecordGroup } from './request-builder.ts';
import type { SourceEncoder } from './source-encoder.ts';
import { WireWriter } from './wire-writer.ts';

/** ScopeLogs { …; repeated LogRecord log_records = 2; … } */
const LOG_RECORDS = 0x12;

/** A record that is too large is cut to this share of the limit first: a text of three-byte characters may need it. */
const CUT_SHARE = 0.5;
const MAX_CUTS = 8;

interface Group extends RecordGroup {
  records: number;
  /** What its resource and scope add to a request, counted while the group has records. */
  readonly frameBytes: number;
}

/**
 * Each record is a complete field of ScopeLogs (tag, length, message). Fields of a repeated message may
 * stand in any number, and concatenated encodings are the encoding of the merged message (Protocol Buffers,
 * "Encoding", "Last One Wins"), so records are removed, split off and joined as ranges of bytes and never
 * decoded.
 *
 * Invariant: the records lie one after the other, in order, from `#start` to the writer's position; record
 * `i` ends at `#ends[i]`. `bytes` is never less than the body of a request with these records, and more by
 * a few bytes of framing only.
 */
export class EncodedBatch implements LogBatch {
  readonly #sources: SourceEncoder;
  readonly #maxRecordBytes: number;
  readonly #writer: WireWriter;
  readonly #groups: Group[] = [];
  #ends: number[] = [];
  /** Which group each record belongs to; not kept while there is only one. */
  #groupIndexes: number[] | undefined;
  #head = 0;
  #start = 0;
  #bytes = 0;

  constructor(sources: SourceEncoder, maxRecordBytes: number, capacityBytes: number) {
    this.#sources = sources;
    this.#maxRecordBytes = maxRecordBytes;
    this.#writer = new WireWriter(capacityBytes);
  }

  get records(): number {
    return this.#ends.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How much of its buffer the batch has used: what the next one of its kind may need. */
  get usedBytes(): number {
    return this.#writer.position;
  }

  add(record: EmittedRecord): number {
    const before = this.#bytes;
    const groupIndex = this.#groupOf(record.resource, record.instrumentationScope);
    const start = this.#writer.position;
    try {
      this.#encode(record);
    } catch (error) {
      this.#writer.position = start;
      throw error;
    }
    this.#entered(groupIndex, this.#writer.position - start, this.#writer.position);
    return this.#bytes - before;
  }

  shift(): number {
    if (this.records === 0) return 0;
    const start = this.#start;
    const end = this.#ends[this.#head] as number;
    this.#start = end;
    return this.#left(this.#groupIndexAt(this.#head++), end - start);
  }

  pop(): number {
    if (this.records === 0) return 0;
    const groupIndex = this.#groupIndexAt(this.#ends.length - 1);
    const end = this.#ends.pop() as number;
    this.#groupIndexes?.pop();
    const start = this.records === 0 ? this.#start : (this.#ends[this.#ends.length - 1] as number);
    // No record lies behind this one, so its bytes may be written over.
    this.#writer.position = start;
    return this.#left(groupIndex, end - start);
  }

  split(records: number): EncodedBatch {
    const count = Math.min(records, this.records);
    const end = count === 0 ? this.#start : (this.#ends[this.#head + count - 1] as number);
    const part = new EncodedBatch(this.#sources, this.#maxRecordBytes, end - this.#start);
    part.#copy(this, count);
    for (let index = 0; index < count; index++) this.shift();
    return part;
  }

  append(next: EncodedBatch): void {
    this.#copy(next, next.records);
  }

  /** The resources in here that do not have all their attributes yet. */
  get pendingResources(): EmittedRecord['resource'][] {
    return this.#groups.flatMap(({ resource }) => (resource?.asyncAttributesPending ? [resource] : []));
  }

  /**
   * The body of a request with all records, each group's in the order of admission. It may share the memory of
   * the batch: it is not to be used any more once the batch has changed.
   */
  toRequest(): Buffer {
    return (
      this.#requestInPlace() ?? buildRequest(this.#sources, this.#groups, (group) => this.#ranges(group))
    );
  }

  /** Nearly every batch has one group, and room before its records for what has to stand there. */
  #requestInPlace(): Buffer | undefined {
    const [group, another] = this.#groups;
    if (group === undefined || another !== undefined || group.records === 0) return undefined;
    const end = this.#writer.position;
    const { head, tail } = frameOf(this.#sources, group, end - this.#start);
    // More than was expected, if its resource has got attributes since.
    if (head.length > this.#start) return undefined;
    head.copy(this.#writer.buffer, this.#start - head.length);
    this.#writer.raw(tail);
    this.#writer.position = end;
    return this.#writer.buffer.subarray(this.#start - head.length, end + tail.length);
  }

  #encode(record: EmittedRecord): void {
    const start = this.#writer.position;
    let whole = true;
    try {
      this.#write(record);
    } catch {
      // A value that cannot be read, or is circular, or too deep: the snapshot has a placeholder for it.
      whole = false;
    }
    let budget = whole ? this.#maxRecordBytes * CUT_SHARE : this.#maxRecordBytes;
    for (let cuts = 0; !whole || this.#writer.position - start > this.#maxRecordBytes; cuts++) {
      if (cuts === MAX_CUTS) throw new RangeError('the record cannot be cut down to maxRecordBytes');
      this.#writer.position = start;
      this.#write(new RecordSnapshot(record, budget));
      whole = true;
      budget *= CUT_SHARE;
    }
  }

  #write(record: EmittedRecord | RecordSnapshot): void {
    this.#writer.ensure(1);
    this.#writer.byte(LOG_RECORDS);
    writeLogRecord(this.#writer, record as EmittedRecord);
  }

  /** Nearly always the group of the record before. */
  #groupOf(resource: EmittedRecord['resource'], scope: EmittedRecord['instrumentationScope']): number {
    const groups = this.#groups;
    for (let index = groups.length - 1; index >= 0; index--) {
      const group = groups[index] as Group;
      if (group.scope === scope && group.resource === resource) return index;
    }
    const frames = [this.#sources.resourceFrame(resource), this.#sources.scopeFrame(scope)];
    const frameBytes = frames.reduce((sum, { head, tail }) => sum + head.length + tail.length, FRAMING_BYTES);
    if (groups.length === 0) {
      this.#writer.skip(frameBytes);
      this.#start = frameBytes;
    }
    if (groups.length === 1) this.#groupIndexes = new Array(this.#ends.length).fill(0);
    groups.push({ resource, scope, records: 0, frameBytes });
    return groups.length - 1;
  }

  #groupIndexAt(record: number): number {
    return this.#groupIndexes?.[record] ?? 0;
  }

  /** Counts a record that has been written up to `end`. */
  #entered(groupIndex: number, bytes: number, end: number): void {
    const group = this.#groups[groupIndex] as Group;
    if (group.records++ === 0) this.#bytes += group.frameBytes;
    this.#bytes += bytes;
    this.#ends.push(end);
    this.#groupIndexes?.push(groupIndex);
  }

  #left(groupIndex: number, bytes: number): number {
    const group = this.#groups[groupIndex] as Group;
    const total = --group.records === 0 ? bytes + group.frameBytes : bytes;
    this.#bytes -= total;
    return total;
  }

  /** Copies the oldest `count` records of another batch behind the own ones. */
  #copy(other: EncodedBatch, count: number): void {
    let start = other.#start;
    for (let index = other.#head; index < other.#head + count; index++) {
      const end = other.#ends[index] as number;
      const { resource, scope } = other.#groups[other.#groupIndexAt(index)] as Group;
      const groupIndex = this.#groupOf(resource, scope);
      this.#writer.raw(other.#writer.buffer, start, end);
      this.#entered(groupIndex, end - start, this.#writer.position);
      start = end;
    }
  }

  /** The bytes of a group's records, as few ranges as possible. */
  #ranges(group: RecordGroup): Buffer[] {
    const wanted = this.#groups.indexOf(group as Group);
    const ranges: Buffer[] = [];
    let start = this.#start;
    let from = start;
    let to = start;
    for (let index = this.#head; index < this.#ends.length; index++) {
      const end = this.#ends[index] as number;
      if (this.#groupIndexAt(index) === wanted) {
        if (to !== start) {
          if (to > from) ranges.push(this.#writer.buffer.subarray(from, to));
          from = start;
        }
        to = end;
      }
      start = end;
    }
    if (to > from) ranges.push(this.#writer.buffer.subarray(from, to));
    return ranges;
  }
}
