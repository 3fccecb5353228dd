/** Encodes one log record as an OTLP `LogRecord`. */

import type { EmittedRecord } from '../queue/log-batch.ts';
import { writeAttributes, writeValue } from './value-encoder.ts';
import type { WireWriter } from './wire-writer.ts';

/*
 * opentelemetry/proto/logs/v1/logs.proto, LogRecord:
 *   fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5;
 *   repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8;
 *   bytes trace_id = 9; bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12
 */
const TIME = 0x09;
const SEVERITY_NUMBER = 0x10;
const SEVERITY_TEXT = 0x1a;
const BODY = 0x2a;
const ATTRIBUTES = 0x32;
const DROPPED_ATTRIBUTES = 0x38;
const FLAGS = 0x45;
const TRACE_ID = 0x4a;
const SPAN_ID = 0x52;
const OBSERVED_TIME = 0x59;
const EVENT_NAME = 0x62;

const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** What of a record is encoded. Every field may hold anything: a processor before ours may have set it. */
export type EncodableRecord = Pick<
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

/**
 * Writes the record with its length before it; the tag is the caller's.
 * @throws what reading the record throws; the writer's position is then somewhere behind where it was.
 */
export function writeLogRecord(writer: WireWriter, record: EncodableRecord): void {
  const start = writer.beginLength();
  writer.ensure(32);
  writer.byte(TIME);
  writeTime(writer, record.hrTime);
  const severityNumber = record.severityNumber;
  if (severityNumber !== undefined && severityNumber > 0) {
    writer.byte(SEVERITY_NUMBER);
    writer.varint(severityNumber);
  }
  writeText(writer, SEVERITY_TEXT, record.severityText);
  const body: unknown = record.body;
  if (body !== undefined) {
    writer.ensure(16);
    writer.byte(BODY);
    writeValue(writer, body);
  }
  const attributes = record.attributes;
  if (attributes != null) writeAttributes(writer, ATTRIBUTES, attributes as Record<string, unknown>);
  writer.ensure(96);
  if (record.droppedAttributesCount > 0) {
    writer.byte(DROPPED_ATTRIBUTES);
    writer.varint(record.droppedAttributesCount);
  }
  const span = record.spanContext;
  if (span !== undefined) {
    if (span.traceFlags) {
      writer.byte(FLAGS);
      writer.fixed32(span.traceFlags);
    }
    writeHex(writer, TRACE_ID, span.traceId);
    writeHex(writer, SPAN_ID, span.spanId);
  }
  writer.byte(OBSERVED_TIME);
  writeTime(writer, record.hrTimeObserved);
  writeText(writer, EVENT_NAME, record.eventName);
  writer.endLength(start);
}

function writeText(writer: WireWriter, tag: number, text: string | undefined): void {
  if (text === undefined || text === '' || text === null) return;
  writer.ensure(16);
  writer.byte(tag);
  // Typed callers pass strings; others have been seen to pass numbers.
  writer.string(typeof text === 'string' ? text : String(text));
}

/**
 * Seconds and nanoseconds as one 64-bit count of nanoseconds, in halves: the product needs more than the
 * 53 bits of a double, so 10^9 is split into 15258 * 2^16 + 51712, which keeps every step exact. The bit
 * operators take a double modulo 2^32, far faster than `%` does.
 */
function writeTime(writer: WireWriter, time: readonly [number, number]): void {
  const seconds = time[0];
  const upper = seconds * 15258;
  const lower = ((upper & 0xffff) >>> 0) * TWO_16 + seconds * 51712 + time[1];
  writer.fixed64(lower >>> 0, Math.floor(upper / TWO_16) + Math.floor(lower / TWO_32));
}

/** An identifier of hexadecimal digits as bytes; nothing if it is not one. */
function writeHex(writer: WireWriter, tag: number, digits: string | undefined): void {
  if (digits === undefined || digits.length === 0 || digits.length > 64) return;
  const start = writer.position;
  writer.ensure(digits.length + 2);
  writer.byte(tag);
  writer.byte(digits.length >> 1);
  for (let index = 0; index < digits.length; index += 2) {
    const byte = (nibble(digits.charCodeAt(index)) << 4) | nibble(digits.charCodeAt(index + 1));
    if (byte < 0) {
      writer.position = start;
      return;
    }
    writer.byte(byte);
  }
}

/** The value of a hexadecimal digit, -1 for anything else. */
function nibble(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  return -1;
}
