/** Contents of one segment file, read without changing anything. */

import type { SeverityCounts } from '../../common/severity-counts.ts';
import { EncodedBatchCodec } from '../../otlp/encoding/batch-codecs.ts';
import type { EncodedBatch } from '../../otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../otlp/encoding/envelope-encoder.ts';
import { isTooLarge, readAcks } from '../../spool/format/ack-reader.ts';
import { countRecords, type RecordRange, without } from '../../spool/format/entry.ts';
import { isMissing, type SpoolFiles } from '../../spool/format/file-system.ts';
import { FrameTable } from '../../spool/format/frame-table.ts';
import { ACK_BYTES, acksIn, FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../../spool/format/layout.ts';
import { SegmentReader } from '../../spool/format/segment-reader.ts';
import type { ScannedSegment } from '../../spool/format/segment-scan.ts';
import { counted } from '../console/words.ts';
import type { Findings } from './findings.ts';

/** The payload can be read while the segment is open. */
export interface StoredBatch {
  /** Relative to the directory of the spool. */
  readonly path: string;
  readonly index: number;
  /** Records as stored; `remaining` and `pending` are those not settled. */
  readonly records: number;
  readonly remaining: readonly RecordRange[];
  readonly pending: number;
  readonly severities: SeverityCounts;
  readonly openedAtUnixMillis: number;
  /** @returns undefined if it is damaged or unreadable, which becomes a finding. */
  read(): Promise<Buffer | undefined>;
}

interface Opened extends ScannedSegment {
  readonly reader: SegmentReader;
  readonly bytes: number;
  readonly frames: FrameTable;
  readonly acks: Buffer;
}

export class SegmentContents {
  readonly bytes: number;
  readonly ackBytes: number;
  /** Whether its format is newer than ours. */
  readonly isNewer: boolean;
  /** Does not change when the partition is renamed. */
  readonly identity: string;
  readonly #path: string;
  readonly #reader: SegmentReader;
  readonly #findings: Findings;
  readonly #frames: FrameTable;
  readonly #remaining: ReadonlyMap<number, readonly RecordRange[]>;

  private constructor(
    path: string,
    { reader, bytes, frames, header, salt, acks }: Opened,
    findings: Findings,
  ) {
    this.#path = path;
    this.#reader = reader;
    this.bytes = bytes;
    this.isNewer = header.kind === 'newer';
    this.identity = `${salt}/${path.split('/').at(-1)}`;
    this.ackBytes = acks.length;
    this.#frames = frames;
    this.#remaining = salt === undefined ? new Map() : remainders(frames, acks, salt);
    this.#findings = findings;
  }

  /**
   * @param file without extension. @param path as `file`, relative to the directory of the spool.
   * @returns undefined if it is missing, or unreadable, which becomes a finding.
   */
  static async open(
    file: string,
    path: string,
    files: SpoolFiles,
    findings: Findings,
  ): Promise<SegmentContents | undefined> {
    let reader: SegmentReader | undefined;
    try {
      reader = await SegmentReader.open(`${file}.seg`, files);
      const bytes = await reader.bytes();
      const frames = new FrameTable();
      const scanned = await reader.scan(bytes, (header, offset) => frames.add(header, offset));
      const acks = await acksOf(`${file}.ack`, `${path}.ack`, bytes, files, findings);
      // Fails for a segment deleted since: it was settled, whatever its acknowledgements said.
      await files.stat(`${file}.seg`);
      judge(`${path}.seg`, bytes, frames, scanned, findings);
      if (scanned.salt !== undefined) judgeAcks(`${path}.ack`, acks, scanned.salt, findings);
      return new SegmentContents(`${path}.seg`, { reader, bytes, frames, ...scanned, acks }, findings);
    } catch (error) {
      await reader?.close();
      if (!isMissing(error)) findings.unreadable(`${path}.seg`, error);
      return undefined;
    }
  }

  /** Includes settled batches. */
  *batches(): Generator<StoredBatch> {
    const frames = this.#frames;
    for (let position = 0; position < frames.length; position++) {
      const records = frames.records(position);
      const remaining = this.#remaining.get(position) ?? [[0, records]];
      yield {
        path: this.#path,
        index: frames.index(position),
        records,
        remaining,
        pending: countRecords(remaining),
        severities: frames.severities(position),
        openedAtUnixMillis: frames.openedAtUnixMillis(position),
        read: () => this.#read(position),
      };
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  async #read(position: number): Promise<Buffer | undefined> {
    const frames = this.#frames;
    let payload: Buffer | undefined;
    try {
      payload = await this.#reader.payload(frames, position);
    } catch (error) {
      this.#findings.unreadable(this.#path, error);
      return undefined;
    }
    if (payload === undefined) {
      const where = `batch ${frames.index(position)} with ${counted(frames.records(position), 'record')}`;
      this.#findings.damage(this.#path, `the checksum of ${where} is wrong`);
    }
    return payload;
  }
}

function remainders(frames: FrameTable, acks: Buffer, salt: number): Map<number, readonly RecordRange[]> {
  const remaining = new Map<number, readonly RecordRange[]>();
  for (const { index, first, records } of acksIn(acks, salt)) {
    const position = frames.positionOf(index);
    if (position === undefined) continue;
    const before = remaining.get(position) ?? [[0, frames.records(position)]];
    remaining.set(position, without(before, first, records));
  }
  return remaining;
}

async function acksOf(
  file: string,
  path: string,
  segmentBytes: number,
  files: SpoolFiles,
  findings: Findings,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    await readAcks(file, segmentBytes, files, (part) => parts.push(Buffer.from(part)));
  } catch (error) {
    // Without acknowledgements everything is pending, as it is for a sender.
    if (isTooLarge(error)) findings.damage(path, 'it is too large to hold acknowledgements of its segment');
    else if (!isMissing(error)) findings.unreadable(path, error);
    return Buffer.alloc(0);
  }
  return Buffer.concat(parts);
}

function judge(
  path: string,
  bytes: number,
  frames: FrameTable,
  { header, damagedBytes }: ScannedSegment,
  findings: Findings,
): void {
  if (header.kind === 'newer') {
    findings.newer(path);
    return;
  }
  let otherBytes = bytes - damagedBytes - (header.kind === 'known' ? SEGMENT_HEADER_BYTES : 0);
  for (let position = 0; position < frames.length; position++) {
    otherBytes -= FRAME_HEADER_BYTES + frames.payloadBytes(position);
  }
  // The header is written first: a shorter file is an interrupted creation, not damage.
  if (damagedBytes > 0 && bytes >= SEGMENT_HEADER_BYTES) {
    const what = header.kind === 'damaged' ? ', the header of the file among them' : '';
    findings.damage(path, `${counted(damagedBytes, 'byte')} are no batch${what}`);
  }
  if (otherBytes > 0) {
    findings.note(path, `${counted(otherBytes, 'byte')} of a write that has not come to its end`);
  }
}

function judgeAcks(path: string, acks: Buffer, salt: number, findings: Findings): void {
  const whole = Math.floor(acks.length / ACK_BYTES);
  let sound = 0;
  for (const _ of acksIn(acks, salt)) sound++;
  if (sound < whole) {
    findings.damage(path, `${counted(whole - sound, 'acknowledgement')} of ${whole} cannot be read`);
  }
}

/** Extracts records of a stored request. @param ranges records to keep; none for all. @throws RangeError if the payload is not an OTLP request. */
export function remainingRecordsOf(payload: Uint8Array, ranges: readonly RecordRange[]): EncodedBatch {
  const all = new EncodedBatchCodec(new EnvelopeEncoder(), Number.POSITIVE_INFINITY).decode(payload);
  let wanted: EncodedBatch | undefined;
  let at = 0;
  for (const [first, records] of ranges) {
    if (first > at) all.split(first - at);
    const part = all.split(records);
    if (wanted === undefined) wanted = part;
    else wanted.append(part);
    at = first + records;
  }
  return wanted ?? all;
}
