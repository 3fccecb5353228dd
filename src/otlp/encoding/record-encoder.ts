/** Encodes a log record as an OTLP `LogRecord` within a size limit, shortened if necessary. */

import { validSeverity } from '../../common/severity-counts.ts';
import { LimitReached, type WireWriter } from '../../protobuf/wire-writer.ts';
import type { EmittedRecord } from '../../queue/log-batch.ts';
import { RecordSnapshot, validCount } from '../../records/record-snapshot.ts';
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
/** Room for all fields of fixed size, with their tags. */
const FIXED_BYTES = 128;

/** The encoded fields. Despite their types they may hold anything: an earlier processor may have set them. */
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

/** Size of the last record's length prefix: the next record most likely needs the same. */
let guessedLengthBytes = 1;

/** Writes the record, length-prefixed, without its tag. If reading throws, the writer's position is undefined. */
function writeLogRecord(writer: WireWriter, record: EncodableRecord): void {
  writer.ensure(FIXED_BYTES);
  const reserved = guessedLengthBytes;
  const start = writer.position;
  let position = start + reserved;
  writer.buffer[position] = TIME;
  position = writer.putTime(position + 1, record.hrTime);
  const severityNumber = validSeverity(record.severityNumber);
  if (severityNumber > 0) {
    writer.buffer[position] = SEVERITY_NUMBER;
    writer.buffer[position + 1] = severityNumber;
    position += 2;
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
  const droppedAttributes = validCount(record.droppedAttributesCount);
  if (droppedAttributes > 0) {
    writer.byte(DROPPED_ATTRIBUTES);
    writer.varint32(droppedAttributes);
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
  // Applications in plain JavaScript have been seen to pass numbers.
  writer.string(typeof text === 'string' ? text : String(text));
}

/** Writes nothing for an invalid identifier: a collector would refuse the request. The caller has ensured the room. */
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

/** Values of hexadecimal digits by character code; -1 for all others. */
const nibbles = Int8Array.from({ length: 0x80 }, (_, code) =>
  /[\da-f]/i.test(String.fromCharCode(code)) ? Number.parseInt(String.fromCharCode(code), 16) : -1,
);

/** More than the encoder ever reserves beyond the bytes it writes. */
const SLACK_BYTES = 512;

/*
 * Budgets of the snapshot that replaces a record which cannot be encoded, in heap bytes per byte of `maxBytes`: two
 * heap bytes of a text become one to three on the wire, and small objects take far fewer there.
 */
const UNREADABLE_BUDGET = 4;
const TOO_LARGE_BUDGET = 2;
const CUT_SHARE = 0.5;
/** A snapshot of this budget fits into the smallest `maxRecordBytes`. */
const MIN_BUDGET_BYTES = 512;

/** Writes a record as a field of ScopeLogs. @throws if it cannot be read or cut down; nothing is written then. */
export function writeFitting(writer: WireWriter, record: EmittedRecord, maxBytes: number): void {
  let budget = maxBytes * TOO_LARGE_BUDGET;
  try {
    if (isWritten(writer, record, maxBytes)) return;
  } catch {
    // A value is unreadable, circular or too deep: the snapshot has a placeholder for it.
    budget = maxBytes * UNREADABLE_BUDGET;
  }
  let snapshot = new RecordSnapshot(record, budget);
  while (!isWritten(writer, snapshot, maxBytes)) {
    if (budget <= MIN_BUDGET_BYTES) throw new RangeError('the record cannot be cut down to maxRecordBytes');
    budget = Math.max(budget * CUT_SHARE, MIN_BUDGET_BYTES);
    // The record itself is not read again: it may hold far more.
    snapshot = new RecordSnapshot(snapshot, budget);
  }
}

/** @returns false, with nothing written, if the record takes more than `maxBytes`. */
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
