/** Encodes a log record as an OTLP `LogRecord`, within a limit: as it is, or what of it fits and can be read. */

import { LimitReached, type WireWriter } from '../../protobuf/wire-writer.ts';
import type { EmittedRecord } from '../../queue/log-batch.ts';
import { RecordSnapshot } from '../../records/record-snapshot.ts';
import {
  ATTRIBUTES,
  BODY,
  DROPPED_ATTRIBUTES,
  EVENT_NAME,
  FLAGS,
  LOG_RECORDS,
  OBSERVED_TIME,
  SEVERITY_NUMBER,
  SEVERITY_TEXT,
  SPAN_ID,
  TIME,
  TRACE_ID,
} from './tags.ts';
import { writeAttributes, writeValue } from './value-encoder.ts';

const TRACE_ID_DIGITS = 32;
const SPAN_ID_DIGITS = 16;
/** All of a record that is of fixed size, with its tags. */
const FIXED_BYTES = 128;

/** What of a record is encoded. Every field may hold anything: a processor before ours may have set it. */
type EncodableRecord = Pick<
  EmittedRecord,
  | 'hrTime'
  | 'hrTimeObserved'
  | 'severityNumber'
  | 'severityText'
  | 'body'
  | 'attributes'
  | 'droppedAttributesCount'
  | 'spanContext'
  | 'eventName'
>;

/** What the length of the last record took: the next one is most likely as long. */
let guessedLengthBytes = 1;

/**
 * Writes the record with its length before it; the tag is the caller's.
 * @throws what reading the record throws; the writer's position is then somewhere behind where it was.
 */
function writeLogRecord(writer: WireWriter, record: EncodableRecord): void {
  writer.ensure(FIXED_BYTES);
  const reserved = guessedLengthBytes;
  const start = writer.position;
  let position = start + reserved;
  writer.buffer[position] = TIME;
  position = writer.putTime(position + 1, record.hrTime);
  const severityNumber = record.severityNumber;
  if (severityNumber !== undefined && severityNumber > 0) {
    writer.buffer[position] = SEVERITY_NUMBER;
    position = writer.putVarint32(position + 1, severityNumber);
  }
  writer.position = position;
  writeText(writer, SEVERITY_TEXT, record.severityText);
  const body: unknown = record.body;
  if (body !== undefined) {
    writer.ensure(1);
    writer.byte(BODY);
    writeValue(writer, body);
  }
  const attributes = record.attributes;
  if (attributes != null) writeAttributes(writer, ATTRIBUTES, attributes as Record<string, unknown>);
  writer.ensure(FIXED_BYTES);
  if (record.droppedAttributesCount > 0) {
    writer.byte(DROPPED_ATTRIBUTES);
    writer.varint32(record.droppedAttributesCount);
  }
  const span = record.spanContext;
  if (span != null) {
    if (span.traceFlags) {
      writer.byte(FLAGS);
      writer.fixed32(span.traceFlags);
    }
    writeHex(writer, TRACE_ID, span.traceId, TRACE_ID_DIGITS);
    writeHex(writer, SPAN_ID, span.spanId, SPAN_ID_DIGITS);
  }
  writer.byte(OBSERVED_TIME);
  writer.position = writer.putTime(writer.position, record.hrTimeObserved);
  writeText(writer, EVENT_NAME, record.eventName);
  guessedLengthBytes = writer.endLength(start, reserved);
}

function writeText(writer: WireWriter, tag: number, text: string | undefined): void {
  if (text === undefined || text === '' || text === null) return;
  writer.ensure(16);
  writer.byte(tag);
  // Typed callers pass strings; others have been seen to pass numbers.
  writer.string(typeof text === 'string' ? text : String(text));
}

/**
 * An identifier of so many hexadecimal digits as bytes; nothing if it is not one, as a collector refuses a whole
 * request for an identifier of another length. The caller has made room.
 */
function writeHex(writer: WireWriter, tag: number, digits: string | undefined, length: number): void {
  if (digits?.length !== length) return;
  const buffer = writer.buffer;
  let position = writer.position;
  buffer[position++] = tag;
  buffer[position++] = length >> 1;
  for (let index = 0; index < length; index += 2) {
    const high = digits.charCodeAt(index);
    const low = digits.charCodeAt(index + 1);
    if ((high | low) > 0x7f) return;
    const byte = ((nibbles[high] as number) << 4) | (nibbles[low] as number);
    if (byte < 0) return;
    buffer[position++] = byte;
  }
  writer.position = position;
}

/** The values of hexadecimal digits by their code; -1 for every other one. */
const nibbles = Int8Array.from({ length: 0x80 }, (_, code) =>
  /[\da-f]/i.test(String.fromCharCode(code)) ? Number.parseInt(String.fromCharCode(code), 16) : -1,
);

/** More than the encoder asks for beyond what it writes. */
const SLACK_BYTES = 512;

/*
 * A record that cannot be encoded as it is, is encoded from a snapshot, whose budget is in estimated bytes of
 * heap: a text has from one to three on the wire for two of those, and small objects far fewer.
 */
const UNREADABLE_BUDGET = 4;
const TOO_LARGE_BUDGET = 2;
const CUT_SHARE = 0.5;
/** From this budget nothing is left that takes the smallest `maxRecordBytes` there is on the wire. */
const MIN_BUDGET_BYTES = 512;

/**
 * Writes a record as a field of ScopeLogs of `maxBytes` at most.
 * @throws if the record cannot be read at all; nothing is written then.
 */
export function writeFitting(writer: WireWriter, record: EmittedRecord, maxBytes: number): void {
  let budget = maxBytes * TOO_LARGE_BUDGET;
  try {
    if (isWritten(writer, record, maxBytes)) return;
  } catch {
    // A value that cannot be read, or is circular, or too deep: the snapshot has a placeholder for it.
    budget = maxBytes * UNREADABLE_BUDGET;
  }
  while (!isWritten(writer, new RecordSnapshot(record, budget), maxBytes)) {
    if (budget <= MIN_BUDGET_BYTES) throw new RangeError('the record cannot be cut down to maxRecordBytes');
    budget = Math.max(budget * CUT_SHARE, MIN_BUDGET_BYTES);
  }
}

/** Writes a record, unless it takes more than `maxBytes`. */
function isWritten(writer: WireWriter, record: EmittedRecord | RecordSnapshot, maxBytes: number): boolean {
  const start = writer.position;
  let fits = false;
  try {
    writer.limit = start + maxBytes + SLACK_BYTES;
    writer.ensure(1);
    writer.byte(LOG_RECORDS);
    writeLogRecord(writer, record as EmittedRecord);
    fits = writer.position - start <= maxBytes;
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
  } finally {
    writer.limit = Number.POSITIVE_INFINITY;
    if (!fits) writer.position = start;
  }
  return fits;
}
